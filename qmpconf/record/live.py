"""The live view: one line a message, as it passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qmpconf.protocol.framing import Frame
from qmpconf.text import printable
from qmpconf.trace.reader import Item
from qmpconf.trace.records import Side
from qmpconf.trace.summary import PASSED_OVER, UNENDED, Summaries, Summary

#: How a line is meant, and what a terminal makes of it.
PLAIN, GOOD, BAD, QUIET = "plain", "good", "bad", "quiet"
STYLES = {PLAIN: "", GOOD: "green", BAD: "bold red", QUIET: "dim"}


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
            text, style = said(found)
            if found.latency is not None:
                text += f"  {1000 * found.latency:.1f} ms"
            arrow = "->" if sender == "client" else "<-"
            yield f"{t:11.6f}  {conn}  {arrow}  {printable(text)}", style


def said(found: Summary) -> tuple[str, str]:
    """A message in a few words, which may hold anything, and how they are meant."""
    if found.kind == "command":
        return found.name or "(no command)", PLAIN
    if found.kind == "greeting":
        return f"greeting {found.outcome} {found.text}".rstrip(), QUIET
    if found.kind == "event":
        return f"event {found.name}", QUIET
    if found.kind in {"return", "error"}:
        asked = found.latency is not None
        name = found.name or ("(no command)" if asked else "(nothing that was asked)")
        if found.kind == "return":
            return f"{name} returned", GOOD
        return f"{name} failed: {found.outcome}: {found.text}", BAD
    if found.kind == "malformed" and found.outcome == UNENDED:
        return "(a message that does not end)", BAD
    return "(no QMP message)", BAD
