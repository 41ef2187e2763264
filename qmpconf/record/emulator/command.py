"""QEMU's command line: which QMP monitors it has, and what it is called.

Only what is surely understood is a `Monitor`: a UNIX socket on which QEMU listens, inherited or at a
path.  Any other one stands in `CommandLine.left`.  Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

#: An option's value up to its next comma; two commas are one of the value (QemuOpts).
_PIECE = re.compile(r"((?:[^,]|,,)+)(?:,|\Z)")
ON = frozenset({"on", "yes", "true", "y"})
OFF = frozenset({"off", "no", "false", "n"})
#: Where an option names inherited descriptors: as text, in JSON, and in an address.
_NUMBERS = re.compile(r"""\b(?:vhost)?fds?(?:=|":\s*"?|:)([0-9][0-9:]*)""")
_DIGITS = 8
#: What a socket may be told and still be one that we can stand before.
_KNOWN = frozenset(
    {"backend", "id", "fd", "path", "server", "wait", "logfile", "logappend", "mux", "nodelay"}
)


@dataclass(frozen=True, slots=True)
class Monitor:
    """A QMP monitor of QEMU's: the word of the command line that says where it listens.

    It listens on the inherited descriptor `fd`, or, where that is None, at `path`.
    """

    word: int
    fd: int | None
    path: str = ""


@dataclass(slots=True)
class CommandLine:
    """What QEMU's arguments say.  `name` is the machine's, empty if it has none."""

    name: str = ""
    monitors: list[Monitor] = field(default_factory=list)
    #: Monitors that are left as they are, each with the reason.
    left: list[str] = field(default_factory=list)
    #: Whether QEMU goes on in a process of its own, and ends the one that was started.
    daemonizes: bool = False


def read(words: Sequence[str]) -> CommandLine:
    """Read QEMU's arguments, without its own name."""
    found = CommandLine()
    chardevs: dict[str, int] = {}
    wanted: list[str] = []  # the character devices that are QMP monitors
    for place, option, value in options(words):
        if option == "daemonize":
            found.daemonizes = True
        elif option == "name":
            found.name = pairs(value, "guest").get("guest", "") or found.name
        elif option == "chardev":
            chardevs[pairs(value, "backend").get("id", "")] = place
        elif option == "mon":
            told = pairs(value, "chardev")
            if told.get("mode") == "control":
                wanted.append(told.get("chardev", ""))
        elif option == "object":
            wanted += _monitor_object(value)
        elif option in ("qmp", "qmp-pretty") and value.startswith("chardev:"):
            wanted.append(value.removeprefix("chardev:"))
        elif option in ("qmp", "qmp-pretty"):
            _listens(found, place, f"-{option}", value)
    for name in dict.fromkeys(wanted):
        if name not in chardevs:
            found.left.append(f"no -chardev has the monitor's id {name!r}")
            continue
        place = chardevs[name]
        _listens(found, place, f"-chardev {name}", words[place])
    return found


def inherited(words: Sequence[str]) -> list[int]:
    """The descriptors that QEMU's arguments name as numbers, and that it inherits."""
    found = {
        number for word in words for one in _NUMBERS.findall(word) for number in one.split(":")
    }
    return sorted(int(number) for number in found if 0 < len(number) < _DIGITS)


def pairs(text: str, implied: str) -> dict[str, str]:
    """An option's value as names and values; the first one may lack its name, which is `implied`.

    A name alone is on, and off behind ``no``, as QEMU has it.
    """
    found: dict[str, str] = {}
    for number, piece in enumerate(_PIECE.findall(text)):
        name, equals, value = piece.replace(",,", ",").partition("=")
        if equals:
            found[name] = value
        elif number == 0:
            found[implied] = name
        elif name.startswith("no"):
            found[name.removeprefix("no")] = "off"
        else:
            found[name] = "on"
    return found


def moved(word: str, path: str) -> str:
    """The word of a monitor that listens at a path, with another `path`."""
    quoted = path.replace(",", ",,")
    pieces = _PIECE.findall(word)
    for number, piece in enumerate(pieces):
        if piece.startswith("path="):
            pieces[number] = f"path={quoted}"
        elif number == 0 and piece.startswith("unix:"):
            pieces[number] = f"unix:{quoted}"
    return ",".join(pieces)


def options(words: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The options of QEMU's: the place of their value, their name, and the value."""
    for place, word in enumerate(words):
        option = word.removeprefix("-")
        if option == word:
            continue
        option = option.removeprefix("-")
        if option == "daemonize":
            yield place, option, ""
        elif place + 1 < len(words):
            yield place + 1, option, words[place + 1]


def _monitor_object(value: str) -> Iterator[str]:
    """The character device of an ``-object monitor-qmp`` (QEMU 11.1)."""
    told: dict[str, object] = {}
    if value.startswith("{"):
        try:
            told = json.loads(value)
        except (ValueError, RecursionError):
            return
    else:
        told = {**pairs(value, "qom-type")}
    if told.get("qom-type") == "monitor-qmp":
        yield str(told.get("chardev", ""))


def _listens(found: CommandLine, place: int, what: str, value: str) -> None:
    """Add the monitor at word `place`, or why it is left as it is."""
    if what.startswith("-chardev"):
        told = pairs(value, "backend")
    elif value.startswith("unix:"):
        told = pairs(value.removeprefix("unix:"), "path") | {"backend": "socket"}
    else:
        found.left.append(f"{what} is {value!r}: only UNIX sockets are recorded")
        return
    if told.get("backend") != "socket":
        found.left.append(f"{what} is of the kind {told.get('backend')!r}: not a socket")
    elif told.get("server") not in ON:
        found.left.append(f"{what} does not listen, but connects to its client")
    elif (unknown := sorted(told.keys() - _KNOWN)) or told.get("mux", "off") not in OFF:
        found.left.append(
            f"{what} has what is not understood here: {', '.join(unknown or ['mux'])}"
        )
    elif ("fd" in told) == ("path" in told):
        found.left.append(f"{what} has neither an inherited descriptor nor a path, or both")
    elif "path" in told:
        found.monitors.append(Monitor(place, None, told["path"]))
    elif told["fd"].isascii() and told["fd"].isdigit():
        found.monitors.append(Monitor(place, int(told["fd"])))
    else:
        found.left.append(f"{what} has a descriptor that is not a number: {told['fd']!r}")
