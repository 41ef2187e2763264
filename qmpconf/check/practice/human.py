"""Errors in the text of ``human-monitor-command``: for QMP such a command has succeeded.

How they read was taken from what QEMU 5.2, 7.2, 10.0 and 11.1 say, and older releases, which left
the word ``Error:`` out.  A text is judged by how its lines *begin*, never by a word inside of them:
what ``info blockstats`` or a guest's serial line hold is not an error of the command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qmpconf.check.practice.watch import Answer, Call, Habit
from qmpconf.protocol.messages import Success

if TYPE_CHECKING:
    from qmpconf.findings import Finding
    from qmpconf.protocol.values import Value

COMMAND = "human-monitor-command"

#: Characters of an error that a finding shows, lines that are looked at, and characters of these.
_LONGEST, _LINES, _MOST = 200, 8, 4000

#: Commands whose output holds what a guest, or somebody else, has written.
_FOREIGN = frozenset({"ringbuf_read", "ringbuf-read"})

#: How every release reports what it could not read, and what it does not have.
_UNREAD = re.compile(r'Try "help [^"]*" for more information\Z')
_UNKNOWN = re.compile(
    r"unknown command: '|Command [\"'].*[\"'] (is )?not available|unknown event \"|Error: ",
    re.IGNORECASE,
)

#: The same without ``Error:``, as some commands and older releases have it.
_BARE = re.compile(
    r"(?:Device|Bus|Property|Chardev|Node|Snapshot|Parameter|Block job|object|device|Drive|Image"
    r"|Event|File descriptor named) '?[^' ]*'? (?:not found|is missing|expects |does not|doesn't"
    r"|could not|is busy|is in use|is not|has no|is locked|already)"
    r"|(?:Could not|Couldn't|Cannot|Can't|Unable to|Failed to|failed to|could not|couldn't|cannot"
    r"|unable to) \w"
    r"|(?:[Ii]nvalid|[Uu]nknown|[Uu]nsupported|[Uu]nexpected)"
    r" (?:parameter|option|argument|char|CPU index|boot device|device|key|register|event|size|value"
    r"|stats|format|filename|keyword|end of expression|block|command|id|unit|address)\b"
    r"|Duplicate (?:device )?ID\b|Error (?:while |opening |reading |writing )"
    r"|'[^']*' (?:is not a valid |has failed: |is an invalid )|No (?:such |memory is mapped at )"
    r"|[\w /-]{1,40} failed: |division by zero|number too large|integer is for 32-bit values"
    r"|id or pci device path is invalid|setting the breakpoint is allowed"
    r"|Expected 'on' or 'off'|user mode network stack not in use"
    r"|[\w|.-]{1,40}: (?:string|filename|block device name|value) expected"
    r"|[\w|.-]{1,40}: (?:extraneous characters|unsupported option)"
)


def error_in(line: str, output: str) -> str:
    """The error in the `output` of the command `line`, as one line; empty where there is none."""
    words = line.split()
    name = words[0] if words else ""
    if name in _FOREIGN:
        return ""
    lines = [one.strip() for one in output[:_MOST].splitlines()][:_LINES]
    lines = [one for one in lines if one]
    if not lines:
        return ""
    if _UNREAD.search(output[-200:].rstrip()):
        return lines[0]
    if _UNKNOWN.match(lines[0]):
        return lines[0]
    if name in ("info", "help", "?"):
        return ""
    known = (one for one in lines if _UNKNOWN.match(one) or _BARE.match(one))
    return next(known, "")


def what(line: str) -> str:
    """The command without its arguments, which may hold a secret; with what `info` is about."""
    words = line.split()
    return " ".join(words[: 2 if words[:1] == ["info"] else 1])[:40]


class Words(Habit):
    """Commands of the human monitor that failed in words."""

    commands = frozenset({COMMAND})

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A command is answered."""
        if call.name != COMMAND or not isinstance(answer.message, Success):
            return ()
        line: Value = call.command.arguments.get("command-line")
        output = answer.message.result
        if not isinstance(line, str) or not isinstance(output, str) or not output:
            return ()
        error = error_in(line, output)
        if not error:
            return ()
        error = error if len(error) <= _LONGEST else f"{error[: _LONGEST - 3]}..."
        finding = self.report(
            "practice.hmp-error",
            call.line,
            "",
            call.name,
            f"{what(line)!r} failed in words: {error}",
            "the QMP command of that purpose, whose errors are errors",
            f"a success with that text, in line {answer.line}",
            "QAPI, human-monitor-command",
        )
        return (finding,)
