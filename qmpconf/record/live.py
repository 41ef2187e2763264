"""The live view: one line a message, as it passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from qmpconf.protocol.framing import Frame
from qmpconf.text import printable
from qmpconf.trace.items import Item
from qmpconf.trace.members import Member
from qmpconf.trace.records import Side
from qmpconf.trace.redaction.content import hide_string
from qmpconf.trace.redaction.values import Values
from qmpconf.trace.summary import PASSED_OVER, Summaries
from qmpconf.trace.wording import said


class Live:
    """Turns frames into lines, by their summaries."""

    def __init__(self) -> None:
        self._summaries = Summaries()

    def lines(
        self, conn: int, sender: Side, frames: Sequence[Frame], t: float
    ) -> Iterator[tuple[str, str]]:
        """The lines for frames that passed `t` seconds after the start, each with its style."""
        for frame in frames:
            found = self._summaries.take(Item(0, t, conn, sender, frame))
            if found is None or (found.kind == "malformed" and found.outcome in PASSED_OVER):
                continue
            if found.members:
                found = msgspec.structs.replace(found, members=_hidden(found.members))
            text, style = said(found)
            if found.latency is not None:
                text += f"  {1000 * found.latency:.1f} ms"
            arrow = "->" if sender == "client" else "<-"
            yield f"{t:11.6f}  {conn}  {arrow}  {printable(text)}", style


def _hidden(members: Mapping[str, Member]) -> dict[str, Member]:
    """Without the secrets that a value shows by its syntax: what passes is not redacted yet."""
    return {
        name: hide_string(one, Values()) if isinstance(one, str) else one
        for name, one in members.items()
    }
