"""What there is to say of a conversion, and logs that are read as the traces that they make.

The verbs that only read take a log, a transcript or any other text with QMP messages where the name of a
trace stands: its trace is made on the side, with secrets replaced, and is gone when the verb ends.  Lines
are then those of the text.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator

from qmpconf.cli.traces import traces_in
from qmpconf.errors import InputError, UsageError
from qmpconf.outputs import kind_of
from qmpconf.packed import lines_of, stand_in
from qmpconf.text import counted, harmless
from qmpconf.trace.convert.base import Options
from qmpconf.trace.convert.converting import Converted, convert
from qmpconf.trace.parsing import NotATraceError
from qmpconf.trace.reader import TraceReader

#: How much of a line that was not understood the closing line shows, in characters.
_SHOWN = 60


def readable_in(verb: str, named: Iterable[str], *, quiet: bool = False) -> Iterator[str]:
    """The traces, as `traces_in` gives them, and the texts with messages, for which a trace stands in.

    What each of these was read as goes to stderr.
    """
    for path in traces_in(named):
        read_text(verb, path, quiet=quiet)
        yield path


def read_text(verb: str, path: str, *, quiet: bool = False) -> None:
    """Have its trace stand in for a text with messages; whatever else `path` is stays what it is."""
    if lines_of(path) is not None or not _may_hold_messages(path):
        return
    options = Options(lines=[])
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "made.qmptrace")
        try:
            done = convert(path, target, to_format="qmptrace", options=options)
        except (InputError, UsageError):
            return  # who opens it says what it is not
        if done.source.name == "qmptrace" or done.notes.unit != "line" or done.failed is not None:
            return
        stand_in(path, open(target, "rb"), options.lines or [])  # noqa: SIM115 - it closes it
    lines = list(told(done, path, quiet=True))
    if not quiet:
        more = sum(not is_damage for is_damage, _, _ in done.notes.told())
        advice = "" if not more else f"; {counted(more, 'remark')} more: qmpconf convert"
        lines.append(f"{path}: read as {done.source.name} ({done.why}): {held(done)}{advice}")
    for line in lines:
        print(f"qmpconf {verb}: {harmless(line)}", file=sys.stderr)


def _may_hold_messages(path: str) -> bool:
    try:
        TraceReader(path)
    except NotATraceError:
        return kind_of(path) == "other"
    except InputError:
        pass
    return False


def told(done: Converted, name: str, *, quiet: bool = False) -> Iterator[str]:
    """What the file was read as, what is wrong with it, and what was lost; `quiet`: only what is wrong."""
    if done.why and not quiet:
        yield f"{name}: read as {done.source.name} ({done.why})"
    for is_damage, number, text in done.notes.told():
        if quiet and not is_damage:
            continue
        unit = done.notes.unit
        where = f"{name}:{number}" if unit == "line" else f"{name}, {unit} {number}"
        yield f"{where if number else name}: {text}"
    for number, text in done.notes.missed_lines:
        yield f"{name}:{number}: not understood: {text!r}"
    more = done.notes.misses - len(done.notes.missed_lines)
    if more:
        yield f"{name}: {counted(more, 'more line')} not understood"


def held(done: Converted) -> str:
    """What the trace holds, and what of the other file nobody understood."""
    misses, missed = done.notes.misses, ""
    if misses:
        number, text = done.notes.missed_lines[0]
        missed = (
            f"; {counted(misses, 'line')} not understood (first: line {number}: {text[:_SHOWN]!r})"
        )
    return f"{counted(done.sessions, 'session')}, {counted(done.messages, 'message')}{missed}"
