"""Other formats to traces and back: the register of formats, and what each of them must offer.

A format is one row of `FORMATS` and one module, imported when the format is used, with

- ``read(source: Source, options: Options, notes: Notes) -> Reading``: what the file says.  It may
  look at the beginning of the file to know the header's facts; the records are read as they are
  iterated over, in constant memory where the format allows.  A format of bytes makes its records
  with `qmpconf.trace.convert.wire.Wire`, which cuts them into messages as the recorder does.
- ``write(file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None``: the same the
  other way round, `file` being open, empty and forward only.

What a format cannot hold goes to `Notes.lost`, what is wrong with the input to `Notes.damage`:
the reader goes on behind it.  Where it cannot, it raises `InputError`; what it has given until
then is kept.  No module redacts, opens or names files: `qmpconf.trace.convert.converting` does.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from qmpconf.errors import UsageError
from qmpconf.trace.convert.base import Notes, Options, Reading, Source
from qmpconf.trace.convert.logs.styles import STYLES, Style

#: How much of what shows a file's format is shown (bytes).
_SHOWN = 40

#: How much of a file is looked at to find its format.
HEAD = 1 << 18


class Module(Protocol):
    """What the module of a format offers."""

    def read(self, source: Source, options: Options, notes: Notes) -> Reading:
        """What the file says."""

    def write(self, file: BinaryIO, reading: Reading, options: Options, notes: Notes) -> None:
        """Write all of `reading`."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    `endings` decide about a file's format; `hints` only where its content does not, in the order
    of `FORMATS`.  `looks` is found in the first `HEAD` bytes of such a file and of no other.
    `keeps` and `loses` say to people what it holds of a session, and what it does not.  With
    `writes`, files of the format can be written, with `reads` read.
    """

    name: str
    title: str
    module: str
    endings: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    looks: re.Pattern[bytes] | None = None
    keeps: str = ""
    loses: str = ""
    writes: bool = True
    reads: bool = True

    def load(self) -> Module:
        """The format's module."""
        return cast("Module", importlib.import_module(self.module))


_LOGS = "qmpconf.trace.convert.logs.reader"


def _of_style(style: Style) -> Format:
    """A program whose logs are known: the reader is that of all logs."""
    return Format(
        style.name,
        style.title,
        _LOGS,
        looks=style.looks,
        keeps="as log",
        loses="as log",
        writes=False,
    )


FORMATS = (
    Format(
        "qmptrace",
        "qmpconf's own traces",
        "qmpconf.trace.convert.qmptrace",
        endings=(".qmptrace",),
        looks=re.compile(rb'\A\{"qmptrace"\s*:'),
        keeps="everything",
        loses="nothing",
    ),
    Format(
        "pcapng",
        "captures of QMP over TCP",
        "qmpconf.trace.capture.pcapng",
        endings=(".pcapng",),
        looks=re.compile(
            rb"\A\x0a\x0d\x0d\x0a.{4}(?:\x1a\x2b\x3c\x4d|\x4d\x3c\x2b\x1a)", re.DOTALL
        ),
        keeps="all bytes of all sessions, times in microseconds, how a session ends",
        loses="addresses of UNIX sockets; descriptors and what was redacted stand in comments",
    ),
    Format(
        "pcap",
        "the same in the older format",
        "qmpconf.trace.capture.pcap",
        endings=(".pcap", ".cap"),
        looks=re.compile(
            rb"\A(?:\xa1\xb2[\xc3\x3c\xcd][\xd4\x4d\x34]|[\xd4\x4d\x34][\xc3\x3c\xcd]\xb2\xa1)"
        ),
        keeps="all bytes of all sessions, times in microseconds, how a session ends",
        loses="addresses of UNIX sockets, descriptors, that a value was redacted",
    ),
    Format(
        "parquet",
        "a row a record, for DuckDB, pandas and the like (extra qmpconf[parquet])",
        "qmpconf.trace.convert.parquet",
        endings=(".parquet",),
        looks=re.compile(rb"\APAR1"),
        keeps="everything",
        loses="nothing",
    ),
    Format(
        "otlp",
        "spans of OpenTelemetry, to a file or a collector's URL (extra qmpconf[otlp])",
        "qmpconf.trace.convert.otlp",
        endings=(".otlp", ".otlp.json", ".otlp.jsonl"),
        keeps="a span a command with its response, times, errors; events; the server's version",
        loses="the messages themselves",
        reads=False,
    ),
    Format(
        "replies",
        "libvirt's test files",
        "qmpconf.trace.convert.replies",
        endings=(".replies",),
        looks=re.compile(rb'\A\s*\{\s*\n\s*"(?:execute|QMP)"[^\n]*\n'),
        keeps="commands with their answers, one session after the other",
        loses="greetings, events, out-of-band commands, times, descriptors, white space, "
        "malformed bytes",
    ),
    *map(_of_style, STYLES),
    Format(
        "qemu-trace",
        "QEMU's own trace log: handle_qmp_command, monitor_qmp_respond",
        "qmpconf.trace.convert.qemu_trace",
        looks=re.compile(
            rb"^[^{}\n]{0,200}\b(?:handle_qmp_command|monitor_qmp_respond) mon 0x[0-9a-f]+ re(?:q|sp): ",
            re.MULTILINE,
        ),
        keeps="commands, answers and events of all monitors, in microseconds with "
        "-msg timestamp=on; of QEMU 5.2 commands only",
        loses="a command's own bytes, what QEMU could not parse, descriptors, when a client goes",
        writes=False,
    ),
    Format(
        "libvirt-log",
        "libvirtd's debug log",
        "qmpconf.trace.convert.libvirt_log",
        hints=(".log",),
        looks=re.compile(rb"QEMU_MONITOR_(?:SEND_MSG|RECV_REPLY|RECV_EVENT|IO_WRITE)"),
        keeps="all messages of all sessions, times in milliseconds",
        loses="kinds of descriptors, half-closes, malformed bytes",
    ),
    Format(
        "qmp-shell",
        "qmp-shell's log, or a copy of its screen",
        "qmpconf.trace.convert.qmp_shell",
        hints=(".log",),
        looks=re.compile(
            rb'^\((?:QEMU|QGA)\) |\A\{"execute"[^\n]*"(?:return|error)":|\A\{\n    "arguments"',
            re.MULTILINE,
        ),
        keeps="commands with their answers, of one session",
        loses="greetings, events, times, descriptors, white space, malformed bytes",
    ),
    Format(
        "iotests",
        "the outputs of QEMU's iotests",
        "qmpconf.trace.convert.iotests",
        looks=re.compile(
            rb"^QA output created by |^[ \t]*QMP_VERSION\s*$|\"seconds\": +TIMESTAMP"
            rb"|X ops; XX:XX:XX.X|\"microseconds\": \"USECS\"|TEST_DIR/PID-|\bTEST_DIR/t\.|[\"']IMGFMT[\"']",
            re.MULTILINE,
        ),
        keeps="the messages that a test prints, a session for each scenario",
        loses="what a test masks or does not print, times, descriptors, white space",
        writes=False,
    ),
    Format(
        "transcript",
        "-> and <- as in documents and mails",
        "qmpconf.trace.convert.transcript",
        hints=(".txt", ".md", ".rst"),
        looks=re.compile(
            rb"^[ \t>|*]*(?:->|<-|C:|S:)[ \t]*\{"
            rb"|^[ \t>|*]*\{[ \t]*[\"'](?:QMP|execute|return|event)[\"'][ \t]*:",
            re.MULTILINE,
        ),
        keeps="all messages, one session after the other",
        loses="times, descriptors, white space, malformed bytes",
    ),
    Format(
        "log",
        "any log that holds QMP messages",
        _LOGS,
        hints=(".log",),
        looks=re.compile(
            rb"\{\s*\\*[\"'](?:QMP|execute|exec-oob|return|error|event|id|timestamp|arguments)\\*[\"']\s*:"
        ),
        keeps="all messages that are logged, of all sessions, with their times",
        loses="what the program does not log; descriptors, white space, malformed bytes",
        writes=False,
    ),
)


