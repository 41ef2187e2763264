"""Names that say that what they name is a secret: of members, options, headers and properties.

Pure data and two questions about it.  A name is judged by its last part: what stands behind the
last dot of ``file.password``.  QEMU's own members that hold the *id* of a secret object
(``password-secret``, ``key-secret``) name no secret, nor do files that hold one.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: What stands in a trace for a secret.
REPLACEMENT = "REDACTED"

#: With one of these in its name, all that a member holds is secret, however deep.
_WHOLE = ("passw", "passphrase", "passcode", "secret", "cookie")
#: With one of these in its name, a string is secret.
_STRINGS = ("token", "credential", "authorization", "apikey", "privkey", "privatekey")
#: With one of these words at the end of its name, a string is secret.
_LAST = frozenset({"pass", "pwd", "psk", "key"})
#: Names that end so hold an id, a file's name or a setting.
_REFERENCE = re.compile(
    r"(?:\A|[-_.])(?:key|password|cookie|new|old)-secret\Z|"
    r"(?:id|ids|file|filename|path|dir|type|format|policy|check|iters|offset|slot|slots|count|size|"
    r"len|length|time|expire|expires|enabled|missing|cookie64)\Z"
)
#: Azure's, and those of Amazon, Google and others.
_SIGNATURE = re.compile(r"sig|(?:[a-z-]*-)?signature").fullmatch
#: The keys of ``=keyvalue-pairs``, in which QEMU keeps the options of an rbd: file name.
PAIRS = "=keyvalue-pairs"

#: Values that a switch of such a name has, and that are not a secret.
SWITCHES = frozenset({"", "on", "off", "yes", "no", "true", "false", "none", "null"})

#: Parts of the words above, of the commands in `qmpconf.trace.redaction.places`, of what
#: `qmpconf.trace.redaction.text` finds, and of an escaped letter: in one of these a client's message
#: differs from one that surely holds no secret.  Those with a zero byte are two, which both stand there.
PARTS = (
    *(b"pass", b"pwd", b"psk", b"privkey", b"privatekey", b"cret", b"credential", b"ken", b"kie"),
    *(b"key", b"horis", b"horiz", b"human-", b"guest-exec", b"guest-set-u", b"guest-file-w"),
    *(
        b"?sig=",
        b"&sig=",
        b"gnature=",
        b"guest-ssh",
        b"qom-list-g",
        b"xec:",
        b'xec"',
        b"xec'",
        b"@",
        b"\\u",
        b"qom-\0data",
    ),
)
#: The same for a server's: see `is_telling`.
SIGNS = (b"@", b"=", b"passw", b"\\\0PRIVATE KEY", b"\\\0uthorization", b"\\\0ookie:")
#: The parts as a pattern.  Each begins with a letter that is rare in QMP: that makes it fast.
_PARTS = re.compile(
    rb"p(?:ass|wd|sk|rivkey|rivatekey)|cre(?:t|dential)|k(?:en|ie|ey)|h(?:ori[sz]|uman-)|"
    rb"guest-(?:exec|set-u|file-w|ssh)|qom-list-g|xec[:\"']|@|\\u|[?&]sig=|gnature="
).search


#: An id at the end of a message, which no rule replaces: clients count with it, and say the same besides.
_ID = re.compile(rb'"id": ?(?:"[\w.-]{0,64}"|[0-9]{1,20})\}').fullmatch
#: Messages without their ids that hold no secret: the newest ones, and none that is longer than this.
_MOST_KNOWN, _LONGEST_KNOWN = 1000, 1000
_harmless: dict[bytes, None] = {}


def is_suspicious(data: bytes) -> bool:
    """Whether a client's message may hold a secret, or ask for one: one look at its bytes."""
    if len(data) > _LONGEST_KNOWN:
        return _may_hold(data)
    if _without_id(data) in _harmless:
        return False
    if _may_hold(data):
        return True
    remember(data)
    return False


def remember(data: bytes) -> None:
    """A client's message holds no secret, and asks for none, whatever its id is."""
    if len(data) <= _LONGEST_KNOWN:
        if len(_harmless) >= _MOST_KNOWN:
            del _harmless[next(iter(_harmless))]
        _harmless[_without_id(data)] = None


def _without_id(data: bytes) -> bytes:
    at = data.rfind(b'"id"')
    return data[:at] if at > 0 and _ID(data, at) else data


def _may_hold(data: bytes) -> bool:
    data = data.lower()
    return _PARTS(data) is not None or (b"data" in data and b"qom-" in data)


