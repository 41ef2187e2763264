"""What goes wrong, and when: rules, as people write them in TOML.

A schedule is a list ``[[fault]]``, or chance with a seed, or both (qmpconf/faults/README.md).  It is
read and written here; what it does is in `qmpconf.faults.engine`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from qmpconf.errors import InputError
from qmpconf.lists import ListEntry, Source, suggestion
from qmpconf.toml import toml_string

#: What can be done to a message, and what it does.
MESSAGE_FAULTS = {
    "lose": "it never comes",
    "double": "it comes twice",
    "late": "it comes later, and what follows overtakes it",
    "delay": "it comes later, and all that follows waits behind it",
    "cut": "the session ends in the middle of it",
    "hang": "neither it nor anything after it comes, and the session stays open",
}
#: What can be done to a connection.
CONNECTION_FAULTS = {
    "refuse": "it is ended at once",
    "slow": "what the client sends is read slowly",
    "hang": "the client is sent nothing",
}
#: All of them.
FAULTS = tuple({**MESSAGE_FAULTS, **CONNECTION_FAULTS})
#: Those that wait.
WAITING = ("late", "delay")

_TARGETS = ("reply", "event", "greeting", "connection")
_KEYS = ("do", *_TARGETS, "session", "skip", "times", "seconds", "next-command", "bytes")
_WILD = "*?["
#: The command that no pattern means: a server that fails there is another matter than one that fails later.
NEGOTIATION = "qmp_capabilities"
#: The longest wait, in seconds, and the largest of the other numbers.
_MOST_SECONDS, _MOST = 86400.0, 1 << 53
#: Of a message or connection, how likely it is that chance chooses it, where nobody says.
RATE = 0.1


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `do` this (`FAULTS`) to those that it means.

    `target` is ``reply``, ``event``, ``greeting`` or ``connection``, `name` a pattern for the command or the event.  In
    session number `session` (0: in each), the first `skip` pass and so many `times` it happens then
    (0: always); both are counted over all sessions where none is named.  What waits does so for
    `seconds`, or with `next_command` until the client sends another command, whichever is first.  `size`
    is how many bytes a second are read at most.
    """

    do: str
    target: str
    name: str = ""
    session: int = 0
    skip: int = 0
    times: int = 0
    seconds: float = 0.0
    next_command: bool = False
    size: int = 0

    def means(self, target: str, name: str, session: int) -> bool:
        """Whether it is about such a message of such a session."""
        if target != self.target or self.session not in (0, session):
            return False
        if not self.name or self.name == name:
            return True
        wild = any(one in self.name for one in _WILD)
        return wild and name != NEGOTIATION and fnmatchcase(name, self.name)

    def __str__(self) -> str:
        words = [self.do, self.target] + ([self.name] if self.name else [])
        words += [f"session {self.session}"] if self.session else []
        words += [f"skip {self.skip}"] if self.skip else []
        words += [f"times {self.times}"] if self.times else []
        words += [f"{self.seconds:g} s"] if self.seconds else []
        words += ["until the next command"] if self.next_command else []
        return " ".join(words) + (f" {self.size} bytes a second" if self.size else "")


@dataclass(frozen=True, slots=True)
class Schedule:
    """What goes wrong: by `rules`, of which the first one counts that means a message; else by chance.

    With a `seed`, chance chooses of all messages and connections about `rate` (0 to 1).
    """

    rules: tuple[Rule, ...] = ()
    seed: int | None = None
    rate: float = RATE


