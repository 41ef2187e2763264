"""Calls that the server refused: which command, with which words, in which line.

Who is to blame is said only where the server's words say it: a command or argument that it does not
have was the client's mistake.  That a disk is full, or that a machine has no balloon, is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qmpconf.check.practice.watch import Answer, Call, Habit
from qmpconf.protocol.messages import Failure
from qmpconf.protocol.requirements import Party

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding

#: Characters of an error that a finding shows.
LONGEST = 200

#: Different errors of one trace that are told apart.
MOST_REFUSED = 500

#: What a server says of a call that is not one of its own.
_CLIENTS = re.compile(
    r"(The command .* has not been found|Parameter '[^']*' (is missing|is unexpected|expects )"
    r"|Invalid parameter( type for)? '|QMP input |JSON parse error|Expecting capabilities)"
)


class Refused(Habit):
    """Calls that were refused, but for those that another finding explains."""

    commands = frozenset()  # errors alone matter

    def __init__(self, reporter: Reporter, told: set[tuple[str, str]]) -> None:
        """`told` are the errors that were found in this trace so far, by command."""
        super().__init__(reporter)
        self._told = told

    def answered(self, call: Call, answer: Answer) -> Sequence[Finding]:
        """A command is answered."""
        reply = answer.message
        if not isinstance(reply, Failure) or answer.explained:
            return ()
        text = f"{reply.error_class}: {reply.description}"
        text = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        key = call.name, text
        if key not in self._told and len(self._told) >= MOST_REFUSED:
            text = f"{reply.error_class}, in other words"
        else:
            self._told.add(key)
        clients = reply.error_class == "CommandNotFound" or _CLIENTS.match(reply.description)
        finding = self.report(
            "practice.failed",
            call.line,
            "",
            call.name,
            f"was refused: {text}",
            "",
            "",
            f"the server's answer in line {answer.line}",
            blame=Party.CLIENT if clients else Party.NOBODY,
        )
        return (finding,)
