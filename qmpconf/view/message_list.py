"""The list of messages: a row each, read when it comes into view; and the same with sessions as lanes."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qmpconf.errors import InputError
from qmpconf.text import printable
from qmpconf.view import wording
from qmpconf.view.document import Document
from qmpconf.view.lanes import Column, columns
from qmpconf.view.pages import strip
from qmpconf.view.rows import Rows
from qmpconf.view.styled import Line, plain

#: How the row stands out on which the cursor is, and one that was marked.
_CURSOR, _AWAY, _MARKED = "reverse", "underline", "on blue"


class MessageList(ScrollView, can_focus=True):
    """The rows of a document, one of which is the cursor's.

    `Moved` says that the cursor is on another row, `Chosen` that Enter was pressed, or clicked twice.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home,g", "first", show=False),
        Binding("end,G", "last", show=False),
        Binding("enter", "choose", show=False),
        Binding("left", "lane(-1)", show=False),
        Binding("right", "lane(1)", show=False),
    ]

    cursor: reactive[int] = reactive(0, init=False)

    class Moved(Message):
        """The cursor is on another row, or the row is another one."""

    class Chosen(Message):
        """The row of the cursor was chosen."""

    def __init__(self, document: Document) -> None:
        super().__init__(id="list")
        self.document = document
        self.rows = Rows(document.index)
        self.lanes = False
        self.first_lane = 0
        #: Whether the last row keeps the cursor, as rows come.
        self.at_end = document.follows
        self.marked: int | None = None
        #: The row near which the cursor is to be, as long as nobody moves it.
        self.wish: int | None = None
        self._known = 0
        self._room = wording.Room()

    @property
    def row(self) -> int | None:
        """The row of the cursor; None where the list is empty."""
        return self.rows[min(self.cursor, len(self.rows) - 1)] if len(self.rows) else None

    def show(self, rows: Rows) -> None:
        """List other rows; the cursor stays on its row, or near it, also as these come."""
        self.wish = self.row if len(self.rows) else self.wish
        self.rows = rows
        self._known = -1
        self.look()
        self.post_message(self.Moved())

    def look(self) -> None:
        """See whether there are more rows."""
        count = len(self.rows)
        if count == self._known:
            return
        began = self._known <= 0
        self._known = count
        self._make_room()
        self.virtual_size = Size(max(1, self.size.width - 1), count)
        if self.at_end and count:
            self.go(count - 1)
        elif self.wish is not None and count:
            self.go(self.rows.place_of(self.wish))
            if self.rows.seen > self.wish:
                self.wish = None  # nothing nearer comes
        elif self.cursor >= count:
            self.cursor = max(0, count - 1)
        elif began:
            self.post_message(self.Moved())
        self.refresh()

    def go(self, place: int) -> None:
        """Put the cursor there."""
        count = len(self.rows)
        place = max(0, min(place, count - 1))
        if place == self.cursor:
            self._reveal()
        self.cursor = place

    def go_to(self, row: int) -> None:
        """Put the cursor on a row, or near it."""
        if len(self.rows):
            self._moved()
            self.go(self.rows.place_of(row))

    def watch_cursor(self) -> None:
        """The cursor has moved."""
        self._reveal()
        self.refresh()
        self.post_message(self.Moved())

    def _moved(self) -> None:
        """The user has put the cursor somewhere."""
        self.at_end, self.wish = False, None

    def _reveal(self) -> None:
        height = self.scrollable_content_region.height
        self.scroll_to_region(
            Region(int(self.scroll_x), self.cursor, 1, 1),
            animate=False,
            force=True,
            immediate=height > 0,
        )

    def action_move(self, step: int) -> None:
        """Go up or down."""
        self._moved()
        self.go(self.cursor + step)

    def action_page(self, step: int) -> None:
        """Go up or down by a screen."""
        self.action_move(step * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Go to the first row."""
        self._moved()
        self.go(0)

    def action_last(self) -> None:
        """Go to the last row, and stay there as more come."""
        self._moved()
        self.at_end = self.document.follows or not self.document.read
        self.go(len(self.rows) - 1)

    def action_choose(self) -> None:
        """Choose the row of the cursor."""
        self.post_message(self.Chosen())

    def action_lane(self, step: int) -> None:
        """Show other lanes."""
        most = max(0, self.document.index.lanes.used - len(self.laid()))
        self.first_lane = max(0, min(self.first_lane + step, most))
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """A click puts the cursor; two choose."""
        place = event.y + int(self.scroll_offset.y)
        if 0 <= place < len(self.rows):
            self._moved()
            self.go(place)
            if event.chain == 2:
                self.action_choose()

    def on_resize(self, _event: Resize) -> None:
        """What is in view has another size."""
        self.virtual_size = Size(max(1, self.size.width - 1), max(0, self._known))
        if self.rows:
            self.call_after_refresh(self._reveal)

    def laid(self) -> list[Column]:
        """The lanes that are in view."""
        room = self.size.width - 1 - wording.TIME - 1
        return columns(max(1, self.document.index.lanes.used), self.first_lane, room)

    def head(self) -> str:
        """What stands above the columns."""
        if not self.lanes:
            return wording.head(self.size.width - 1, self._room)
        index, top = self.document.index, int(self.scroll_offset.y)
        sessions: dict[int, int] = {}
        for place in range(top, min(top + max(1, self.size.height), len(self.rows))):
            row = self.rows[place]
            if place <= self.cursor or index.lane(row) not in sessions:
                sessions[index.lane(row)] = index.conn(row)
        return wording.lane_head(self.laid(), sessions)

    def render_line(self, y: int) -> Strip:
        """Row `y` of what is in view."""
        place = y + int(self.scroll_offset.y)
        if place >= len(self.rows):
            return Strip.blank(self.size.width)
        row = self.rows[place]
        over = ""
        if place == self.cursor:
            over = _CURSOR if self.has_focus else _AWAY
        elif row == self.marked:
            over = _MARKED
        return strip(self._line(row), self.size.width, over=over)

    def _make_room(self) -> None:
        """See how many columns the numbers of lines and the times take by now."""
        index = self.document.index
        if index.count:
            with contextlib.suppress(InputError):  # the row itself says so
                self._room = wording.Room.of(self.document.messages[index.count - 1].summary)

    def _line(self, row: int) -> Line:
        document = self.document
        try:
            one = document.messages[row].summary
            worst = document.found.worst(one.line)
            answer = None
            asked = document.index.partner(row) if self.rows.joined else None
            if asked is not None and asked > row:
                answer = document.messages[asked].summary
                worst = worst or document.found.worst(answer.line)
            if self.lanes:
                lane = document.index.lane(row)
                return wording.lane_row(one, lane, self.laid(), worst=worst, answer=answer)
            return wording.row(one, self.size.width - 1, self._room, worst=worst, answer=answer)
        except InputError as error:
            return plain(printable(str(error)), "red")
