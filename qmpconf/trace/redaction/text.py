r"""Secrets that a string shows by its own syntax, wherever it stands: QEMU reads strings in strings.

=================================  =============================================================
``https://user:SECRET@host/x``     credentials in a URL; ``iscsi://user%SECRET@host``, and
                                   ``tcp:user:SECRET@host`` without slashes
``file.password=SECRET,if=none``   options, in which ``,,`` stands for a comma
``rbd:pool/image:key=SECRET:...``  file names with options, in which ``\:`` stands for a colon
``http://host/x?token=SECRET&a=b`` the query of a URL, also what signs it (``sig=``)
``Authorization: SECRET``          a header, or any ``"password": "SECRET"`` in text
``exec:COMMAND``                   a command for a shell, unless it is one that takes no secret
``-----BEGIN ... PRIVATE KEY``     a key in PEM form
=================================  =============================================================

`hide` replaces them, and collects what it has replaced.  Time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from qmpconf.trace.redaction.names import REPLACEMENT, SWITCHES, is_secret, is_signature
from qmpconf.trace.redaction.values import Values

#: What a text must hold to be looked at: one of these marks.
_MARKS = ("=", "@", ":", "-----")

_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(.*?)(-----END|\Z)", re.DOTALL)

#: Programs that read, write, pack and pass on, and get no secret.
_PLAIN = (
    r"(?:/[\w./-]*/)?(?:cat|tee|gzip|gunzip|zcat|bzip2|bunzip2|xz|unxz|zstd|zstdcat|lzop|lz4|pigz|"
    r"unpigz|dd|true|false|sleep|wc|head|tail)"
)
_WORD = r"(?:-{1,2}[\w-]+|(?:if|of|bs|ibs|obs|count|skip|seek|conv|iflag|oflag|status)=[\w./,-]+|[\w./~{}-]+)"
_REDIRECT = r"(?:[012]?>>?(?:&[12])?|<)"
#: A command line of such programs alone.
_IS_PLAIN = re.compile(
    rf"\s*{_PLAIN}(?:\s++(?:\|\s*{_PLAIN}|{_REDIRECT}|{_WORD}))*+(?:\s*{_REDIRECT}\s*{_WORD})*+\s*"
).fullmatch
_EXEC = re.compile(r"((?:\A|(?<=[=,\s\"']))exec:|-cmd:)(.*)", re.DOTALL)

#: A name with the value behind it.  How far the value goes is said by what stands before the name.
_NAMED = re.compile(
    r"(?P<before>\A|[^\w.-])(?P<dash>-{0,2})(?P<name>[A-Za-z_][\w.-]{0,99}+)(?P<quote>\\*+[\"']?)"
    r"\s*+(?P<to>=|:(?!/))\s*+"
)
#: Headers, whose value is the rest of their line.
_HEADER = re.compile(
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]*(?:token|key|auth\w*)", re.IGNORECASE
)
_QUOTED = re.compile(r"(\\*+)([\"'])")
_LINE = re.compile(r"[^\r\n]*+")
_REST = re.compile(r".*", re.DOTALL)
_OPTION = re.compile(r"(?:[^,]|,,)*+", re.DOTALL)
_COLON = re.compile(r"(?:\\.|[^:\\])*+\\?", re.DOTALL)
_QUERY = re.compile(r"[^&\s\"'<>]*+")
_BARE = re.compile(r"(?:[^\s\"';|&<>(){}\[\],\\]|\\.)*+")

#: How far a value goes, by what stands before its name.
_BEHIND = {",": _OPTION, "=": _OPTION, ":": _COLON, "?": _QUERY, "&": _QUERY}

#: What stands before the name of a parameter in a URL's query.
_QUERIES = ("?", "&")

_PARTS = re.compile(r"[^\s\"'<>\\]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_PORT = re.compile(r"(?:[^:\[]*|\[[^]]*\])(?::[0-9]{0,5})?").fullmatch
#: A word with more of these is replaced as a whole.
_MANY = 1000
#: A user's name that is as long, and has no password, may be one: an access token.
_LONG = 20
#: Without slashes, what stands before a colon may be one of these, and then is not a user.
_PROTOCOLS = frozenset(
    [
        "rbd",
        "sheepdog",
        "file",
        "fat",
        "nbd",
        "tcp",
        "udp",
        "unix",
        "fd",
        "exec",
        "rdma",
        "json",
        "ssh",
        "vnc",
        "spice",
        "blkdebug",
        "blkverify",
        "host_device",
        "host_cdrom",
        "quorum",
        "raw",
        "isa",
        "pci",
        "scsi",
        "ide",
        "usb",
        "mailto",
        "iqn",
        "eui",
        "naa",
        "lun",
        "socket",
    ]
)
_CREDENTIAL = re.compile(r"(io\.systemd\.credential(?:\.binary)?:[^\s=]+=)(\S+)")


def hide(text: str, values: Values, is_name: Callable[[str], bool] = is_secret) -> str:
    """`text` without secrets; `values` counts what stood in their places.

    `is_name` says which names of options stand for one.
    """
    if not any(mark in text for mark in _MARKS):
        return text
    if "PRIVATE KEY" in text:
        text = _PEM.sub(_keeping(values, 1, 3), text)
    if "exec:" in text or "-cmd:" in text:
        text = _EXEC.sub(lambda found: _command(found, values), text)
    if "@" in text:
        text = _PARTS.sub(lambda found: _login(found.group(), values), text)
    if "io.systemd.credential" in text:
        text = _CREDENTIAL.sub(_keeping(values, 1), text)
    return _named(text, values, is_name)


def _keeping(values: Values, *kept: int) -> Callable[[re.Match[str]], str]:
    """Replace the second group, with the groups `kept` around it."""

    def replaced(found: re.Match[str]) -> str:
        values.add(found.group(2))
        return "".join([found.group(kept[0]), REPLACEMENT, *map(found.group, kept[1:])])

    return replaced


def is_plain_command(line: str) -> bool:
    """Whether a shell's command line has nothing but programs that get no secret."""
    return _IS_PLAIN(line) is not None