def named(name: str) -> Format:
    """The format of that name.  Raises `UsageError`."""
    for one in FORMATS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in FORMATS)
    raise UsageError(f"there is no format {name!r}; there are {known}")


def format_of_output(path: str) -> Format:
    """The format that a file's name asks for.  Raises `UsageError` for one that asks for none."""
    found = [one for one in _by_ending(path, hints=True) if one.writes]
    if len(found) == 1:
        return found[0]
    which = ", ".join(one.name for one in found or FORMATS if one.writes)
    why = "fits several formats" if found else "shows no format"
    raise UsageError(f"the name of {path} {why}; choose one with --to: {which}")


def format_of_input(path: str, head: bytes) -> tuple[Format, str]:
    """The format of a file by its name, or else by how it begins, and why it is that one.

    Raises `UsageError` for a file that is not text and no format's.
    """
    for one in _by_ending(path, hints=False):
        return one, f"its name ends in {_ending(path, one.endings)}"
    for one in FORMATS:
        found = one.looks.search(head) if one.looks is not None else None
        if found is not None:
            return one, _what_shows(head, found)
    for one in _by_ending(path, hints=True):
        return one, f"its name ends in {_ending(path, one.hints)}"
    if _is_text(head):
        return named("log"), "it is a text, and nothing else fits"
    known = ", ".join(one.name for one in FORMATS)
    raise UsageError(
        f"neither the name nor the first bytes of {path} show its format; choose one with --from: "
        f"{known}"
    )


def _what_shows(head: bytes, found: re.Match[bytes]) -> str:
    text = found.group().strip()
    if (
        not text
        or not text.isascii()
        or any(byte < 0x20 and byte not in b"\t\r\n" for byte in text)
    ):
        return "its first bytes are those of one"
    shown = text[:_SHOWN].decode("ascii").split("\n", 1)[0].rstrip()
    line = head.count(b"\n", 0, found.end() - 1) + 1
    return f"line {line} holds {shown!r}"


def _ending(path: str, endings: tuple[str, ...]) -> str:
    return next(
        one
        for one in endings
        if path.lower().removesuffix(".gz").removesuffix(".zst").endswith(one)
    )


def _is_text(head: bytes) -> bool:
    """Whether these may be lines of text: few control characters, and something else."""
    strange = sum(head.count(bytes([byte])) for byte in range(32) if byte not in b"\t\n\r\x1b")
    return len(head) > 0 and strange * 50 < len(head)


def _by_ending(path: str, *, hints: bool) -> list[Format]:
    name = path.lower().removesuffix(".gz").removesuffix(".zst")
    sure = [one for one in FORMATS if _ends(name, one.endings)]
    found = sure or [one for one in FORMATS if hints and _ends(name, one.hints)]
    return sorted(found, key=lambda one: one.name != "log")


def _ends(name: str, endings: Iterable[str]) -> bool:
    return name.endswith(tuple(endings))
