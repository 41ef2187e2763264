"""Secrets in messages: what a command carries, what a result gives away, what a message repeats.

A command's own row in `qmpconf.trace.redaction.places` decides first, then the generic rules of
`qmpconf.trace.redaction.content`.  An id stays: by it a response is matched to its command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qmpconf.protocol.places import pointer
from qmpconf.protocol.spans import Spot, spots, text_of
from qmpconf.protocol.values import Value, dumps, read
from qmpconf.trace.redaction.content import Verdict, hide_json, hide_string
from qmpconf.trace.redaction.human import hide_line, shows_secret
from qmpconf.trace.redaction.names import PAIRS, REPLACEMENT, is_secret, is_secret_whole
from qmpconf.trace.redaction.places import (
    CONTENTS,
    RESULTS,
    Command,
    Replaced,
    commands_of,
    is_property,
)
from qmpconf.trace.redaction.text import is_plain_command
from qmpconf.trace.redaction.values import Values, is_random

_NAMES = ("execute", "exec-oob")
_HUMAN = "human-monitor-command"
#: Members at the top level that say what a message is, and what stands in an error beside its text.
_TOP = frozenset({*_NAMES, "control", "event"})
_PROPS = ["arguments", "props"]
#: Values of a command that are looked at, and bytes of each, to see what command it is.
_MOST, _LONGEST = 1000, 1 << 16


class _Said:
    """The strings of a command that say what it is: a member may stand twice, and all count."""

    def __init__(self, data: bytes) -> None:
        self.names: set[str] = set()
        self.words: list[str] = []  # of the program that a migration is piped through
        self._arguments: list[tuple[str, str]] = []
        for spot in spots(data):
            path = spot.path
            if not spot.is_string or not path or spot.end - spot.start > _LONGEST:
                continue
            if len(path) == 1 and path[0] in _NAMES:
                self.names.add(text_of(data[spot.start : spot.end]))
            elif path[0] != "arguments" or len(self._arguments) > _MOST:
                continue
            elif 2 <= len(path) <= 3 and isinstance(path[-1], str):
                self._arguments.append((path[-1], text_of(data[spot.start : spot.end])))
            elif path[-2:-1] == ["args"] and len(self.words) < _MOST:
                self.words.append(text_of(data[spot.start : spot.end]))

    def fits(self, when: tuple[str, re.Pattern[str]] | None) -> bool:
        """Whether an argument of that name holds what the pattern matches."""
        return when is None or any(
            name == when[0] and when[1].fullmatch(text) for name, text in self._arguments
        )

    def lines(self) -> Sequence[str]:
        """The lines for the human monitor."""
        return [text for _, text in self._arguments] if _HUMAN in self.names else ()

    def result(self) -> Replaced | None:
        """What is known about the result, if it is a secret."""
        found = [one for name in self.names if (one := RESULTS.get(name)) and self.fits(one.when)]
        if any(map(shows_secret, self.lines())):
            found.append(Replaced(_HUMAN))
        return min(found, key=lambda one: one.kind == "listed", default=None)


def may_hide(data: bytes) -> bool:
    """Whether `hide_command` may find something in a message: a quick look.  Raises `Malformed`."""
    value, is_doubled = read(data)
    if is_doubled or not isinstance(value, dict):
        return True
    arguments = value.get("arguments")
    for member in _NAMES:
        name = value.get(member)
        if not isinstance(name, str):
            continue
        if _may_carry(name, arguments):
            return True
        if name == _HUMAN and (
            not isinstance(arguments, dict)
            or any(
                isinstance(line, str) and (shows_secret(line) or _is_found(hide_line, line))
                for line in arguments.values()
            )
        ):
            return True
    todo: list[Value] = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            if _is_found(hide_string, one):
                return True
        elif isinstance(one, dict):
            if "value" in one or "args" in one:
                return True
            for name, item in one.items():
                is_one = is_secret(name) if isinstance(item, str | list) else is_secret_whole(name)
                if is_one or name == PAIRS:
                    return True
                todo.append(item)
        elif isinstance(one, list):
            todo += one
    return False


def _is_found(hide: Callable[[str, Values], str], text: str) -> bool:
    values = Values()
    hide(text, values)
    return values.count > 0


def _may_carry(name: str, arguments: Value) -> bool:
    """Whether a command carries a secret, or its result may be one."""
    rows: list[Command | Replaced] = [*commands_of(name)]
    if name in RESULTS:
        rows.append(RESULTS[name])
    for row in rows:
        found = arguments.get(row.when[0]) if row.when and isinstance(arguments, dict) else None
        if row.when is None or not isinstance(found, str) or row.when[1].fullmatch(found):
            return True
    return False


def hide_command(data: bytes, values: Values) -> tuple[bytes, list[str], Replaced | None]:
    """A client's message without its secrets, their pointers, and whether its result is one.

    `data` is well-formed; `values` counts what was replaced.
    """
    said = _Said(data)
    rows = [row for name in said.names for row in commands_of(name) if said.fits(row.when)]
    is_line = _HUMAN in said.names
    is_piped = bool(said.words) and not _is_plain_program(said.words)

    def decide(spot: Spot, data: bytes) -> Verdict | str:
        path = spot.path
        if path[:1] == ["id"] or (len(path) == 1 and path[0] in _TOP):
            return Verdict.KEEP
        if rows:
            return _by_rows(rows, spot, data, values)
        if is_line and spot.is_string and not spot.is_name and path[:1] == ["arguments"]:
            count = values.count
            if not is_secret(spot.name):
                line = hide_line(text_of(data[spot.start : spot.end]), values)
                return line if values.count > count else Verdict.JUDGE
        if is_piped and len(path) > 1 and path[-2] == "args":
            return Verdict.DROP
        return Verdict.JUDGE

    new, pointers = hide_json(data, values, decide, is_property=is_property)
    return new, pointers, said.result()


def _is_plain_program(words: list[str]) -> bool:
    is_shell = len(words) == 3 and words[0].endswith("sh") and words[1] == "-c"
    return is_plain_command(words[2] if is_shell else " ".join(words))


#: Names of members that are none of a command's values, whatever they hold.
_TOLD = frozenset({"arguments", "id", "props"}) | CONTENTS


def _by_rows(rows: list[Command], spot: Spot, data: bytes, values: Values) -> Verdict:
    """What the rows of a command say about one of its values."""
    path = spot.path
    name = path[-1] if path else ""
    if spot.is_name:
        is_known = name in _TOLD or all(name in row.keeps for row in rows)
        return Verdict.KEEP if is_known else Verdict.HIDE
    is_argument = (len(path) == 2 and path[0] == "arguments") or (
        len(path) == 3 and path[:2] == _PROPS
    )
    if is_argument and all(name in row.keeps for row in rows):
        patterns = [pattern for row in rows if (pattern := row.keeps[str(name)]) is not None]
        if not patterns or not spot.is_string:
            return Verdict.JUDGE
        text = text_of(data[spot.start : spot.end])
        fits = all(pattern.fullmatch(text) for pattern in patterns)
        return Verdict.KEEP if fits else Verdict.HIDE
    if not all(row.weak for row in rows):
        return Verdict.HIDE
    if spot.is_string and "env" in path:
        name, _, value = text_of(data[spot.start : spot.end]).partition("=")
        values.add(value, weak=not is_secret(name))
    return Verdict.DROP


def hide_reply(data: bytes, values: Values, result: Replaced | None) -> tuple[bytes, list[str]]:
    """A server's message without its secrets, and their pointers.

    `result` is what is known about the result that it holds, if that is a secret.
    """
    is_whole = result is not None and result.kind != "listed"
    is_named: Callable[[str], bool] = is_secret if result is None else is_property

    def decide(spot: Spot, _: bytes) -> Verdict | str:
        path = spot.path
        if path[:1] == ["id"] or (len(path) == 1 and path[0] in _TOP):
            return Verdict.KEEP
        if is_whole and path[:1] == ["return"] and not spot.is_name:
            return Verdict.HIDE
        if path and path[-1] in CONTENTS and not spot.is_name:
            return Verdict.DROP
        return Verdict.JUDGE

    return hide_json(data, values, decide, is_property=is_named, numbers=False)


def hide_echoes(
    data: bytes, finder: re.Pattern[str], is_given: Callable[[str], bool]
) -> tuple[bytes, list[str]]:
    """A message without the values that `finder` finds in its strings, names and long numbers.

    Names of members, commands and events and ids stay where they hold no more than a word.
    """

    def certain(found: re.Match[str]) -> str:
        text = found.group()
        return REPLACEMENT if is_given(text) or is_random(text) else text

    done = 0
    out = bytearray()
    pointers: dict[str, None] = {}
    for spot in spots(data, names=True):
        token = data[spot.start : spot.end]
        text = text_of(token) if spot.is_string else token.decode()
        path = spot.path
        by_name = spot.is_name or (len(path) == 1 and path[0] in _TOP)
        if by_name or path[:1] == ["id"] or (not spot.is_string and len(text) < _DIGITS):
            new = finder.sub(certain, text)
        else:
            new = finder.sub(REPLACEMENT, text)
        if new == text:
            continue
        out += data[done : spot.start]
        out += dumps(new)
        done = spot.end
        pointers[finder.sub(certain, pointer(path))] = None
        if len(pointers) > _MOST:
            pointers = {"": None}
    return (bytes(out + data[done:]), list(pointers)) if done else (data, [])


#: A number of so many digits is not an accident.
_DIGITS = 6
