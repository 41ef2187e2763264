"""The terminal view itself: a screen for a trace, one for a folder, and what lies above them for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from qmpconf.errors import QmpconfError
from qmpconf.text import printable
from qmpconf.view import help as keys
from qmpconf.view import suspending
from qmpconf.view.document import Document
from qmpconf.view.folder import Recording, rows_of
from qmpconf.view.overlay import Overlay
from qmpconf.view.trace import TraceScreen

#: 128 + SIGINT, as shells have it.
INTERRUPTED = 130

#: Opens a recording.
Opening = Callable[[str], Document]


class View(App[None]):
    """Shows one document, or the recordings of a folder, of which `opening` opens one.

    `filtered` is the text of a filter that every document has at first.
    """

    TITLE = "qmpconf view"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as textual declares it
        (0, "-narrow"),
        (72, "-wide"),
    ]
    CSS = """
    Screen { background: $background; }
    .line { height: 1; padding: 0; }
    #head, #status { color: $text-muted; }
    #list { height: 1fr; overflow-x: hidden; overflow-y: scroll; }
    #below { height: 1fr; layout: horizontal; }
    Page { width: 1fr; height: 100%; border-top: solid $primary; overflow-x: hidden; overflow-y: scroll;
           border-title-align: left; }
    Page:focus { border-top: heavy $accent; }
    ScrollView { scrollbar-size-vertical: 1; }
    #recordings { height: 1fr; border: none; padding: 0; }
    #ask { height: 1; border: none; padding: 0; display: none; }
    #ask:focus { border: none; }
    .asking #ask { display: block; }
    .asking #status { height: auto; max-height: 5; }
    .-narrow #schema { display: none; }
    .-narrow.other #schema { display: block; }
    .-narrow.other #message { display: none; }
    .alone #below { display: none; }
    Overlay { align: center middle; }
    Overlay > Vertical { width: 100%; height: 100%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "keys", "keys", key_display="?"),
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        document: Document | None = None,
        *,
        recordings: Sequence[Recording] = (),
        folder: str = "",
        opening: Opening | None = None,
        filtered: str = "",
    ) -> None:
        super().__init__()
        self._document = document
        self._recordings = recordings
        self._folder = folder
        self._opening = opening
        self._filtered = filtered

    def on_mount(self) -> None:
        """Show what was asked for."""
        loop = asyncio.get_running_loop()
        suspending.guard(
            lambda: self.return_code is not None,
            lambda: loop.call_soon_threadsafe(self.screen.refresh),
        )
        if self._opening is not None:
            self.push_screen(FolderScreen(self._folder, self._recordings, self._opening))
        if self._document is not None:
            self.show(self._document)

    def show(self, document: Document, *, back: bool = False) -> None:
        """Show a recording; with `back`, there is a folder to go back to."""
        self.push_screen(TraceScreen(document, back=back, filtered=self._filtered))

    def action_interrupt(self) -> None:
        """End as an interrupt does."""
        self.exit(return_code=INTERRUPTED)

    def action_keys(self) -> None:
        """Show the keys."""
        if not isinstance(self.screen, Overlay):
            self.push_screen(Overlay("keys", keys.lines))


class FolderScreen(Screen[None]):
    """The recordings of a folder."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor(1)", show=False),
        Binding("k", "cursor(-1)", show=False),
    ]

    def __init__(self, folder: str, recordings: Sequence[Recording], opening: Opening) -> None:
        super().__init__()
        self._folder = folder
        self._recordings = recordings
        self._opening = opening

    def compose(self) -> ComposeResult:
        """A title, the list, what is to be known."""
        count = len(self._recordings)
        title = f"{self._folder}: {count:,} recording{'' if count == 1 else 's'}"
        yield Static(printable(title), id="title", classes="line", markup=False)
        yield OptionList(id="recordings", markup=False)
        yield Static("enter opens one", id="status", classes="line", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Fill the list."""
        self._fill()

    def on_resize(self) -> None:
        """Fill the list anew."""
        self._fill()

    def _fill(self) -> None:
        found = self.query_one(OptionList)
        at = found.highlighted
        found.clear_options()
        found.add_options(Option(row) for row in rows_of(self._recordings, self.size.width - 4))
        found.highlighted = at or 0
        found.focus()

    def action_cursor(self, step: int) -> None:
        """Go up or down."""
        found = self.query_one(OptionList)
        (found.action_cursor_down if step > 0 else found.action_cursor_up)()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open it."""
        try:
            document = self._opening(self._recordings[event.option_index].path)
        except QmpconfError as error:
            self.query_one("#status", Static).update(printable(str(error)))
            return
        if isinstance(self.app, View):
            self.app.show(document, back=True)
