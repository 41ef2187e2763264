"""Two recordings compared, without a server: what a replay would say, had the one answered the other.

The clients' commands are paired first (`aligning`), for a client may ask another server other things.
Then the two are read side by side, and the second one's messages are matched with the first one's as a
replay matches its target's (`qmpconf.replay.play.match`): the same masks, bindings and words (`differing` has the
files, `session` one session of both, `outcome` what it came to).  How long calls
took is compared besides (`times`).
"""