def parse_schedule(text: str, path: str) -> Schedule:
    """The schedule in a file.  Raises `InputError`, which names file and line, for what is wrong in it."""
    source = Source(path, text, "fault", what="a schedule of faults")
    value = source.parsed()
    source.only(value, ("fault", "seed", "rate"))
    rules = tuple(map(_rule, source.entries(value.get("fault", []))))
    seed, rate = value.get("seed"), value.get("rate", RATE)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InputError(f"{source.line(key='seed')}: 'seed' must be a whole number")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise InputError(f"{source.line(key='rate')}: 'rate' must be a number from 0 to 1")
    if "rate" in value and seed is None:
        raise InputError(f"{source.line(key='rate')}: 'rate' goes with a 'seed'")
    if not rules and seed is None:
        raise InputError(f"{path}:1: holds no fault: write [[fault]], once for each, or a seed")
    return Schedule(rules, seed, float(rate))


def _rule(entry: ListEntry) -> Rule:
    entry.only(("do",), _KEYS)
    do = entry.text("do")
    if do not in FAULTS:
        entry.fail(
            f"there is no fault {do!r}{suggestion(do, FAULTS) or '; there are ' + _all()}", "do"
        )
    targets = [one for one in _TARGETS if one in entry.values]
    if len(targets) != 1:
        wanted = ", ".join(_TARGETS)
        entry.fail(f"say to what fault {entry.number} is done, by one of {wanted}", *targets[1:2])
    target = targets[0]
    if target in ("greeting", "connection") and not entry.flag(target):
        entry.fail(f"{target!r} must be true, where it stands", target)
    known = CONNECTION_FAULTS if target == "connection" else MESSAGE_FAULTS
    if do not in known:
        entry.fail(f"{do!r} cannot be done to a {target}; {', '.join(known)} can", "do")
    name = entry.text(target) if target in ("reply", "event") else ""
    seconds = _seconds(entry)
    following = entry.flag("next-command")
    size = _count(entry, "bytes")
    if do in WAITING and not seconds and not following:
        more = " or next-command = true" if do == "late" else ""
        entry.fail(f"{do!r} needs seconds = NUMBER{more}: how long it waits", "do")
    if seconds and do not in WAITING:
        entry.fail(f"'seconds' is for {' and '.join(WAITING)}", "seconds")
    if following and do != "late":
        entry.fail("'next-command' is for late", "next-command")
    if bool(size) != (do == "slow"):
        words = (
            "'slow' needs bytes = NUMBER: how many a second"
            if do == "slow"
            else "'bytes' is for slow"
        )
        entry.fail(words, "do" if do == "slow" else "bytes")
    session, skip, times = (_count(entry, key) for key in ("session", "skip", "times"))
    return Rule(do, target, name, session, skip, times, seconds, following, size)


def _all() -> str:
    return ", ".join(FAULTS)


def _seconds(entry: ListEntry) -> float:
    value = entry.values.get("seconds", 0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if "seconds" in entry.values and not (number and 0 < value <= _MOST_SECONDS):
        entry.fail(f"'seconds' must be a number above 0, {_MOST_SECONDS:g} at most", "seconds")
    return float(value)


def _count(entry: ListEntry, key: str) -> int:
    value = entry.values.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        entry.fail(f"{key!r} must be a whole number, not below 0", key)
    if key in ("session", "times", "bytes") and key in entry.values and not value:
        entry.fail(f"{key!r} counts from 1", key)
    return value


def dumped(rules: Iterable[Rule], comments: Iterable[str] = ()) -> str:
    """The rules as a file, which `parse_schedule` reads; `comments` come first, each a line."""
    parts = ["".join(f"# {line}\n" for line in comments)]
    for rule in rules:
        lines = [f"do = {toml_string(rule.do)}"]
        value = toml_string(rule.name) if rule.name else "true"
        lines.append(f"{rule.target} = {value}")
        for one in fields(Rule)[3:]:
            found = getattr(rule, one.name)
            key = {"next_command": "next-command", "size": "bytes"}.get(one.name, one.name)
            if found:
                lines.append(f"{key} = {'true' if found is True else repr(found)}")
        parts.append("[[fault]]\n" + "".join(f"{line}\n" for line in lines))
    return "\n".join(filter(None, parts))
