"""Matching: which message of the target stands for which recorded one.

One `Matcher` for one session.  It is given what the recording expects and what the target says, in
whatever order the two come to be known.

- A reply stands for the recorded reply to the same command (counted, so ids need not be unique;
  the state machine of the protocol knows which command a reply answers).
- An event stands for an equal recorded event; where there is none, after a while, for one of the
  same name about the same thing.  Events are a partial order: they may come at another moment
  between two commands.  Only those of `INSIDE` keep their place beside the reply to the command
  that causes them.

What a pair means is `qmpconf.replay.play.assess`'s business, and may be found out later: nothing that
is sent next waits for it, but for what binds a value.

Pure: how long "a while" is, is the caller's business.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sized
from functools import partial

from qmpconf.protocol.messages import Event, Failure, Greeting, Success
from qmpconf.replay.bindings import Bindings
from qmpconf.replay.compare import Comparison, Level, Masked
from qmpconf.replay.difference import Difference, shown
from qmpconf.replay.events import about_of, excuse, nearest
from qmpconf.replay.masks import Masks
from qmpconf.replay.play.assess import Assessor, Pair
from qmpconf.replay.play.later import Later
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Judge

#: Messages before a difference that are kept to be shown.
_BEFORE = 3
#: Messages of the target of one kind that wait for a recorded one, and their bytes together; what is more is
#: given up as extra, the oldest first.
_POOL, _POOL_BYTES = 10_000, 8 << 20

_Key = Hashable
#: The key of all events.
_EVENT = "event"


class Matcher:
    """Matches one session; `report` gets its differences, `masked` what masks excused.

    `paired` is called with each pair of messages and how they compare, before any of it is reported;
    `judge` says what a difference means, where the target is of another version.  `later` takes
    the work that can wait.
    """

    def __init__(
        self,
        session: int,
        report: Callable[[Difference], None],
        masked: Callable[[Said, Masked], None],
        *,
        level: Level = Level.VALUE,
        masks: Masks | None = None,
        bindings: Bindings | None = None,
        paired: Callable[[Said, Said, Comparison], None] | None = None,
        judge: Judge | None = None,
        later: Later | None = None,
    ) -> None:
        self._later = later or Later()
        self._assessor = Assessor(
            session,
            report,
            masked,
            level=level,
            masks=masks or Masks(),
            bindings=bindings or Bindings(),
            paired=paired,
            judge=judge,
        )
        self._due: dict[_Key, deque[Said]] = {}
        self._arrived: dict[_Key, deque[Said]] = {}
        self._due_events: list[Said] = []
        self._pool: list[Said] = []
        self._sizes: Counter[_Key] = Counter()  # bytes of what has arrived, and waits
        self._around: deque[tuple[str, bytes]] = deque(maxlen=_BEFORE)
        self._last_match = -1  # index of the target's latest message that stands for a recorded one
        self._lossy = ""  # why the target may say more than the recording holds
        #: Messages of the target that stood for a recorded one, by kind.
        self.matched = {"greeting": 0, "reply": 0, "event": 0}

    # --- what is known -------------------------------------------------------------------------

    @property
    def due(self) -> list[Said]:
        """Recorded messages that the target has not given: replies first, then events."""
        replies = [said for waiting in self._due.values() for said in waiting]
        return [*sorted(replies, key=lambda said: said.index), *self._due_events]

    @property
    def satisfied(self) -> bool:
        """Whether nothing is due."""
        return not self._due and not self._due_events

    @property
    def only_due(self) -> Said | None:
        """The message that is due, if it is the only one, and no event."""
        if self._due_events or len(self._due) != 1:
            return None
        (waiting,) = self._due.values()
        return waiting[0] if len(waiting) == 1 else None

    def alike(self, data: bytes) -> Said | None:
        """The recorded message that is due and has just these bytes."""
        for waiting in self._due.values():
            if waiting[0].data == data:
                return waiting[0]
        return None

    @property
    def waits_softly(self) -> bool:
        """Whether all that is due may rightly never come."""
        return all(said.is_soft for waiting in self._due.values() for said in waiting)

    @property
    def has_candidates(self) -> bool:
        """Whether an event came that could stand for a due one, but for what it says."""
        return any(self._candidate(said) is not None for said in self._due_events)

    # --- what happens --------------------------------------------------------------------------

    def sent(self, data: bytes) -> None:
        """Take note of what was sent, to be shown around differences."""
        self._around.append(("->", data))

    def expect(self, said: Said) -> None:
        """Take the next recorded message."""
        if isinstance(said.message, Event):
            for one in self._pool:
                found = self._equal(said, one)
                if found is not None:
                    self._take(one)
                    self._pair(said, one, found)
                    return
            self._due_events.append(said)
            return
        self._meet(said, self._due, self._arrived, is_expected=True)

    def got(self, said: Said) -> None:
        """Take the target's next message."""
        if isinstance(said.message, Event):
            self._got_event(said)
        elif isinstance(said.message, Success | Failure) and said.answers is None:
            self._extra(said)
        else:
            self._meet(said, self._arrived, self._due, is_expected=False)
        self._around.append(("<-", said.data))

    def _got_event(self, said: Said) -> None:
        for one in self._due_events:
            found = self._equal(one, said)
            if found is not None:
                self._due_events.remove(one)
                self._pair(one, said, found)
                return
        said.before = tuple(self._around)
        self._pool.append(said)
        self._sizes[_EVENT] += len(said.data)
        while self._is_too_much(_EVENT, self._pool):
            oldest = self._pool[0]
            self._take(oldest)
            self._extra(oldest)

    def _take(self, event: Said) -> None:
        """Take an event out of those that wait."""
        self._pool.remove(event)
        self._sizes[_EVENT] -= len(event.data)

    def _is_too_much(self, key: _Key, waiting: Sized) -> bool:
        """Whether more waits for recorded messages of one kind than may; one may, whatever its size."""
        return len(waiting) > _POOL or (len(waiting) > 1 and self._sizes[key] > _POOL_BYTES)

    def lost(self, line: int) -> None:
        """Take note that the recording lacks some of what the server said."""
        self._lossy = self._lossy or f"the recording lacks bytes of the server, in line {line}"

    def settle(self) -> None:
        """Let events that came stand for due ones of the same name that say something else."""
        for said in list(self._due_events):
            found = self._candidate(said)
            if found is not None:
                self._due_events.remove(said)
                self._take(found)
                self._pair(said, found)

    def give_up(self, *, why: str = "nothing", ended: bool = False) -> None:
        """Report everything that is due as missing; `why` there is no more hope.

        `ended` says that the target has ended the session.
        """
        self.settle()
        self._later.finish()
        for said in self.due:
            note = self._excuse(said)
            if not note and said.command == "quit" and ended:
                note = "a server that quits need not get its reply out"
            near = nearest(said, self._pool)
            self._assessor.tell(
                "missing",
                said,
                None,
                "",
                shown(said.data),
                why,
                note=note,
                nearest=near,
                around=self._around,
            )
        self._due.clear()
        self._due_events.clear()

    def finish(self, *, whole: bool) -> None:
        """The session is over; `whole` says whether the recording holds its end."""
        self.give_up()
        behind = "" if whole else "came when the recording had already ended"
        for said in self._pool:
            late = "came after the last recorded message" if said.index > self._last_match else ""
            self._extra(said, behind or late)
        for waiting in self._arrived.values():
            for said in waiting:
                lost = "the recording ended before the reply"
                self._extra(said, behind or (lost if said.command == "quit" else ""))
        self._pool.clear()
        self._arrived.clear()
        self._sizes.clear()

    # --- pairs ---------------------------------------------------------------------------------

    def _meet(
        self,
        said: Said,
        own: dict[_Key, deque[Said]],
        others: dict[_Key, deque[Said]],
        *,
        is_expected: bool,
    ) -> None:
        """Pair a message with the other side's of the same key, or let it wait for that."""
        key = _key(said)
        waiting = others.get(key)
        if not waiting:
            waiting = own.setdefault(key, deque())
            waiting.append(said)
            if not is_expected:
                self._sizes[key] += len(said.data)
                while self._is_too_much(key, waiting):
                    oldest = waiting.popleft()
                    self._sizes[key] -= len(oldest.data)
                    self._extra(oldest)
            return
        other = waiting.popleft()
        if is_expected:
            self._sizes[key] -= len(other.data)
        if not waiting:
            del others[key]
            self._sizes.pop(key, None)
        if is_expected:
            self._pair(said, other)
        else:
            self._pair(other, said)

    def _pair(self, expected: Said, got: Said, found: Comparison | None = None) -> None:
        """Let `got` stand for `expected`; `found` if it is known how they compare."""
        self.matched[got.kind] += 1
        self._last_match = max(self._last_match, got.index)
        got.before = got.before or tuple(self._around)
        pair = Pair(expected, got)
        if self._assessor.level is Level.EXACT:
            found = None  # events are matched by value
        self._later.add(
            partial(self._assessor.pair, pair, found),
            matters=self._assessor.may_bind(pair, found),
        )

    def _equal(self, expected: Said, got: Said) -> Comparison | None:
        """How two events compare that may stand for each other; None if they may not."""
        if expected.of != got.of:
            return None
        # No event is exactly another one: they have the time in them.
        level = self._assessor.level
        level = Level.VALUE if level is Level.EXACT else level
        found = self._assessor.compare(expected, got, level)
        if found.mismatches:
            self._later.finish()  # bindings may be the reason
            shows = self._assessor.bindings.shows
            if not all(shows(one.expected, one.got) for one in found.mismatches):
                return None
        return found

    def _candidate(self, said: Said) -> Said | None:
        """What came and has the same name, and is most nearly about the same thing."""
        self._later.finish()  # bindings say what may differ
        about = frozenset(
            item
            for item in about_of(said.message.value)
            if not self._assessor.bindings.may_differ(
                "event", said.of, ("data", item[0]), item[1], said.line
            )
        )
        best, most = None, -1
        for one in self._pool:
            if one.of != said.of:
                continue
            other = about_of(one.message.value)
            common = len(about & other)
            if common > most and (common or not about or not other):
                best, most = one, common
        return best

    # --- reports -------------------------------------------------------------------------------

    def _extra(self, said: Said, note: str = "") -> None:
        self._later.finish()
        note = note or self._excuse(said) or self._lossy
        around = self._around
        self._assessor.tell(
            "extra", None, said, "", "nothing", shown(said.data), note=note, around=around
        )

    def _excuse(self, said: Said) -> str:
        return excuse(said.of, said.message.value) if isinstance(said.message, Event) else ""


def _key(said: Said) -> _Key:
    if isinstance(said.message, Success | Failure):
        return said.answers
    return "greeting" if isinstance(said.message, Greeting) else "unknown"
