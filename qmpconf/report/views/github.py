"""The report as annotations of a GitHub job: workflow commands, one a line.

GitHub shows ten errors, ten warnings and ten notices of a step, and drops the others in silence:
the worst come first, and a last notice says how many were left out.  The step's summary is the
Markdown view (`qmpconf.report.views.markdown`).
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Literal

from qmpconf.report.results.merge import Report
from qmpconf.report.views import grouping, judged, words
from qmpconf.report.views.grouping import Kind
from qmpconf.text import counted, printable

#: Annotations of one severity that GitHub shows for a step.
MOST = 10

#: Characters of an annotation's message; GitHub shows 64 KB.
_LONGEST = 4000

Command = Literal["error", "warning", "notice"]
_COMMANDS: dict[str, Command] = {"error": "error", "warning": "warning", "note": "notice"}


def page(report: Report, root: str = "") -> str:
    """The annotations; files below the folder `root` are named from there, as GitHub wants them."""
    kept: dict[Command, list[str]] = {"error": [], "warning": [], "notice": []}
    left = 0
    for command, line in _every(report, root):
        if len(kept[command]) < (MOST if command != "notice" else MOST - 1):
            kept[command].append(line)
        else:
            left += 1
    lines = [*kept["error"], *kept["warning"], *kept["notice"]]
    if lines:
        text = f"{counted(left, 'more finding')} of this report had no place here: " if left else ""
        lines.append(_line("notice", "qmpconf", text + judged.closing(report)))
    return "".join(f"{line}\n" for line in lines)


def _every(report: Report, root: str) -> Iterator[tuple[Command, str]]:
    for alarm in words.alarms(report):
        yield "error", _line("error", "qmpconf", alarm)
    for kind in grouping.kinds(report.new):
        command = _COMMANDS[kind.first.severity]
        yield command, _line(command, kind.first.rule, _message(kind, report), **_at(kind, root))
    for sentence in words.gone(report):
        yield "error", _line("error", "known, but gone", sentence)
    _, *lacks = judged.closings(report)
    for lack in lacks:
        yield "warning", _line("warning", "qmpconf", lack)
    for note in report.notes:
        yield "notice", _line("notice", note.subject or "qmpconf", note.text)


def _message(kind: Kind, report: Report) -> str:
    first = kind.first
    rule = report.rules.get(first.rule)
    lines = [words.sentence(first)]
    lines += [f"{name}: {text}" for name, text in words.told(kind, report) if text]
    if rule is not None and rule.text:
        lines.append(f"{first.rule} ({rule.level}): {rule.text}")
    if kind.count > 1:
        lines.append(counted(kind.count, "time"))
    return "\n".join(map(printable, lines))


def _at(kind: Kind, root: str) -> dict[str, str]:
    path = kind.first.path
    if not path:
        return {}
    if root and os.path.isabs(path) and path.startswith(root.rstrip("/") + "/"):
        path = os.path.relpath(path, root)
    at = {"file": path}
    if kind.first.line > 0:
        at["line"] = str(kind.first.line)
    return at


def _line(command: Command, title: str, message: str, **at: str) -> str:
    members = {**at, "title": f"qmpconf: {title}" if title != "qmpconf" else title}
    told = ",".join(f"{name}={_member(value)}" for name, value in members.items())
    return f"::{command} {told}::{_data(message[:_LONGEST])}"


def _data(text: str) -> str:
    """A message, in which line feeds stay."""
    lines = [printable(line) for line in text.split("\n")]
    return "\n".join(lines).replace("%", "%25").replace("\n", "%0A")


def _member(text: str) -> str:
    """A member's value."""
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
