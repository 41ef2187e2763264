"""What stands below the list: the message of the cursor with what was found in it, and beside it its schema."""

from __future__ import annotations

from typing import NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from qmpconf.errors import InputError, QmpconfError
from qmpconf.text import printable
from qmpconf.trace.summary import Summary
from qmpconf.view import sheets
from qmpconf.view.document import Document
from qmpconf.view.pages import Page
from qmpconf.view.styled import Line, plain, told

#: What the schemas describe, by what a message is.
_DESCRIBED = {"command": "command", "return": "command", "error": "command", "event": "event"}

#: Seconds in which a schema is found as a rule; after that it is said that it is being looked for.
_SOON = 0.2


class _Subject(NamedTuple):
    """What a schema is asked about: the command or event `name` of a session, from a line on."""

    conn: int
    name: str
    what: str
    named: bool  # whether it is known how schemas are chosen


class Details(Container):
    """The two pages of `document` below the list."""

    class SchemaFound(Message):
        """What the schema says about a subject."""

        def __init__(self, subject: _Subject, lines: list[Line]) -> None:
            super().__init__()
            self.subject = subject
            self.lines = lines

    def __init__(self, document: Document) -> None:
        super().__init__(id="below")
        self._document = document
        self._shown: object = None  # what the pages show
        self._subject: _Subject | None = None
        self._told: _Subject | None = None  # what the schema's page is about
        self._waits = False  # it is to be seen whether that is late

    def compose(self) -> ComposeResult:
        """The two pages."""
        yield Page("message", "message")
        yield Page("schema", "schema")

    @property
    def rests(self) -> bool:
        """Whether the schema is the one of the message."""
        return self._subject == self._told

    def fold(self) -> None:
        """The pages have another width: what they show is to be made anew."""
        self._shown = None

    def show(self, row: int | None, empty: str) -> None:
        """Show the message of a row, unless that is shown; where there is none, what to say instead."""
        document, page = self._document, self.query_one("#message", Page)
        if not page.size.width and not self.screen.has_class("other"):
            return  # it is not on the screen yet, or not any more
        if row is None:
            if empty != self._shown:
                self._shown, self._subject, self._told = empty, None, None
                page.show([plain(empty, "dim")])
                self.query_one("#schema", Page).show([])
            return
        line, partner = document.index.line(row), document.index.partner(row)
        found = document.found.at(line)
        if partner is not None:
            found = found + document.found.at(document.index.line(partner))
        now = (row, partner, len(found), page.room, document.choose is None)
        if now == self._shown:
            return
        before, self._shown = self._shown, now
        again = isinstance(before, tuple) and before[0] == row
        try:
            one = document.messages[row]
            other = document.messages[partner] if partner is not None else None
        except InputError as error:
            page.show([plain(printable(str(error)), "red")])
            return
        page.show(sheets.message(document.path, one, found, other, page.room), again=again)
        self._ask(one.summary)

    def _ask(self, it: Summary) -> None:
        """Look for the schema of a message; meanwhile the one that is there stays, unless it takes long."""
        what = _DESCRIBED.get(it.kind, "")
        subject = _Subject(
            it.conn, it.name if what else "", what, self._document.choose is not None
        )
        self._subject = subject
        self._find_schema(it.line, subject)
        if subject != self._told and not self._waits:
            self._waits = True
            self.set_timer(_SOON, self._say_so)

    def _say_so(self) -> None:
        """What is there is about another message, and has been for a while."""
        self._waits = False
        subject = self._subject
        if subject is not None and subject != self._told:
            self._told = None
            page = self.query_one("#schema", Page)
            page.show(sheets.schema(None, subject.name, subject.what, page.room))

    @work(thread=True, exclusive=True, group="schema")
    def _find_schema(self, line: int, subject: _Subject) -> None:
        """Compiling a schema may take a moment."""
        choose, page = self._document.choose, self.query_one("#schema", Page)
        try:
            basis = (
                choose(subject.conn, line, None) if choose is not None and subject.what else None
            )
            lines = sheets.schema(basis, subject.name, subject.what, page.room)
        except QmpconfError as error:
            lines = told(str(error), page.room, "red")
        self.post_message(self.SchemaFound(subject, lines))  # which waits for nobody

    def on_details_schema_found(self, event: SchemaFound) -> None:
        """Show it, unless the cursor has gone on to something else."""
        event.stop()
        if event.subject == self._subject:
            again = event.subject == self._told
            self._told = event.subject
            self.query_one("#schema", Page).show(event.lines, again=again)
