"""The line in which something is typed: what to search for, a filter, the number of a line."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

#: What stands where something is to be typed, by what is asked for.
_ASKED = {
    "search": "search for",
    "filter": "for example: command ~ block* and took > 50ms and not error",
    "line": "line of the trace",
}


class Asking(Input):
    """Is there as long as something is asked for; `Answered` says what was typed, `Left` that nothing is.

    Whoever hears `Answered` calls `end`, or leaves it open where the answer cannot be used.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]

    class Answered(Message):
        """`text` was typed where `what` was asked for."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what = what
            self.text = text

    class Left(Message):
        """Nothing is asked for any more."""

    def __init__(self, **more: Any) -> None:
        super().__init__(compact=True, **more)
        self._what = ""

    def begin(self, what: str, value: str) -> None:
        """Ask for something (`_ASKED`); `value` stands there at first."""
        self._what = what
        self.value = value
        self.placeholder = _ASKED[what]
        self.cursor_position = len(value)
        self.screen.add_class("asking")
        self.focus()

    def end(self) -> None:
        """Take the line away."""
        self.screen.remove_class("asking")
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Ask no longer."""
        self.end()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """It was typed."""
        event.stop()
        self.post_message(self.Answered(self._what, event.value))
