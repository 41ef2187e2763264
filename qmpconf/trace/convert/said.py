"""What an object in a text is: a message, and whose; or something else.

A text holds other objects, too, with members called ``error``, ``event`` or ``return``.  Where no
mark says that somebody speaks, a failure must have an object for its ``error`` and an event a
``timestamp``; what has not is doubtful, and counts as not understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.protocol.messages import from_client, from_server
from qmpconf.protocol.values import Malformed, Value, dumps, is_json, loads
from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.edited import Change, Object
from qmpconf.trace.convert.jsontext import members, names
from qmpconf.trace.convert.logs.quoting import of_literal
from qmpconf.trace.convert.marks import Mark
from qmpconf.trace.convert.texts import is_negotiation, sender_of
from qmpconf.trace.records import Side

#: What the definitions of QMP's schema begin with; those of events have no timestamp.
_DEFINES = frozenset({"struct", "union", "enum", "alternate", "command", "include", "pragma"})

#: The time that a server gives where it knows none (qmp-spec section 2.5).
_NO_TIME = b'{"seconds": -1, "microseconds": -1}'

_GUESSED = "a message has no arrow: its members show who says it"
_NOTED = {
    Change.MASKED: "a placeholder stands for a value: it is not judged",
    Change.ABRIDGED: "a message is abridged: what was left out of it is not judged",
    Change.WRAPPED: "a string goes over several lines: it is not judged",
    Change.PYTHON: "a message is there as Python writes it: it was made of that",
    Change.REMARK: "a remark inside of a message is left out",
    Change.COMMA: "a comma is missing, or one too many, in a message that somebody has laid out",
}


@dataclass(slots=True)
class Said:
    """A message of a text.

    `kind` is ``greeting``, ``event``, ``command``, ``negotiation``, ``response``, or empty for what
    is none of them; a greeting without `text` is one that is known to have been there.  `places`
    are what nobody may judge.  The id of a command that went `by_libvirt` is not in the text.
    """

    line: int
    side: Side
    text: bytes
    kind: str
    has_id: bool = False
    id: Value = None
    places: tuple[str, ...] = ()
    by_libvirt: bool = False


@dataclass(slots=True)
class Lacking:
    """A place where a message is, or may be, that was not understood; or where some were cut out.

    `side` is who says it, None if nobody knows.  `begin` is what there is of the message.  `lines`
    were not understood; with `cut`, the text says itself that something is left out.  `whole` is text that may be malformed input, as an answer may show; the
    line is accounted for by whoever sees that, and `shown` is how it stands in the file.
    """

    line: int
    side: Side | None
    begin: bytes = b""
    lines: int = 0
    cut: bool = False
    whole: bytes = b""
    shown: bytes = b""


class Other(Enum):
    """What is not a message."""

    ELSE = auto()  #: an object of something else
    FORM = auto()  #: a description of messages
    DOUBTFUL = auto()  #: nearly a message


def said_of(
    found: Object, line: int, mark: Mark | None, notes: Notes, *, by_libvirt: bool = False
) -> Said | Lacking | Other:
    """What an object is that stands in `line`, behind `mark`."""
    if Change.FORM in found.changes:
        return Other.FORM
    present = names(found.text)
    told = sender_of(present)
    marked = mark.side if mark is not None else None
    side = marked if marked and (told is None or (mark and mark.sure)) else told
    if told in (None, "server") and side is told and _DEFINES & present:
        return Other.FORM
    if told is None and side is None:
        near = present & {"arguments", "timestamp"}
        return Other.DOUBTFUL if near else Other.ELSE
    if marked is None:
        if "event" in present and "timestamp" not in present and b'"' not in found.text:
            return Other.FORM  # of QMP's schema, which has single quotes
        if _is_doubtful(found.text, present):
            return Other.DOUBTFUL
        notes.lost(_GUESSED, line)
    if side is None:
        return Other.ELSE
    text, places, changes = found.text, found.places, found.changes
    if side == "server" and not is_json(text) and (strict := of_literal(text)) is not None:
        text, changes = strict, changes | Change.PYTHON  # no server writes single quotes
    for change, note in _NOTED.items():
        if change in changes:
            notes.lost(note, line)
    if any(where == "" or where.startswith("/timestamp") for where in places) and told == "server":
        text, places = _timeless(text, places)
    if places and _is_unusable(text, side, places):
        return Lacking(line, side, found.begin)
    return _said(text, line, present, side, told, places, by_libvirt=by_libvirt)


def message_of(text: bytes, line: int) -> Said | None:
    """The message that an object is; None if it is none."""
    present = names(text)
    side = sender_of(present)
    return None if side is None else _said(text, line, present, side, side)


def _said(
    text: bytes,
    line: int,
    present: frozenset[str],
    side: Side,
    told: Side | None,
    places: tuple[str, ...] = (),
    *,
    by_libvirt: bool = False,
) -> Said:
    kind = _kind(text, present, side, told)
    has_id = "id" in present and (side == "client" or kind == "response")
    given = _member(text, "id") if has_id else None
    by_libvirt = by_libvirt and kind in ("command", "negotiation") and not has_id
    return Said(line, side, text, kind, has_id, given, places, by_libvirt)


def partial(text: bytes, side: Side | None) -> bytes:
    """The beginning of a message, if it can stand for one in a trace; else nothing."""
    limits = CLIENT_LIMITS if side == "client" else SERVER_LIMITS
    return b"" if side is None or Framer(limits).feed(text) else text


def _kind(text: bytes, present: frozenset[str], side: Side, told: Side | None) -> str:
    if side != told:
        return ""
    if side == "client":
        return "negotiation" if is_negotiation(text) else "command"
    if "QMP" in present:
        return "greeting"
    return "event" if "event" in present else "response"


def _is_doubtful(text: bytes, present: frozenset[str]) -> bool:
    if present & {"execute", "exec-oob", "QMP", "return"}:
        return False
    if "event" in present:
        return "timestamp" not in present
    return "error" in present and not isinstance(_member(text, "error"), dict)


def _member(text: bytes, wanted: str) -> Value:
    try:
        return next(
            (loads(value) for name, value in reversed(members(text) or []) if name == wanted), None
        )
    except Malformed:
        return None


def _timeless(text: bytes, places: tuple[str, ...]) -> tuple[bytes, tuple[str, ...]]:
    """An event whose time is hidden, with the time that says so."""
    parts = members(text) or []
    if not any(name == "event" for name, _ in parts):
        return text, places
    parts = [(name, _NO_TIME if name == "timestamp" else value) for name, value in parts]
    rest = tuple(where for where in places if not where.startswith("/timestamp"))
    inner = b", ".join(dumps(name) + b": " + value for name, value in parts)
    return b"{" + inner + b"}", (*rest, "/timestamp")


def _is_unusable(text: bytes, side: Side, places: tuple[str, ...]) -> bool:
    """Whether the protocol's own members are hidden, so that nobody can say what it means."""
    message = from_client(text) if side == "client" else from_server(text)
    return any(
        problem.pointer.startswith(where) or where.startswith(f"{problem.pointer}/")
        for problem in message.problems
        for where in places
    )
