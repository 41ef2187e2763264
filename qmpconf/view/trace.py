"""The screen of one trace: its list, a message and its schema below, and what the keys do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from qmpconf.errors import InputError
from qmpconf.report.terminal import columns, cut
from qmpconf.text import printable, shortened
from qmpconf.trace.filter.empty import case_hint
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.words import FilterError
from qmpconf.trace.follow import GONE
from qmpconf.view import sheets
from qmpconf.view.asking import Asking
from qmpconf.view.details import Details
from qmpconf.view.document import Document, Filtered, Search
from qmpconf.view.message_list import MessageList
from qmpconf.view.overlay import Overlay
from qmpconf.view.rows import Rows

#: Seconds between two looks at what the document has, and until what is below follows the cursor.
_LOOK, _REST = 0.1, 0.05

#: Said of a search that went on behind an end of the list, by its way.
_AROUND = {1: "on from the first message", -1: "on from the last message"}

#: Digits of a line's number.
_DIGITS = 12


class TraceScreen(Screen[None]):
    """Shows `document`, and closes it in the end; with `back`, there is a folder to go back to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "app.keys", "keys", key_display="?"),
        Binding("q", "app.quit", "quit"),
        Binding("slash", "ask('search')", "search", key_display="/"),
        Binding("n", "search(1)", show=False),
        Binding("N", "search(-1)", show=False),
        Binding("f", "ask('filter')", "filter"),
        Binding("s", "session", "session"),
        Binding("t", "join", "together"),
        Binding("l", "lanes", "lanes"),
        Binding("e", "finding(1)", "finding"),
        Binding("E", "finding(-1)", show=False),
        Binding("m", "mark", "mark"),
        Binding("c", "compare", "compare"),
        Binding("colon", "ask('line')", "line", key_display=":"),
        Binding("v", "view", show=False),
        Binding("escape,b", "back", "back"),
    ]

    def __init__(self, document: Document, *, back: bool = False, filtered: str = "") -> None:
        super().__init__()
        self._document = document
        self._back = back
        self._said = ""  # the latest news, until the next key
        self._sought = ""
        self._way = 1  # of the search: 1 forwards, -1 backwards
        self._search: Search | None = None
        self._filtered: Filtered | None = None
        self._begin = filtered  # the filter at first
        self._only = ""  # what is filtered, in words
        self._drawn: object = None  # what the rows show beside the messages
        self._told: object = None  # what the lines around say
        self._late = False  # the pages are to follow

    def compose(self) -> ComposeResult:
        """From above: title, columns, list, the two pages, news, keys."""
        yield Static("", id="title", classes="line", markup=False)
        yield Static("", id="head", classes="line", markup=False)
        yield MessageList(self._document)
        yield Details(self._document)
        yield Asking(id="ask")
        yield Static("", id="status", classes="line", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self._list.focus()
        self._document.start()
        self.set_interval(_LOOK, self._look)
        if self._begin:
            self._filter(self._begin)

    def on_unmount(self) -> None:
        """End."""
        self._document.close()

    @property
    def _list(self) -> MessageList:
        return self.query_one(MessageList)

    @property
    def _details(self) -> Details:
        return self.query_one(Details)

    @property
    def rests(self) -> bool:
        """Whether all that there is was read, checked and searched, and is shown."""
        document, filtered = self._document, self._filtered
        busy = self._late or self._search is not None or not self._details.rests
        return not busy and document.rests and (filtered is None or filtered.waits)

    # ── what changes by itself ───────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """See what there is now."""
        self._list.look()
        document = self._document
        now = (sum(document.found.totals.values()), document.trouble)
        if now != self._drawn:  # rows have other marks
            self._drawn = now
            self._list.refresh()
        self._take_found()
        self._news()
        self._show_details()

    def _take_found(self) -> None:
        """Go to what was searched for, once it is found."""
        search, found = self._search, self._list
        if search is None or not search.done:
            return
        self._search = None
        if search.found is None:
            self._said = f"{self._sought!r} was not found"
            return
        place = found.cursor
        found.go_to(search.found)
        around = {1: found.cursor <= place, -1: found.cursor >= place}[self._way]
        self._said = _AROUND[self._way] if around else ""

    def _news(self) -> None:
        """The three lines that say where we are."""
        document, rows, search, width = (
            self._document,
            self._list.rows,
            self._search,
            self.size.width,
        )
        facts = [self._said] if self._said else []
        count = len(rows)
        facts.append(f"{min(self._list.cursor + 1, count):,} of {count:,}")
        if self._filtered is not None:
            far = "" if self._filtered.waits else f" ({_percent(self._filtered.share)} looked at)"
            facts.append(f"only {self._only}{far}")
        if not document.read:
            follows = GONE if document.abandoned else "follows"
            facts.append(follows if document.follows else f"{_percent(document.share)} read")
        if search is not None:
            facts.append(f"searches {self._sought!r} ({_percent(search.share)})")
        checking = "" if document.checked or document.follows else " so far"
        facts.append(f"{document.found}{checking}")
        news = (document.trouble, document.check_trouble, document.news())
        facts += [one for one in news if one]
        status = printable(" | ".join(facts))
        if not self.has_class("asking"):  # where there is more room
            status = cut(status, max(8, width))
        told = (self._title(width), self._list.head(), status)
        if told != self._told:
            self._told = told
            for name, text in zip(("#title", "#head", "#status"), told, strict=True):
                self.query_one(name, Static).update(text)

    def _title(self, width: int) -> str:
        """What is shown, and as far as there is room, when and by what it was recorded."""
        header = self._document.header
        when = header.started.replace("T", " ").replace("Z", " UTC")
        by = f" by {header.recorder}" if header.recorder else ""
        path = self._document.path
        titles = [printable(path + more) for more in (f": recorded {when}{by}", f": {when}", "")]
        return next(
            (one for one in titles if columns(one) <= width), cut(titles[-1], max(8, width))
        )

    def on_message_list_moved(self) -> None:
        """The pages follow, unless the cursor goes on at once."""
        if not self._late:
            self._late = True
            self.set_timer(_REST, self._follow)

    def on_page_resized(self) -> None:
        """Fold anew."""
        self._details.fold()
        self.on_message_list_moved()

    def _follow(self) -> None:
        self._late = False
        self._news()
        self._show_details()

    def _show_details(self) -> None:
        """Show the message of the cursor, and its schema."""
        filtered = self._filtered
        if filtered is not None:
            hint = case_hint(filtered.wanted)
            empty = "No message passes this filter" + (f" ({hint})" if hint else "")
            empty += "." if self._ended(filtered) else " so far."
        else:
            empty = "There is no message." if self._document.read else "No message yet."
        self._details.show(self._list.row, empty)

    def _ended(self, filtered: Filtered) -> bool:
        """Whether all of the trace was looked at, and no more comes."""
        return self._document.read and filtered.waits

    # ── what the keys do ─────────────────────────────────────────────────────────────────────

    def on_message_list_chosen(self) -> None:
        """To the other half of the call."""
        row = self._list.row
        other = None if row is None else self._document.index.partner(row)
        if other is None:
            self._say("no other message belongs to this one")
            return
        if self._list.rows.joined:
            self._say("both are on this row (t: apart)")
            return
        self._list.go_to(other)

    def action_join(self) -> None:
        """Commands and responses on one row, or apart."""
        found = self._list
        joined = not found.rows.joined
        if self._filtered is not None:
            self._filter(self._only, joined=joined)
        else:
            found.show(Rows(self._document.index, joined=joined))

    def action_lanes(self) -> None:
        """Sessions beside each other, or one below the other."""
        found = self._list
        found.lanes = not found.lanes
        if found.row is not None:
            found.first_lane = max(0, self._document.index.lane(found.row) - len(found.laid()) + 1)
        found.refresh()
        self._news()

    def action_session(self) -> None:
        """Only the session of the cursor, or all."""
        row = self._list.row
        if self._filtered is not None:
            self._unfilter()
        elif row is not None:
            self._filter(f"session = {self._document.index.conn(row)}")

    def action_finding(self, step: int) -> None:
        """To the next message with a finding."""
        row, index = self._list.row, self._document.index
        if row is None:
            return
        line = self._document.found.next(index.line(row), step)
        if line is None:
            self._say(f"no finding {'behind' if step > 0 else 'before'} this one")
            return
        self._list.go_to(index.at_line(line))

    def action_mark(self) -> None:
        """Mark the message of the cursor, or unmark it."""
        found = self._list
        found.marked = None if found.marked == found.row else found.row
        found.refresh()
        if found.marked is not None:
            line = self._document.index.line(found.marked)
            self._say(f"line {line} is marked: go to another one, and c compares")

    def action_compare(self) -> None:
        """The marked message and the one of the cursor."""
        found, document = self._list, self._document
        one, other = found.marked, found.row
        if one is None or other is None:
            self._say("mark a message with m first")
            return
        if one == other:
            self._say("this is the marked message: go to another one")
            return
        try:
            sides = document.messages[one], document.messages[other]
        except InputError as error:
            self._say(str(error))
            return
        self.app.push_screen(
            Overlay("compared", lambda width: sheets.comparison(document.path, *sides, width))
        )

    def action_view(self) -> None:
        """Message, schema, list alone, and around."""
        if self.has_class("alone"):
            self.remove_class("alone", "other")
        elif self.has_class("other") or not self.has_class("-narrow"):
            self.add_class("alone")
        else:
            self.add_class("other")

    def action_back(self) -> None:
        """Take away what was asked for; then go to the folder."""
        if self._search is not None:
            self._search.over.set()
            self._search = None
        elif self._filtered is not None:
            self._unfilter()
        elif self._back:
            self.app.pop_screen()

    def action_search(self, step: int) -> None:
        """Look for the same again."""
        self._take_found()
        found, search = self._list, self._search
        if not self._sought:
            self._say("search something first: /")
            return
        if search is not None:
            if (search.text, self._way) == (self._sought, step):
                return  # it is being looked for
            search.over.set()
        self._said, self._way = "", step
        rows = _around(found.rows, found.cursor, step)
        self._search = self._document.search(self._sought, rows, len(found.rows))

    def action_ask(self, what: str) -> None:
        """Let something be typed."""
        value = {"search": self._sought, "filter": self._only, "line": ""}[what]
        self.query_one(Asking).begin(what, value)

    def on_asking_answered(self, event: Asking.Answered) -> None:
        """It was typed."""
        text = event.text
        if event.what == "filter" and not self._is_filter(text.strip()):
            return
        self.query_one(Asking).end()
        if event.what == "search" and text:
            self._sought = text
            self.action_search(1)
        elif event.what == "line" and text:
            if text.isdecimal() and len(text) <= _DIGITS and self._list.row is not None:
                self._list.go_to(self._document.index.at_line(int(text)))
            else:
                self._say(f"{shortened(text, 20)!r} is not the number of a line")

    def on_asking_left(self) -> None:
        """Back to the list."""
        self._list.focus()

    def on_key(self) -> None:
        """News are for one key."""
        self._said = ""

    def _is_filter(self, text: str) -> bool:
        """Filter by it; where it cannot be read, the cursor goes to the place, and it stays."""
        try:
            if text:
                self._filter(text)
            elif self._filtered is not None:
                self._unfilter()
        except FilterError as error:
            self.query_one(Asking).cursor_position = error.column - 1
            self._say(f"column {error.column}: {error.reason}")
            return False
        return True

    def _filter(self, text: str, *, joined: bool | None = None) -> None:
        """List what passes a filter.  Raises `FilterError`."""
        found = self._list
        joined = found.rows.joined if joined is None else joined
        filtered = self._document.filtered(parse(text), joined=joined)
        self._end_filter()
        self._filtered, self._only = filtered, text
        found.show(filtered.rows)

    def _unfilter(self) -> None:
        found = self._list
        self._end_filter()
        found.show(Rows(self._document.index, joined=found.rows.joined))

    def _end_filter(self) -> None:
        if self._filtered is not None:
            self._filtered.over.set()
        self._filtered, self._only = None, ""

    def _say(self, text: str) -> None:
        self._said = text
        self._news()


def _around(rows: Rows, place: int, step: int) -> Iterator[int]:
    """Every row once, from the one behind `place` on and around the end."""
    count = len(rows)
    for at in range(1, count + 1):
        yield rows[(place + step * at) % count]


def _percent(share: float) -> str:
    """A share in percent: 100 for all of it only."""
    return f"{int(100 * share)}%"
