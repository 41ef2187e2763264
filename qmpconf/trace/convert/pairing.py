"""Which answer of a turn belongs to which command (`qmpconf.trace.convert.turns`).

By their ids, else by their order, where a turn has as many answers as commands, or more; where that
contradicts what the ids say, nothing is paired by its order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from qmpconf.protocol.messages import Failure, Success, from_server
from qmpconf.protocol.places import same
from qmpconf.protocol.values import Value, dumps
from qmpconf.trace.convert.said import Lacking, Said

#: A turn of more parts, or of more bytes, ends where it is.
_MOST_PARTS = 5000
_MOST_BYTES = 1 << 24
#: Commands without an answer whose ids are remembered.
_MOST_LATE = 1000
#: What a server says of input that is not JSON.
_SYNTAX = re.compile(r"JSON|QMP input|syntax|pars|Expect", re.IGNORECASE)

Part = Said | Lacking


@dataclass(slots=True)
class Turn:
    """Commands, what answers them, and events between; `answered` once there is an answer."""

    parts: list[Part] = field(default_factory=list)
    size: int = 0
    answered: bool = False
    heading: bool = False  # it stands below one

    def add(self, part: Part) -> None:
        """One more part."""
        self.parts.append(part)
        self.size += len(part.text) if isinstance(part, Said) else len(part.begin)
        self.answered |= _answers(part)

    def joins(self, part: Part) -> bool:
        """Whether `part` is more of what was not understood just before; then it is put there."""
        latest = self.parts[-1] if self.parts else None
        if not isinstance(part, Lacking) or not isinstance(latest, Lacking):
            return False
        same_kind = latest.side is part.side and latest.lines and part.lines
        if not same_kind or latest.whole or part.whole or latest.begin or part.begin:
            return False
        latest.lines += part.lines
        return True

    @property
    def full(self) -> bool:
        """Whether it has grown beyond all turns."""
        return len(self.parts) >= _MOST_PARTS or self.size >= _MOST_BYTES

    def commands(self) -> list[Said | Lacking]:
        """What the client said, or may have said."""
        return [one for one in self.parts if one.side == "client"]

    def of_kind(self, *kinds: str) -> list[Said]:
        """The messages of these kinds."""
        return [one for one in self.parts if isinstance(one, Said) and one.kind in kinds]

    def answers(self) -> list[Part]:
        """The responses, and what the server said that may be one."""
        return [one for one in self.parts if _answers(one)]

    @property
    def surplus(self) -> int:
        """How many answers without an id there are beyond the commands without one."""
        return sum(map(_is_plain, self.answers())) - sum(map(_is_plain, self.commands()))


class Pairs:
    """Which response of a turn answers which command.

    `answered` has the answers by the command's identity, `strays` the responses that answer none
    that is there, `lacking` is how many answers are missing, `ids` what libvirt has added.
    """

    def __init__(self, turn: Turn, late: list[Value], *, paired: bool, exact: bool) -> None:
        self.answered: dict[int, Success | Failure] = {}
        self.strays: set[int] = set()
        self.ids: dict[int, bytes] = {}
        asked, answers = turn.commands(), turn.answers()
        self.lacking = 0
        if exact and len(asked) == len(answers):
            for command, response in zip(asked, answers, strict=True):
                self._pair(command, response)
            return
        plain = [one for one in asked if _is_plain(one)]
        loose, known = self._by_id(asked, answers, late)
        pairs = list(zip(plain, loose, strict=False)) if len(plain) <= len(loose) else []
        if not paired or not _fit(pairs, known, asked, answers):
            self.strays |= {id(one) for one in loose}
            self.lacking = len(asked) - len(known)
            return
        for command, response in pairs:
            self._pair(command, response)
        self.strays |= {id(one) for one in loose[len(plain) :]}
        self.lacking = len(asked) - len(known) - min(len(plain), len(loose))

    def _by_id(
        self, asked: list[Part], answers: list[Part], late: list[Value]
    ) -> tuple[list[Part], list[tuple[Part, Part]]]:
        """The answers that no id pairs, and the commands and answers that one does.

        `late` are the ids of earlier commands without an answer; those of this turn are added.
        """
        waiting = [one for one in asked if isinstance(one, Said) and one.has_id]
        by_libvirt = any(isinstance(one, Said) and one.by_libvirt for one in asked)
        loose: list[Part] = []
        known: list[tuple[Part, Part]] = []
        for response in answers:
            if isinstance(response, Lacking) or not response.has_id:
                loose.append(response)
                continue
            by_id = next((one for one in waiting if same(one.id, response.id)), None)
            place = next((n for n, one in enumerate(late) if same(one, response.id)), None)
            if by_id is not None:
                waiting.remove(by_id)
                self._pair(by_id, response)
                known.append((by_id, response))
            elif place is not None:
                del late[place]
            elif by_libvirt:
                loose.append(response)
            else:
                self.strays.add(id(response))
        late += [one.id for one in waiting]
        del late[:-_MOST_LATE]
        return loose, known

    def _pair(self, command: Part, response: Part) -> None:
        if isinstance(response, Lacking):
            return
        message = from_server(response.text)
        if not isinstance(message, Success | Failure):
            return
        if isinstance(command, Said):
            self.answered[id(command)] = message
            if command.by_libvirt and response.has_id:
                self.ids[id(command)] = dumps(response.id)
        elif command.whole and _complains(message):
            self.answered[id(command)] = message  # it was sent as it stands


def _fit(
    pairs: list[tuple[Part, Part]],
    known: list[tuple[Part, Part]],
    asked: list[Part],
    answers: list[Part],
) -> bool:
    """Whether pairs that were made by their order fit those that ids have made."""
    for command, response in pairs:
        given = isinstance(response, Said) and response.has_id
        if given and not (isinstance(command, Said) and command.by_libvirt):
            return False
    if not pairs or not known:
        return True
    places = {id(one): place for place, one in enumerate(answers)}
    partner = {id(command): places[id(response)] for command, response in (*pairs, *known)}
    order = [partner[id(one)] for one in asked if id(one) in partner]
    return order == sorted(order)


def _answers(part: Part) -> bool:
    """Whether it is a response, or may be one."""
    return part.side == "server" and (isinstance(part, Lacking) or part.kind == "response")


def _complains(message: Success | Failure) -> bool:
    """Whether a server says so of input that is not a command."""
    return isinstance(message, Failure) and _SYNTAX.search(message.description) is not None


def _is_plain(part: Part) -> bool:
    return isinstance(part, Lacking) or not part.has_id
