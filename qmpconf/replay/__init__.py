"""Replay: a trace played against another monitor, and what was different.

Four rooms on a common floor.  The floor is pure: what was said (`said`, `plan`), what may differ
(`masks`, `places`, `bindings`, `inference`), what does (`compare`, `difference`, `causes`, `upgrade`).

==========  ====================================================================================
`play`      a recording is played as its client, and what the target says is matched
`serve`     a recording answers as the server
`learn`     what differs between recordings of one scenario, as masks
`reduce`    the shortest recording that still shows a difference
==========  ====================================================================================

`learn` and `reduce` play, and `reduce` reads a recording as `serve` does; the floor knows no room.
"""
