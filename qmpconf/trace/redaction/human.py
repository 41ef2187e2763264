"""Lines of the human monitor, as ``human-monitor-command`` carries them: read the way QEMU does.

monitor/hmp.c: the command's name ends at white space or a slash; an argument is a word, or stands in
double quotes in which a backslash escapes; flags stand where the command has them.  A few commands
take the rest of the line as it is.  What a command does not take is an error for QEMU, and may be a
secret all the same: so where a line's command carries one, everything counts as secret that is not
known to be something else.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from qmpconf.protocol.spans import Spot
from qmpconf.protocol.values import Malformed, loads
from qmpconf.trace.redaction.content import Verdict, hide_json, hide_string
from qmpconf.trace.redaction.names import REPLACEMENT, is_secret
from qmpconf.trace.redaction.places import is_property
from qmpconf.trace.redaction.values import Values

_NAME = re.compile(r"\s*([^\s/]*)")
_ARGUMENT = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*+)(\"|\\?\Z)|(\S+))", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r"}
#: A longer line is replaced as a whole, but for its command.
_LONGEST = 1 << 16


class Word(NamedTuple):
    """One argument: its text, where it stands with its quotes, and whether it has any."""

    text: str
    start: int
    end: int
    quoted: bool


def words(line: str, at: int = 0) -> Iterator[Word]:
    """The arguments of a line behind `at`."""
    while (found := _ARGUMENT.match(line, at)) is not None:
        at = found.end()
        if found[3] is not None:
            yield Word(found[3], found.start(3), at, quoted=False)
        else:
            text = _ESCAPE.sub(lambda one: _ESCAPES.get(one[1], one[1]), found[1])
            yield Word(text, found.start(1) - 1, at, quoted=True)


def command_of(line: str) -> tuple[str, int]:
    """The name of a line's command, and where it ends."""
    found = _NAME.match(line)
    return (found[1], found.end()) if found else ("", 0)


def shows_secret(line: str) -> bool:
    """Whether the output of a line is a secret."""
    name, at = command_of(line)
    return name == "qom-get" and any(is_property(word.text) for word in words(line, at))


def hide_line(line: str, values: Values) -> str:
    """A line without its secrets; `values` counts them."""
    name, at = command_of(line)
    if len(line) > _LONGEST:
        values.add(line)
        return f"{line[:at]} {REPLACEMENT}" if at < 64 else REPLACEMENT
    rule = _RULES.get(name)
    if rule is not None:
        return rule(line, list(words(line, at)), values)
    if _IS_NAME.fullmatch(name) is None:
        return hide_string(line, values)
    found = list(words(line, at))
    if name in _HARMLESS or not is_secret(name):
        return _generic(line, found, values, named=name not in _HARMLESS)
    return _replaced(line, found, [word.text not in _PROTOCOLS for word in found], values)


_IS_NAME = re.compile(r"[\w?-]*")
#: Commands that only name things.
_HARMLESS = frozenset(
    ["help", "?", "info", "trace-event", "log", "object_del", "device_del", "qom-list", "sendkey"]
)
_PROTOCOLS = frozenset({"vnc", "spice"})
_ACTIONS = frozenset({"keep", "fail", "disconnect"})
_TIME = re.compile(r"now|never|\+?[0-9]+")
_ADDRESS = re.compile(r"none|(?:[\w.\[\]-]*|\[[^]]*\]):[0-9]+(?:,.*)?|(?:unix|websocket):.*")
#: A word that announces a secret, in a line of any command.
_ANNOUNCED = re.compile(
    r"(?:\S*[._-])?(?:password|passwd|pass|passphrase|secret|token|cookie|key|pwd)", re.IGNORECASE
)
#: Properties of secret objects that are not a secret.
_KEPT = frozenset(["qom-type", "id", "format", "keyid", "iv", "loaded", "file", "serial"])


def _set_password(line: str, found: list[Word], values: Values) -> str:
    hidden = [word.text not in _PROTOCOLS or at > 0 for at, word in enumerate(found)]
    for at in range(2, len(found)):
        if found[at].text in _ACTIONS:
            hidden[at] = False
        elif found[at].text == "-d" and not found[at].quoted:
            hidden[at : at + 2] = [False] * len(hidden[at : at + 2])
    return _replaced(line, found, hidden, values)