def _command(found: re.Match[str], values: Values) -> str:
    if is_plain_command(found.group(2)):
        return found.group()
    values.add_words(found.group(2))
    return found.group(1) + REPLACEMENT


def _login(part: str, values: Values) -> str:
    """A word with the password taken out that it gives before an ``@``."""
    last = part.rfind("@")
    slashes = part.find("://", 0, max(last, 0))
    if slashes < 0:
        return part if last < 0 else _without_slashes(part, values)
    begin = slashes + 3
    scheme = _SCHEME.search(part[max(0, slashes - 32) : slashes])
    is_iscsi = scheme is not None and scheme.group().lower() in ("iscsi", "iser")
    ends = [at for mark in "/?#" if (at := part.find(mark, begin)) >= 0]
    authority = part[begin : min(ends, default=len(part))]
    if is_iscsi:
        authority = authority.replace("%", ":", 1)
    user, sign, host = authority.rpartition("@")
    if sign and ":" not in user and len(user) >= _LONG and _PORT(host):
        values.add(user)
        return part[:begin] + REPLACEMENT + part[begin + len(user) :]
    if ":" in user:
        start = begin + user.index(":") + 1
    elif _PORT(host):
        return part  # a user without password, or an @ in the path
    else:
        start = begin + len(user) + len(sign) + host.index(":") + 1 if ":" in host else last
    if start >= last:
        return part
    values.add(part[start:last], unquote(part[start:last]))
    return part[:start] + REPLACEMENT + part[last:]


def _without_slashes(part: str, values: Values) -> str:
    """``user:password@host``, perhaps behind options and the name of a protocol."""
    if part.count("@") > _MANY:
        values.add(part)
        return REPLACEMENT
    pieces = part.split("@")
    for index, piece in enumerate(pieces[:-1]):
        begin = piece.rfind("/") + 1
        colon = piece.find(":", begin)
        while colon >= 0:
            begin = max(begin, *(piece.rfind(mark, begin, colon) + 1 for mark in "=,;"))
            if piece[begin:colon].lower() not in _PROTOCOLS:
                break
            begin, colon = colon + 1, piece.find(":", colon + 1)
        if begin < colon < len(piece) - 1:
            values.add(piece[colon + 1 :])
            pieces[index] = piece[: colon + 1] + REPLACEMENT
    return "@".join(pieces)


def _named(text: str, values: Values, is_name: Callable[[str], bool]) -> str:
    """The values behind secret names, replaced."""
    pieces: list[str] = []
    done = at = 0
    while (found := _NAMED.search(text, at)) is not None:
        at = found.end("to") - 1  # a name may stand right behind the sign
        is_query = found["before"] in _QUERIES
        if not (is_name(found["name"]) or (is_query and is_signature(found["name"]))):
            continue
        start, end = _extent(text, found)
        if end <= start or text[start:end].lower() in SWITCHES:
            continue
        at = end
        value = text[start:end]
        values.add(value, value.replace(",,", ","), value.strip("\"'"))
        values.add_words(value)
        pieces += (text[done:start], REPLACEMENT)
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _extent(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Where the value behind a name begins and ends."""
    start = found.end()
    before, is_quoted = found["before"], bool(found["quote"])
    if found["to"] == ":" and not is_quoted:
        if before not in ("", "\r", "\n") and not _HEADER.fullmatch(found["name"]):
            return start, start
        return start, _end(_LINE, text, start)
    if before == "" and not is_quoted:
        behind = _REST if found["dash"] else _OPTION
    else:
        behind = _BARE if is_quoted else _BEHIND.get(before, _BARE)
    if found["to"] == "=" and behind is not _BARE:
        start = found.end("to")
    quote = _QUOTED.match(text, start)
    if quote is None:
        return start, _end(behind, text, start)
    end = _closing(text, quote)
    if behind is _BARE and end < len(text):
        rest = _end(_BARE, text, end + len(quote.group()))
        return (quote.end(), end) if rest == end + len(quote.group()) else (quote.end(), rest)
    return start, max(_end(behind, text, start), _end(behind, text, end + len(quote.group())))


def _closing(text: str, quote: re.Match[str]) -> int:
    """Where a quoted value ends: at the same quote on the same level of escapes, or with the text.

    A quote that stands in a string in a string has one backslash before it, one that is escaped in
    there has three, and four stand for a backslash.
    """
    level, mark = len(quote.group(1)), quote.group(2)
    end = text.find(mark, quote.end())
    while end >= 0:
        count = _backslashes(text, end, quote.end())
        if count % (2 * level + 2) == level:
            return end - level
        end = text.find(mark, end + 1)
    return len(text)


def _backslashes(text: str, at: int, start: int) -> int:
    """How many backslashes stand before `at`, none of them before `start`."""
    count = 0
    while at - count > start and text[at - count - 1] == "\\":
        count += 1
    return count


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
