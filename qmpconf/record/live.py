"""The live view: one line a message, as it passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Event, Failure, Greeting, Success
from qmpconf.protocol.session import Session, Step
from qmpconf.trace.records import Side

#: How a line is meant, and what a terminal makes of it.
PLAIN, GOOD, BAD, QUIET = "plain", "good", "bad", "quiet"
STYLES = {PLAIN: "", GOOD: "green", BAD: "bold red", QUIET: "dim"}


def _printable(text: str) -> str:
    """What the other side says must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class Live:
    """Turns frames into lines; keeps a `Session` for each connection, to name what is answered."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}

    def lines(
        self, conn: int, sender: Side, frames: Sequence[Frame], t: float
    ) -> Iterator[tuple[str, str]]:
        """The lines for frames that passed `t` seconds after the start, each with its style."""
        session = self._sessions.setdefault(conn, Session())
        for frame in frames:
            take = session.client if sender == "client" else session.server
            step = take(frame, t)
            if frame.kind is Kind.PARTIAL:
                text, style = "(a message that does not end)", BAD
            elif step.message is not None:
                text, style = self._said(step, t)
            else:
                continue
            arrow = "->" if sender == "client" else "<-"
            yield f"{t:11.6f}  {conn}  {arrow}  {_printable(text)}", style

    @staticmethod
    def _said(step: Step, t: float) -> tuple[str, str]:
        message = step.message
        if isinstance(message, Command):
            return message.name or "(no command)", PLAIN
        if isinstance(message, Greeting):
            version = ".".join(map(str, message.version))
            return f"greeting {version} {message.package}".rstrip(), QUIET
        if isinstance(message, Event):
            return f"event {message.name}", QUIET
        if isinstance(message, Success | Failure):
            answered = step.answered
            name = (answered.name if answered else "") or "(nothing that was asked)"
            took = f"  {1000 * (t - answered.mark):.1f} ms" if answered else ""
            if isinstance(message, Success):
                return f"{name} returned{took}", GOOD
            return f"{name} failed: {message.error_class}: {message.description}{took}", BAD
        return "(no QMP message)", BAD
