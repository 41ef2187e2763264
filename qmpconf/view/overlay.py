"""A text above all else: two messages compared, the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer

from qmpconf.view.pages import Page
from qmpconf.view.styled import Line


class Overlay(ModalScreen[None]):
    """A text above all else, until a key takes it away; `make` gives its lines in so many columns."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,b,q,question_mark", "back", "back"),
    ]

    def __init__(self, title: str, make: Callable[[int], list[Line]]) -> None:
        super().__init__()
        self._title = title
        self._make = make

    def compose(self) -> ComposeResult:
        """The text, and the keys."""
        with Vertical():
            yield Page("overlay", self._title)
            yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Scroll it with the keys at once."""
        self.query_one(Page).focus()

    def on_page_resized(self) -> None:
        """It has another width."""
        page = self.query_one(Page)
        page.show(self._make(page.room), again=True)

    def action_back(self) -> None:
        """Take it away."""
        self.dismiss()
