"""A trace that is shown: read, checked and searched by threads, while whoever draws it looks at what there is.

Nobody is called back.  `Document` says what there is now: `index` grows, `found` too, `state` says in words
how far it is.  `choose` gives the catalog of a session once the trace has been looked through.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator

from qmpconf.check.checker import Checker
from qmpconf.check.checking import choose_for
from qmpconf.check.choice import Choose
from qmpconf.check.live import LiveCheck
from qmpconf.check.practice import Practice
from qmpconf.closing import Closing
from qmpconf.errors import QmpconfError
from qmpconf.findings import Finding
from qmpconf.parts import parts_of
from qmpconf.trace.filter.selecting import Decided, Selector
from qmpconf.trace.filter.syntax import Filter
from qmpconf.trace.follow import FollowingReader
from qmpconf.trace.summary import Summaries
from qmpconf.view.index import Index
from qmpconf.view.line_findings import LineFindings
from qmpconf.view.messages import Messages
from qmpconf.view.reading import (
    Aside,
    Entry,
    KeptReader,
    NotingFollower,
    NotingReader,
    WatchedReader,
)
from qmpconf.view.rows import Chosen
from qmpconf.view.search import matches
from qmpconf.view.text import Text

#: Seconds between two looks at a file that does not grow.
_PAUSE = 0.1

#: The same for one that another thread reads.
_SOON = 0.02

#: Rows between two looks whether it is to end.
_STEP = 256


class _EndedError(Exception):
    """The view is closed."""


class Document(Closing):
    """The trace `path`; with `follow`, as it grows.

    `choose` is the catalog that the user named (None: as the trace says), `practice` which habits are
    looked for.  `header` is there at once.  Raises `InputError` if `path` is not a trace.
    """

    def __init__(
        self,
        path: str,
        *,
        follow: bool = False,
        protocol: str = "",
        choose: Choose | None = None,
        practice: Practice | None = None,
    ) -> None:
        self.path = path
        self.follows = follow
        self.index = Index()
        self.found = LineFindings()
        #: What ended the reading early, or an empty string; and the same for the check.
        self.trouble = ""
        self.check_trouble = ""
        self.read = self.checked = False
        #: Whether it grows no more, though it has no last line: nobody records it now.
        self.abandoned = False
        self.choose: Choose | None = None
        #: What else is to be known at the moment: of who records it.
        self.news: Callable[[], str] = str
        self._protocol = protocol
        self._named = choose
        self._practice = practice or Practice()
        self._text = Text(path)
        self._aside = Aside()
        self._ending = threading.Event()
        try:
            self._reader: NotingReader | NotingFollower = (
                NotingFollower(path, self._text, self._wait_for_more, protocol)
                if follow
                else NotingReader(path, self._text, protocol)
            )
        except BaseException:
            self._text.close()
            self._aside.close()
            raise
        self.header = self._reader.header
        self.messages = Messages(self.index, self._text, self._aside, self._reader.begin)
        self._threads: list[threading.Thread] = []
        self._asked: list[Filtered | Search] = []  # the check gives way to these

    def start(self) -> None:
        """Begin to read and to check."""
        self._start(self._index)
        self._start(self._check)

    @property
    def share(self) -> float:
        """How much of the file was read, from 0 to 1."""
        try:
            there = sum(map(os.path.getsize, parts_of(self.path) or [self.path]))
        except (OSError, QmpconfError):  # standard input, or gone
            return 1.0 if self.read else 0.0
        return min(1.0, self._reader.bytes_read / there) if there else 1.0

    def filtered(self, wanted: Filter, *, joined: bool = False) -> Filtered:
        """The rows that `wanted` lets pass, now and as the trace grows."""
        made = Filtered(self, wanted, joined=joined)
        self._asked = [*(one for one in self._asked if not one.waits), made]
        self._start(made.run)
        return made

    def again(self, more: Callable[[], bool] = bool) -> KeptReader:
        """Reads the trace again from its beginning, as far as it has come."""
        return KeptReader(self._text, self._protocol, more)

    def search(self, text: str, rows: Iterator[int], count: int = 0) -> Search:
        """Look for the first of `rows`, which are `count`, that holds `text`."""
        made = Search(self, text, rows, count)
        self._asked = [*(one for one in self._asked if not one.waits), made]
        self._start(made.run)
        return made

    def close(self) -> None:
        """End all that is under way, and forget the copy."""
        self._ending.set()
        for one in self._threads:
            one.join()
        self._text.close()
        self._aside.close()

    @property
    def rests(self) -> bool:
        """Whether it was read and checked to its end."""
        return self.read and self.checked

    @property
    def ending(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._ending.is_set()

    def _start(self, work: Callable[[], None]) -> None:
        self._threads = [one for one in self._threads if one.is_alive()]
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait_for_more(self) -> None:
        """All that there is has been read; what shows the trace is made once its header has come."""
        reader = getattr(self, "_reader", None)
        self.abandoned = isinstance(reader, NotingFollower) and not reader.is_written
        self._wait()

    def _wait(self) -> None:
        if self._ending.wait(_PAUSE):
            raise _EndedError

    def _index(self) -> None:
        summaries = Summaries(self._reader.begin)
        try:
            for item, place in self._reader.entries():
                one = summaries.take(item)
                if one is None:
                    continue
                if place is None:
                    place = self._aside.write(one, item)  # noqa: PLW2901
                row = self.index.add(one, place, summaries.answered)
                if row % _STEP == 0 and self._ending.is_set():
                    return
            self.trouble = self._reader.cut_off
        except _EndedError:
            return
        except QmpconfError as error:
            self.trouble = str(error)
        except OSError as error:
            self.trouble = f"cannot keep {self.path} unpacked: {error.strerror or error}"
        finally:
            self.read = True

    def _check(self) -> None:
        try:
            for number, finding in enumerate(self._findings()):
                self.found.add(finding)
                if number % _STEP == 0 and self._ending.is_set():
                    return
        except _EndedError:
            return
        except QmpconfError as error:
            self.check_trouble = str(error)
        finally:
            self.checked = True

    def _findings(self) -> Iterator[Finding]:
        if self.follows:
            follower = FollowingReader(self.path, self._wait, self._protocol)
            live = LiveCheck(follower, self._named, self._practice, self._seen)
            self.choose = live.choose
            yield from live.findings()
            return
        reader = WatchedReader(self.path, self._unless_over, self._protocol)
        choose = self.choose = choose_for(reader, self._named)
        while not self.read:  # the list comes first
            self._wait()
        again = self.again()
        checker = Checker(self.path, choose, None, self._practice, again.begin)
        yield from checker.check(self._unless_ended(again.items()))

    def _unless_ended(self, items: Iterator[Entry]) -> Iterator[Entry]:
        for number, item in enumerate(items):
            if number % _STEP == 0:
                while any(not one.waits for one in self._asked) and not self.ending:
                    self._ending.wait(_SOON)
                if self.ending:
                    raise _EndedError
            yield item

    def _unless_over(self) -> None:
        if self.ending:
            raise _EndedError

    def _seen(self, line: int) -> None:
        if line % _STEP == 0 and self._ending.is_set():
            raise _EndedError


class Filtered:
    """Rows that a filter lets pass, as they are found; `done` once the trace was read to its end."""

    def __init__(self, document: Document, wanted: Filter, *, joined: bool) -> None:
        self.wanted = wanted
        self.rows = Chosen(document.index, joined=joined)
        self.over = threading.Event()
        self.done = False
        self._document = document

    @property
    def waits(self) -> bool:
        """Whether all rows that are there were looked at."""
        return self.done or self.rows.seen >= self._document.index.count

    @property
    def share(self) -> float:
        """How much of the rows that are there was looked at, from 0 to 1."""
        return self.rows.seen / max(1, self._document.index.count)

    def run(self) -> None:
        """Look at all rows."""
        document = self._document
        try:
            reader = document.again(self._more)
            selector = Selector(self.wanted, reader.begin)
            for item in reader.items():
                self._take(selector.take(item))
                if self.over.is_set() or document.ending:
                    return
            self._take(selector.end())
        except QmpconfError as error:
            document.trouble = document.trouble or str(error)
        finally:
            self.done = True

    def _take(self, found: Iterable[Decided]) -> None:
        for one in found:
            while one.number >= self._document.index.count and self._more():
                pass  # the list has not come so far
            if one.number < self._document.index.count:
                self.rows.look_at(one.number, passes=one.passes)

    def _more(self) -> bool:
        """Whether more may come; waits for it."""
        return not (self._document.read or self.over.wait(_SOON) or self._document.ending)


class Search:
    """A row that holds a text, as soon as it is `found`; `done` once nothing more is looked at."""

    def __init__(self, document: Document, text: str, rows: Iterator[int], count: int) -> None:
        self.text = text
        self.found: int | None = None
        self.seen = 0
        self.done = False
        self.over = threading.Event()
        self._document = document
        self._rows = rows
        self._count = count

    @property
    def waits(self) -> bool:
        """Whether it has nothing to do."""
        return self.done

    @property
    def share(self) -> float:
        """How much of the rows was looked at, from 0 to 1."""
        return min(1.0, self.seen / max(1, self._count))

    def run(self) -> None:
        """Look."""
        try:
            messages, index = self._document.messages, self._document.index
            for row, hit in matches(self.text, self._rows, messages, index):
                self.seen += 1
                if hit:
                    self.found = row
                    return
                if self.over.is_set() or self._document.ending:
                    return
        except QmpconfError as error:
            self._document.trouble = str(error)
        finally:
            self.done = True