#: Bytes that begin a secret, or announce one, in what is not JSON.
SENSITIVE = re.compile(
    rb"passw(?:or)?d?|passphrase|passcode|(?<![a-z])(?:pass|pwd|psk|key)(?![a-z])|secret|cookie|token|"
    rb"credential|authori[sz]ation|api-?key|priv(?:ate)?-?key|"
    rb"[\"'](?:data|value|arg|args|env|keys)[\"']|-(?:data|b64|line|header)[\"']|"
    rb"//|\\u00[4-7][0-9a-f]",
    re.IGNORECASE,
)


#: The same for what a server sends, which has words of its own, and for one that is waited for.
SENSITIVE_REPLY = re.compile(
    rb"passw(?:or)?d?|passphrase|secret|cookie|token|credential|authori[sz]ation|PRIVATE KEY|"
    rb"[\"'](?:out-data|err-data|buf-b64)[\"']|//"
)
SENSITIVE_RESULT = re.compile(rb"[\"'](?:return|value)[\"']|" + SENSITIVE_REPLY.pattern)

#: Whether one of the words of the three may end in these bytes: for noise, each byte of which may be
#: looked at by itself.
may_end_a_word = re.compile(rb"[A-Za-z0-9/\"']").search

#: How the name of a secret ends, in lower case.
ENDS = tuple(
    b"password passwd passphrase passcode pass pwd psk secret cookie token key credential "
    b"authorization keyvalue-pairs sig signature".split()
)
_MEMBER = re.compile(rb"passw[a-z]*[\"'][ \t\r\n]*:[ \t\r\n]*[\"'[{]").match
_LETTERS = frozenset(word[-1] for word in ENDS) | frozenset(b"\"'\\DESTNYK")
_ESCAPED = re.compile(rb"\\u00[4-7]").search
#: Places that are looked at one by one; where there are more, the message is taken apart.
_FEW = 1000
#: Bytes before a sign in which a name is looked for.
_BEFORE = 40


def is_telling(data: bytes) -> bool:
    """Whether a server's message may hold a secret by itself: most often, a look for single bytes."""
    return (
        b"@" in data
        or (b"=" in data and (_names_secret(data, b"=") or b"io.systemd.cred" in data))
        or (b"\\" in data and (_names_secret(data, b'\\":') or _shows_in_string(data)))
        or (b"passw" in data and _is_member(data, b"passw"))
    )


def _names_secret(data: bytes, sign: bytes) -> bool:
    """Whether the name of a secret stands before one of these signs."""
    at = data.find(sign)
    for _ in range(_FEW):
        if at < 0:
            return False
        if at and data[at - 1] in _LETTERS:
            before = data[max(0, at - _BEFORE) : at].rstrip(b"\"'\\")
            if before.lower().endswith(ENDS):
                return True
        at = data.find(sign, at + 1)
    return True


def _shows_in_string(data: bytes) -> bool:
    """Whether a string of several lines, or with characters escaped that need not be, holds one."""
    return (
        b"PRIVATE KEY" in data
        or b"uthorization" in data
        or b"ookie:" in data
        or (b"\\u00" in data and _ESCAPED(data) is not None)
    )


def _is_member(data: bytes, name: bytes) -> bool:
    """Whether a member's name begins so somewhere, and its value may be a secret."""
    at = data.find(name)
    for _ in range(_FEW):
        if at < 0:
            return False
        if _MEMBER(data, at):
            return True
        at = data.find(name, at + 1)
    return True


#: No member or option has a longer name.
_LONGEST = 200


def is_secret(name: str) -> bool:
    """Whether a string of this name is a secret."""
    return len(name) <= _LONGEST and _is_secret(name)


def is_secret_whole(name: str) -> bool:
    """Whether everything is a secret that a member of this name holds: numbers, objects, arrays."""
    return len(name) <= _LONGEST and _is_whole(name)


def is_signature(name: str) -> bool:
    """Whether a parameter of a URL signs it, so that whoever has it may do what it is for.

    Elsewhere, a member of such a name need not be a secret.
    """
    return _SIGNATURE(name.lower()) is not None


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    name = name.lower()
    if _REFERENCE.search(name):
        return False
    last = name.rsplit(".", 1)[-1]
    return any(word in last for word in (*_WHOLE, *_STRINGS)) or (
        re.split(r"[^a-z0-9]+", last)[-1] in _LAST
    )


@lru_cache(maxsize=4096)
def _is_whole(name: str) -> bool:
    return _is_secret(name) and any(word in name.lower() for word in _WHOLE)