def _expire_password(line: str, found: list[Word], values: Values) -> str:
    hidden = [
        not (word.text in _PROTOCOLS or _TIME.fullmatch(word.text) or _before(found, at) == "-d")
        for at, word in enumerate(found)
    ]
    hidden = [one and found[at].text != "-d" for at, one in enumerate(hidden)]
    return _replaced(line, found, hidden, values)


def _before(found: list[Word], at: int) -> str:
    return found[at - 1].text if at else ""


def _block_passwd(line: str, found: list[Word], values: Values) -> str:
    return _replaced(line, found, [at > 0 for at in range(len(found))], values)


def _change(line: str, found: list[Word], values: Values) -> str:
    texts = [word.text for word in found]
    named = next((at for at, text in enumerate(texts) if text in ("password", "passwd")), None)
    if named is not None:
        return _replaced(line, found, [at > named for at in range(len(found))], values)
    if texts[:1] != ["vnc"]:
        return _generic(line, found, values)
    hidden = [at > 0 and text != "-f" and not _ADDRESS.match(text) for at, text in enumerate(texts)]
    if any(hidden):
        return _replaced(line, found, hidden, values)
    return _generic(line, found, values)


def _object_add(line: str, found: list[Word], values: Values) -> str:
    if not any("secret" in word.text.lower() for word in found):
        return _generic(line, found, values)
    start = found[0].start
    rest = line[start:]
    data = rest.encode("utf-8", "surrogatepass")
    with contextlib.suppress(Malformed):
        if not isinstance(loads(data), dict):
            raise Malformed("an object is due", 0)
        return line[:start] + hide_json(data, values, _property)[0].decode("utf-8")
    pieces = re.split(r"(?<!,),(?!,)", rest)
    for at, piece in enumerate(pieces):
        name, sign, value = piece.partition("=")
        if (sign and name.strip("\"' ") in _KEPT) or (not sign and at == 0 and "{" not in name):
            pieces[at] = hide_string(piece, values)
        else:
            value = value or name
            values.add(value, value.replace(",,", ","), value.strip("\"'"))
            pieces[at] = f"{name}=" * bool(sign) + REPLACEMENT
    return line[:start] + ",".join(pieces)


def _property(spot: Spot, _: bytes) -> Verdict:
    return Verdict.JUDGE if spot.path[-1:] and spot.path[-1] in _KEPT else Verdict.HIDE


def _qom_set(line: str, found: list[Word], values: Values) -> str:
    named = next((at for at, word in enumerate(found) if at and is_property(word.text)), None)
    if named is None:
        return _generic(line, found, values)
    return _replaced(line, found, [at > named for at in range(len(found))], values)


def _generic(line: str, found: list[Word], values: Values, *, named: bool = True) -> str:
    """A line of any other command: what its words show, and with `named` what they announce."""
    pieces: list[str] = []
    done = 0
    for at, word in enumerate(found):
        count = values.count
        new = hide_string(word.text, values)
        if values.count > count:
            pieces += (line[done : word.start], _quoted(new) if word.quoted else new)
            done = word.end
        is_open = new.endswith(REPLACEMENT) and not word.quoted
        if is_open or (named and _ANNOUNCED.fullmatch(word.text.strip("\"'\\:,={}[]"))):
            hidden = [behind > at for behind in range(len(found))]
            rest = _replaced(line, found, hidden, values, weak=is_open)
            return "".join((*pieces, rest[done:]))
    return "".join((*pieces, line[done:]))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _replaced(
    line: str, found: Sequence[Word], hidden: Sequence[bool], values: Values, *, weak: bool = False
) -> str:
    """The line with one replacement for each run of `hidden` words."""
    pieces: list[str] = []
    done = 0
    runs = groupby(zip(found, hidden, strict=True), key=itemgetter(1))
    for run in ([word for word, _ in group] for hide, group in runs if hide):
        start, end = run[0].start, run[-1].end
        values.add(line[start:end], weak=weak)
        for word in run:
            values.add(word.text, word.text.strip("\"'"), weak=weak)
        pieces += (line[done:start], REPLACEMENT)
        done = end
    return "".join((*pieces, line[done:]))


_RULES: dict[str, Callable[[str, list[Word], Values], str]] = {
    "set_password": _set_password,
    "expire_password": _expire_password,
    "block_passwd": _block_passwd,
    "change": _change,
    "object_add": _object_add,
    "qom-set": _qom_set,
}
