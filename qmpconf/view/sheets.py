"""A message, its schema, two messages compared: as lines of styled text.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice

from qmpconf.check.baseline import Baseline
from qmpconf.check.basis import Basis, NoSchema
from qmpconf.findings import Finding, Group
from qmpconf.protocol.framing import Frame
from qmpconf.protocol.messages import brief
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed, loads
from qmpconf.replay.compare import NOTHING, compare
from qmpconf.replay.masks import Masks
from qmpconf.report import catalog, show
from qmpconf.report.pretty import pretty
from qmpconf.report.results.common import record
from qmpconf.report.views import words
from qmpconf.text import counted, printable
from qmpconf.trace.items import Item
from qmpconf.trace.wording import STYLES, arrow
from qmpconf.view.line_findings import STYLES as OF_SEVERITY
from qmpconf.view.messages import Message
from qmpconf.view.styled import Line, Marking, all_folded, plain, told

#: Bytes and lines of a message that are laid out; of a longer one, as many bytes as it came in.
_LONGEST, _MOST_LINES, _HEAD = 1 << 20, 2000, 1 << 14
#: Differences that are listed.
_MOST_PLACES = 100

_marking = Marking()


def message(
    path: str, one: Message, found: Sequence[Finding], other: Message | None, width: int
) -> list[Line]:
    """A message, the findings about it, and the `other` half of its call, in `width` columns."""
    return [
        *_title(one, width),
        *(line for finding in found for line in _finding(finding, width)),
        *all_folded(_laid_out(path, one), width),
        *(_other(path, other, width) if other is not None else ()),
    ]


def schema(basis: Basis | NoSchema | None, name: str, what: str, width: int) -> list[Line]:
    """What the catalog says of a command or event, in the words of ``schema show``, and which catalog it is.

    `basis` is None as long as it is looked for; `what` is ``command`` or ``event``, or empty for what has no
    schema of its own.
    """
    if not what or not name:
        return told("Only commands, their responses and events have a schema.", width, "dim")
    if basis is None:
        return told("It is being looked for which schema fits ...", width, "dim")
    if isinstance(basis, NoSchema):
        return told(". ".join(filter(None, (basis.text, basis.advice))), width, "dim")
    head = told(basis.sentence, width, "dim", "  ")
    known = basis.catalog.commands if what == "command" else basis.catalog.events
    if name not in known:
        return [*head, *told(f"{basis.catalog.name} has no {what} {name}", width, "yellow")]
    entry = catalog.entry(basis.catalog, name, max(20, width))
    return [*head, *all_folded([plain(printable(one)) for one in entry.splitlines()], width)]


def comparison(path: str, one: Message, other: Message, width: int) -> list[Line]:
    """Two messages: the places that differ by value, then both laid out together."""
    lines = [
        *_titled("-", one, "red", width),
        *_titled("+", other, "green", width),
    ]
    values = [_value(side) for side in (one, other)]
    if NOTHING not in values:
        found = compare(values[0], values[1], masks=Masks(()), message="reply", of="")
        places = found.mismatches
        same = "The same value." if not places else f"{counted(len(places), 'place')} differ:"
        if len(places) == 1:
            same = "1 place differs:"
        lines += [plain(same, "bold")]
        for place in places[:_MOST_PLACES]:
            at = printable(pointer(place.path)) or "the whole message"
            lines += all_folded([plain(f"  {at}", "bold")], width)
            for mark, value, style in (("-", place.expected, "red"), ("+", place.got, "green")):
                text = "(not there)" if value is NOTHING else brief(value, max(20, width - 8))
                lines += all_folded([plain(f"    {mark} {text}", style)], width)
        if len(places) > _MOST_PLACES:
            lines.append(plain(f"  ... and {len(places) - _MOST_PLACES:,} more", "dim"))
    lines.append(plain(""))
    return [*lines, *all_folded(_together(path, one, other), width)]


def _together(path: str, one: Message, other: Message) -> Iterator[Line]:
    """The lines of both: those of only one of them marked."""
    sides = [list(_laid_out(path, side)) for side in (one, other)]
    texts = [["".join(text for text, _ in line) for line in side] for side in sides]
    matcher = SequenceMatcher(None, texts[0], texts[1], autojunk=True)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield from ((("  ", ""), *line) for line in sides[0][a:b])
            continue
        yield from (plain(f"- {text}", "red") for text in texts[0][a:b])
        yield from (plain(f"+ {text}", "green") for text in texts[1][c:d])


def _value(one: Message) -> object:
    if one.item is None or len(one.item.frame.data) > _LONGEST:
        return NOTHING
    try:
        return loads(one.item.frame.data)
    except Malformed:
        return NOTHING


def _titled(mark: str, one: Message, style: str, width: int) -> list[Line]:
    text, _ = show.told(one.summary)
    head = f"{mark} line {one.summary.line}, session {one.summary.conn}: {text}"
    return all_folded([plain(head, style)], width)


def _title(one: Message, width: int) -> list[Line]:
    it = one.summary
    text, style = show.told(it)
    facts = [f"line {it.line}", f"session {it.conn}", f"{show.clock(it.t)} s"]
    facts += [f"took {show.seconds(it.latency)}"] if it.latency is not None else []
    facts += [f"{it.size:,} bytes"] if it.size else []
    facts += [f"id {printable(it.id)}"] if it.id else []
    item = one.item
    fds = [f"{fd.kind} {fd.access}".strip() for fd in item.fds] if item else []
    facts += [f"with {', '.join(map(printable, fds))}"] if fds else []
    bold = STYLES[style] if "bold" in STYLES[style] else f"bold {STYLES[style]}".strip()
    head = told(f"{arrow(it)} {text}", width, bold, "   ")
    head += told(", ".join(facts), width, "dim")
    if item is not None and item.redacted:
        redacted = f"redacted: {', '.join(one or 'all of it' for one in item.redacted)}"
        head += told(redacted, width, "yellow", "  ")
    return all_folded(head, width)


def _finding(one: Finding, width: int) -> Iterator[Line]:
    """A finding, in the words of the reports."""
    made = record(one.path, Group.of(one), Baseline())
    head = f"{one.severity}, {one.blame}: {one.requirement}: {words.sentence(made)}"
    yield from told(head, width, OF_SEVERITY[one.severity], "  ")
    expected, seen = words.sides(made)
    more = dict(sorted(made.more.items()))
    for name, text in {"expected": expected, "seen": seen, **more, "source": one.source}.items():
        if text:
            yield from told(f"  {name:<9} {text}", width, "dim", " " * 12)


def _other(path: str, other: Message, width: int) -> list[Line]:
    """The other half of a call."""
    it = other.summary
    if it.kind == "command":
        head = f"It answers line {it.line}:"
    else:
        took = f" after {show.seconds(it.latency)}" if it.latency is not None else ""
        head = f"It is answered in line {it.line}{took}:"
    return [
        plain(""),
        *told(head, width, "bold"),
        *all_folded(_laid_out(path, other), width),
    ]


def _laid_out(path: str, one: Message) -> Iterator[Line]:
    """The message itself."""
    item = one.item
    if item is None:
        return
    frame = item.frame
    if len(frame.data) > _LONGEST:
        text = frame.data[:_HEAD].decode("utf-8", "backslashreplace")
        yield plain(printable(text))
        size = counted(len(frame.data), "byte")
        yield plain(f"... {size} in all: {_all_of_it(path, item)}", "dim")
        return
    lines = pretty(Frame(*frame), _marking)
    yield from (Marking.line(line) for line in islice(lines, _MOST_LINES))
    if next(lines, None) is not None:
        yield plain(f"... and more lines: {_all_of_it(path, item)}", "dim")


def _all_of_it(path: str, item: Item) -> str:
    return printable(f"qmpconf show {path} --line {item.line} --pretty")
