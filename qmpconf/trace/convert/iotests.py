"""The reference outputs of QEMU's iotests (``tests/qemu-iotests/*.out``), as far as they hold QMP.

A test prints what it likes of its sessions: commands in QEMU's dialect, which it echoes, or as
Python's library logs them; answers of commands that it does not print; the events that it waits
for.  What differs between runs is masked (``TIMESTAMP``, ``"USECS"``, ``IMGFMT``), and the whole
greeting is ``QMP_VERSION``.  A heading begins another scenario, which most often has a machine of
its own.

So every scenario is a session, what a test does not print is a gap
(`qmpconf.trace.convert.turns`), and nobody is judged by a mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from qmpconf.errors import UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.marks import Marks
from qmpconf.trace.convert.placeholders import IOTESTS_MASK
from qmpconf.trace.convert.said import Said
from qmpconf.trace.convert.scanning import Found, Scanner
from qmpconf.trace.convert.texts import NO_END, NO_TIMES, header
from qmpconf.trace.convert.transcript import records
from qmpconf.trace.convert.turns import Turns

#: The log writes ``-`` for ``_`` in the names of members within arrays, and QEMU has these.
_UNDERSCORES = {b'"new-state"': b'"new_state"'}
_SPELLED = "a member is spelled with - in the log, and with _ in QEMU: the latter was sent"

_GREETING = re.compile(rb"[ \t]*QMP_VERSION[ \t\r\n]*\Z")


def read(source: Source, options: Options, notes: Notes) -> Reading:
    """The messages that a test has printed."""
    del options
    notes.lost(NO_TIMES)
    notes.lost(NO_END)
    scanner = Scanner(notes, Marks.of(source.head), mask=IOTESTS_MASK, greeting=_GREETING)
    turns = Turns(notes, headings=True)
    found = _spelled(scanner.scan(source), notes)
    return Reading(header(source, "iotests"), records(found, scanner, turns))


def _spelled(found: Iterator[Found], notes: Notes) -> Iterator[Found]:
    """The same, with members as they were sent."""
    for one in found:
        if isinstance(one, Said) and one.side == "client":
            for shown, sent in _UNDERSCORES.items():
                if shown in one.text:
                    notes.lost(_SPELLED, one.line)
                    one.text = one.text.replace(shown, sent)
        yield one


def write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> NoReturn:
    """Raise `UsageError`: only QEMU's tests write their outputs."""
    del file, reading, options, notes
    raise UsageError("the outputs of QEMU's iotests are read, and not written; try --to transcript")
