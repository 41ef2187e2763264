"""The report as Markdown, for the summary of a CI step, an issue or a comment.

What a trace holds must not become markup: words are written with character references, and names
in `<code>`, where neither mentions nor references to issues are looked for.  The page ends before
`limit` bytes, between two rows, and says how many rows have no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qmpconf.report import coverage, stats
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import Verdict
from qmpconf.report.views import grouping, judged, words
from qmpconf.report.views.grouping import Kind
from qmpconf.report.views.own import Own
from qmpconf.text import counted, defused, printable, shortened

#: GitHub refuses the summary of a step beyond 1 MiB.
LIMIT = 1 << 20

#: Bytes that are kept for what ends a section, and the page.
_END = 200

#: Characters of one text that are shown.
_LONGEST = 600

#: Rows of the table of findings that are shown without unfolding anything.
_FIRST = 50

#: What can be markup.
_SPECIAL = re.compile(r"[!#$%&*<>@\[\\\]^_`{|}~]")

#: Behind these a forge may find a mention or a reference, also across a character reference.
_REFERENCE = re.compile(r"[@#!$%~^&](?=\w)|:(?=//|[\w+-]+:)|(?<=\bwww)\.|(?<=\bGH)-", re.IGNORECASE)

#: What would begin a list or a rule at the beginning of a line.
_BEGINS = re.compile(r"^(\d+)([.)])|^[-+=]")


def prose(text: str) -> str:
    """`text` as words that are not markup."""
    text = _short(text)
    parts, at = [], 0
    for found in _REFERENCE.finditer(text):
        parts.append(_escaped(text[at : found.start() + 1]))
        at = found.start() + 1
    parts.append(_escaped(text[at:]))
    return _BEGINS.sub(_begun, "<!-- -->".join(parts))


def code(text: str) -> str:
    """`text` as a name or a value; empty for an empty one."""
    return f"<code>{_escaped(_short(text))}</code>" if text else ""


def _short(text: str) -> str:
    return shortened(printable(text), _LONGEST)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text)


def _begun(found: re.Match[str]) -> str:
    return f"{found[1] or ''}&#{ord(found[2] or found[0])};"


class _Page:
    """Blocks up to a number of bytes; `left` counts the rows that had no place."""

    def __init__(self, limit: int) -> None:
        self._blocks: list[str] = []
        self._room = limit - _END
        self.left = 0

    def add(self, block: str) -> None:
        """One block, or nothing of it."""
        self.rows("", [block], "")

    def rows(self, head: str, rows: Sequence[str], foot: str = "") -> None:
        """As many rows as there is room for, between a head and a foot."""
        room = self._room - len(f"{head}{foot}\n\n".encode()) - _END
        taken = []
        for row in rows:
            room -= len(row.encode()) + 1
            if room < 0:
                break
            taken.append(row)
        left = len(rows) - len(taken)
        self.left += left
        if taken:
            told = [f"\n{counted(left, 'more row')} had no place."] if left else []
            block = "\n".join(filter(None, [head, *taken, *told, foot]))
            self._room -= len(block.encode()) + 2
            self._blocks.append(block)

    def text(self) -> str:
        """The page."""
        if self.left:
            self._blocks.append(f"**{counted(self.left, 'row')} had no place on this page.**")
        return "\n\n".join(self._blocks) + "\n"


def page(
    report: Report, limit: int = LIMIT, *, details: bool = True, own: Own | None = None
) -> str:
    """The whole report in at most `limit` bytes; without `details` what a summary needs.

    `own` says how much of figures and coverage there is.
    """
    out = _Page(limit)
    own = own or Own()
    closing, *lacks = judged.closings(report)
    if words.has_findings(report):
        out.add(f"## qmpconf: {prose(words.headline(report))}")
        out.rows("", [f"- **{prose(one)}**" for one in words.alarms(report)])
        out.add(f"{prose(closing)}.")
    _exercised(out, report, own, details=details)
    out.rows("", [f"- **{prose(one)}**" for one in lacks])
    found = grouping.kinds(report.new)
    _findings(out, grouping.shown_kinds(report, found), details=details)
    _card(out, report)
    if details:
        _documents(out, report)
    out.rows("### Known, but gone\n", [f"- {prose(one)}" for one in words.gone(report)])
    notes = [": ".join(filter(None, (code(n.subject), prose(n.text)))) for n in report.notes]
    out.rows("### Notes\n", [f"- {note}" for note in notes])
    if details:
        _folded(out, "Details of each finding", [_detail(one, report) for one in found])
        for table in report.tables:
            rows = [_row(map(code, row)) for row in table.rows]
            _folded(out, f"{table.title} ({len(rows)})", rows, _head(map(prose, table.head)))
    known = grouping.kinds(report.known)
    _folded(
        out,
        f"{counted(len(known), 'kind')} known",
        [
            f"- {prose(words.sentence(one.first))}: {prose(words.reason(one.first))}"
            for one in known
        ],
    )
    return out.text()


def _exercised(out: _Page, report: Report, own: Own, *, details: bool) -> None:
    """Figures, and what is exercised, each with the command that makes the page again."""
    runs = [run.header for run in report.runs]
    made_by = own.made_by or (runs[0].command if len(runs) == 1 else "")
    if report.figures:
        for block in stats.as_markdown(report.figures, own.top):
            out.add(defused(block))
    if report.exercised:
        out.add("# Coverage")
        if made_by:
            out.add(f"Made by `{printable(made_by).replace('`', chr(39))}`.")
        view = own.coverage or coverage.View(rows=details)
        for block in coverage.as_markdown(report.exercised, view):
            out.add(defused(block))


def _findings(out: _Page, found: Sequence[Kind], *, details: bool) -> None:
    rows = [
        _row(
            (
                one.first.severity,
                one.first.blame,
                code(one.first.rule),
                code(words.place(one)),
                f"{one.count:,}",
                prose(words.sentence(one.first)),
            )
        )
        for one in found
    ]
    head = _head(("severity", "blame", "requirement", "where", "times", "what"))
    out.rows(head, rows[:_FIRST])
    left = rows[_FIRST:]
    if details:
        _folded(out, counted(len(left), "more kind"), left, head)
    elif left:
        out.add(f"{counted(len(left), 'more kind')} of findings.")


def _detail(kind: Kind, report: Report) -> str:
    first = kind.first
    rule = report.rules.get(first.rule)
    lines = [f"- **{first.severity}** {code(first.rule)} {code(words.place(kind))}"]
    lines.append(f"  - {prose(words.sentence(first))}")
    if rule is not None and rule.text:
        lines.append(f"  - rule: {prose(rule.text)} ({prose(rule.level)}, {prose(rule.source)})")
    lines += [f"  - {prose(name)}: {code(text)}" for name, text in words.told(kind, report) if text]
    lines += [f"  - {code(line)}" for line in first.around]
    return "\n".join(lines)


def _card(out: _Page, report: Report) -> None:
    """Requirements by subjects, those alone that one of them breaks."""
    card = words.card(report)
    if card is None:
        return
    columns = card.columns()
    rows = [
        f"{number}. {code(name)}: {prose(judged.verdict_counts(verdicts.values()))}"
        for number, (name, verdicts) in enumerate(columns, 1)
    ]
    out.rows("### Report card\n", rows)
    numbers = map(str, range(1, len(columns) + 1))
    marks = (
        _row((code(rule), *(_mark(verdicts.get(rule)) for _, verdicts in columns)))
        for rule in card.broken
    )
    out.rows(_head(("requirement", *numbers)), list(marks), f"\n{words.KEY}")


def _documents(out: _Page, report: Report) -> None:
    """What each document that was audited holds, a column for each."""
    documents = [one for one in report.subjects if one.kind == "document"]
    names = dict.fromkeys(name for one in documents for name in one.facts)
    rows = [
        _row((prose(name), *(_fact(one.facts.get(name)) for one in documents))) for name in names
    ]
    head = _head(("", *(code(one.name) for one in documents)))
    _folded(out, "What the documents hold", rows, head)


def _fact(value: str | float | None) -> str:
    return "" if value is None else prose(str(value) if isinstance(value, str) else f"{value:,}")


def _mark(verdict: Verdict | None) -> str:
    return prose(words.mark(verdict))


def _folded(out: _Page, title: str, rows: Sequence[str], head: str = "") -> None:
    """Rows that a reader unfolds."""
    start = f"<details><summary>{prose(title)}</summary>\n"
    out.rows(f"{start}\n{head}" if head else start, rows, "\n</details>")


def _head(names: Iterable[str]) -> str:
    cells = list(names)
    return f"{_row(cells)}\n{_row('---' for _ in cells)}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
