"""What was different in a replay: data, and how equal differences are put together.

A `Difference` stands for one place of one message.  It knows neither how it was found nor how it
is shown; and it is not a finding yet.  A replay collects differences while it is under way, in
bounded memory, and asks them for what a finding has not: their kind, the line in both traces, what they mean
for an upgrade.  What they come to is said once, by `qmpconf.replay.findings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from qmpconf.findings import fingerprint_of
from qmpconf.text import shortened

#: ``changed``: another value; ``missing``: recorded, but not given by the target; ``extra``: given
#: by the target, but not recorded; ``moved``: in another order; ``fixed``: an error was recorded,
#: and the target succeeds.
Kind = Literal["changed", "missing", "extra", "moved", "fixed"]

#: What a difference means for an upgrade (`qmpconf.replay.upgrade`); empty: that was not asked.
Effect = Literal["", "design", "changed", "broke"]

#: Characters of a value in a difference.
VALUE_WIDTH = 160

#: Instances of one difference that are kept in full.
KEPT = 3

#: The part of a message that is another one each time.
_STAMP = re.compile(r'"timestamp": ?\{[^}]*\}(, )?')
_INDEX = re.compile(r"/\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    `line` is the line of the recording (0: nothing stands for it there), `got_line` the line of
    the replay's own trace (0: nothing came).  `subject` says what differs (``reply to
    query-status``, ``event STOP``, ``session``), `pointer` where in the message, `expected` and
    `got` are JSON text or a few words.  `around` holds the messages before it and the message
    itself, as short lines with ``->`` and ``<-``.  A `note` says why the difference does not
    count; where it is empty, it does.  Against another version, `effect` says what it means for an
    upgrade, and `why`.
    """

    kind: Kind
    subject: str
    session: int
    line: int = 0
    got_line: int = 0
    pointer: str = ""
    expected: str = ""
    got: str = ""
    around: tuple[str, ...] = ()
    note: str = ""
    effect: Effect = ""
    why: str = ""
    #: The message that comes nearest to one that has no match.
    nearest: str = ""

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Equal for differences that are the same but for where in a session or list they are."""
        place = _INDEX.sub("/*", self.pointer)
        return (self.kind, self.subject, place, self.expected, self.got, self.note)

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes it equal to a difference of another replay.

        How long was waited for what is missing, times, and where something came do not count.
        """
        place = _INDEX.sub("/*", self.pointer)
        expected = "" if self.kind == "extra" else _STAMP.sub("", self.expected)
        got = "" if self.kind == "missing" else _STAMP.sub("", self.got)
        return (self.kind, self.subject, place, expected, got)

    @property
    def digest(self) -> str:
        """The fingerprint of the finding that it comes to, the same in every replay."""
        return fingerprint_of(*self.identity)


@dataclass(slots=True)
class Group:
    """Equal differences: how many, and the first `KEPT` of them."""

    count: int = 0
    kept: list[Difference] = field(default_factory=list)

    @property
    def first(self) -> Difference:
        """The first one."""
        return self.kept[0]


class Differences:
    """Collects differences in constant memory, as groups in the order of their first one."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], Group] = {}
        #: Differences that count, and those that are only notes.
        self.count = 0
        self.notes = 0
        #: Differences beyond `MOST` groups, which were counted and not kept.
        self.dropped = 0

    def add(self, difference: Difference) -> None:
        """Take one more."""
        if difference.note:
            self.notes += 1
        else:
            self.count += 1
        key = difference.fingerprint
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST:
                self.dropped += 1
                return
            group = self._groups[key] = Group()
        group.count += 1
        if len(group.kept) < KEPT:
            group.kept.append(difference)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)


#: Groups that are kept: a replay against another product has more than anyone reads.
MOST = 2000


def shown(data: bytes, width: int = VALUE_WIDTH) -> str:
    """The bytes of a message for people: as they are if they are printable ASCII."""
    part = data[: width + 1]
    printable = part.isascii() and part.decode("ascii").isprintable()
    text = part.decode("ascii") if printable else repr(part)[2:-1]
    return shortened(text, width)
