"""Values to messages: which of the protocol's messages a JSON value is, and what is wrong with it.

A client sends commands, a server sends a greeting, responses (success or failure) and events
(qmp-spec section 2).  A value that is none of them becomes `Unknown`.  Nothing raises: what breaks
the shape of a message stands in its `problems`, and the message is read as far as it goes.

This module sees one message at a time; what came before is `qmpconf.protocol.session`'s business.
"""

from __future__ import annotations

import re

import msgspec

from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Cause, Malformed, Object, Value, dumps, is_json, read
from qmpconf.text import apart, shortened

#: The classes that an error may have (qmp-spec section 2.4.2).
ERROR_CLASSES = (
    "GenericError",
    "CommandNotFound",
    "DeviceNotActive",
    "DeviceNotFound",
    "KVMMissingCap",
)

#: What a downstream name begins with (qmp-spec section 6).
DOWNSTREAM = re.compile(r"__[a-z0-9][a-z0-9.-]*\.[a-z0-9.-]+_", re.IGNORECASE)


class Problem(msgspec.Struct, frozen=True):
    """One requirement that a message's shape breaks.

    `requirement` is an id of the register, `pointer` the place inside the message.
    """

    requirement: str
    pointer: str
    expected: str
    seen: str


class Message(msgspec.Struct, frozen=True):
    """What all messages have: the `value` that was parsed, and what is wrong with its shape.

    `duplicates` says that an object in it, however deep, has a member that stands twice.
    """

    value: Value
    problems: tuple[Problem, ...]
    duplicates: bool


class Command(Message, frozen=True):
    """A command.  `has_id` tells an id of null from none; `oob` is true for ``exec-oob``."""

    name: str
    arguments: dict[str, Value]
    has_id: bool
    id: Value
    oob: bool


class Greeting(Message, frozen=True):
    """The greeting.  `version` is (major, minor, micro), or () where it is not three integers."""

    version: tuple[int, ...]
    package: str
    capabilities: tuple[str, ...]


class Response(Message, frozen=True):
    """What success and failure have in common."""

    has_id: bool
    id: Value


class Success(Response, frozen=True):
    """A command's success; `result` is the value of ``return``."""

    result: Value


class Failure(Response, frozen=True):
    """A command's failure; class and description are empty where they are not strings."""

    error_class: str
    description: str


class Event(Message, frozen=True):
    """An event; `data` is None where there is none, `seconds` and `microseconds` its timestamp."""

    name: str
    data: Value
    seconds: int
    microseconds: int


class Unknown(Message, frozen=True):
    """Text that is none of the protocol's messages.

    Where it is not JSON, `value` is None, and `cause` says what kind of thing makes it malformed.
    """

    well_formed: bool
    cause: Cause | None = None


class Sentinel(Unknown, frozen=True):
    """A byte 0xFF by itself, which is not a message: it makes the other side's parser start anew."""


def sentinel() -> Sentinel:
    """A 0xFF; nothing is wrong with it."""
    return Sentinel(None, (), duplicates=False, well_formed=True)


def brief(value: Value, limit: int = 60) -> str:
    """`value` as JSON text for people, shortened to `limit` characters."""
    return shortened(dumps(value).decode("ascii"), limit)


def brief_pair(one: Value, other: Value, limit: int = 60) -> tuple[str, str]:
    """Two values like `brief`, but around the place where they differ."""
    return apart(dumps(one).decode("ascii"), dumps(other).decode("ascii"), limit)


def type_name(value: Value) -> str:
    """The name of a value's JSON type, an integer told from a number."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    for kind, name in (
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    raise TypeError(f"{type(value).__name__} is not a JSON value")


class _Notes:
    """Collects the problems of one message."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, requirement: str, where: tuple[str | int, ...], expected: str, seen: str) -> None:
        self.found.append(Problem(requirement, pointer(where), expected, seen))

    def only(
        self, value: dict[str, Value], known: frozenset[str], requirement: str, *where: str
    ) -> None:
        """Note every member that is not `known`, and every one that stands twice."""
        if not value.keys() <= known:
            for name in value.keys() - known:
                self.add(requirement, (*where, name), "no such member", brief(value[name]))
        if isinstance(value, Object):
            for name, earlier in value.duplicates:
                seen = "{}, and later {}".format(*brief_pair(earlier, value[name]))
                self.add(requirement, (*where, name), "each member once", seen)

    def typed(
        self, value: Value, kind: type, requirement: str, *where: str | int, expected: str
    ) -> bool:
        """Note a value that is not of `kind` (a bool is not an int)."""
        if type(value) is kind or (isinstance(value, kind) and not isinstance(value, bool)):
            return True
        self.add(requirement, where, expected, f"{type_name(value)} {brief(value)}")
        return False

    def done(self) -> tuple[Problem, ...]:
        return tuple(self.found) if self.found else ()


_COMMAND_MEMBERS = frozenset({"execute", "exec-oob", "arguments", "id"})
_GREETING_MEMBERS = frozenset({"QMP"})
_QMP_MEMBERS = frozenset({"version", "capabilities"})
_SUCCESS_MEMBERS = frozenset({"return", "id"})
_FAILURE_MEMBERS = frozenset({"error", "id"})
_ERROR_MEMBERS = frozenset({"class", "desc"})
_EVENT_MEMBERS = frozenset({"event", "timestamp", "data"})
_TIME_MEMBERS = frozenset({"seconds", "microseconds"})


def from_client(data: bytes) -> Command | Unknown:
    """The message that a client sent as `data` (qmp-spec section 2.3)."""
    try:
        value, duplicates = read(data)
    except Malformed as error:
        problem = Problem("request.object", "", "well-formed JSON", str(error))
        return Unknown(None, (problem,), False, well_formed=False, cause=error.cause)
    if not isinstance(value, dict):
        problem = Problem("request.object", "", "an object", type_name(value))
        return Unknown(value, (problem,), duplicates, well_formed=True)
    name: Value = value.get("execute")
    arguments: Value = value.get("arguments", {})
    oob = "exec-oob" in value
    problems: tuple[Problem, ...] = ()
    usual = type(name) is str and type(arguments) is dict and not oob and not duplicates
    if not (usual and value.keys() <= _COMMAND_MEMBERS):
        notes = _Notes()
        name, arguments = _judge_command(value, notes, oob=oob)
        problems = notes.done()
    has_id = "id" in value
    return Command(value, problems, duplicates, name, arguments, has_id, value.get("id"), oob)


def _judge_command(
    value: dict[str, Value], notes: _Notes, *, oob: bool
) -> tuple[str, dict[str, Value]]:
    """Note what is wrong with a command; give its name and arguments as far as they go."""
    notes.only(value, _COMMAND_MEMBERS, "request.members")
    if oob == ("execute" in value):
        notes.add(
            "request.members",
            (),
            "exactly one of execute and exec-oob",
            "both" if oob else "neither",
        )
    member = "exec-oob" if oob else "execute"
    name = value.get(member, "")
    if not notes.typed(name, str, "request.execute-string", member, expected="a string"):
        name = ""
    arguments = value.get("arguments", {})
    if not notes.typed(
        arguments, dict, "request.arguments-object", "arguments", expected="an object"
    ):
        arguments = {}
    return name, arguments


#: What a response lacks that has an id at the most.
_NO_OUTCOME = '"return" or "error" ("return": {} where a command returns nothing)'


def from_server(data: bytes) -> Greeting | Success | Failure | Event | Unknown:
    """The message that a server sent as `data` (qmp-spec sections 2.2, 2.4, 2.5)."""
    odd = b"\\" in data or b"'" in data or not data.isascii()
    notes = _Notes()
    if odd and (not data.isascii() or b"\\u" in data):
        _encoding(data, notes)
    try:
        value, duplicates = read(data)
    except Malformed as error:
        notes.add("framing.valid-json", (), "valid JSON", str(error))
        return Unknown(None, notes.done(), False, well_formed=False, cause=error.cause)
    usual = type(value) is dict and "return" in value and not odd and not duplicates
    if usual and value.keys() <= _SUCCESS_MEMBERS:
        return Success(value, (), False, "id" in value, value.get("id"), value["return"])
    if odd and b"'" in data and not is_json(data):
        notes.add("framing.valid-json", (), "strings in double quotes", "single quotes")
    if not isinstance(value, dict):
        notes.add("framing.object", (), "an object", type_name(value))
        return Unknown(value, notes.done(), duplicates, well_formed=True)
    if "event" in value:
        return _event(value, notes, duplicates)
    if "return" in value or "error" in value:
        return _response(value, notes, duplicates)
    if "QMP" in value:
        return _greeting(value, notes, duplicates)
    if value.keys() <= {"id"}:
        # What lacks its outcome is the answer to some command all the same.
        notes.add("response.members", (), _NO_OUTCOME, brief(value))
        return Success(value, notes.done(), duplicates, "id" in value, value.get("id"), None)
    notes.add("framing.object", (), "a greeting, a response or an event", brief(value))
    return Unknown(value, notes.done(), duplicates, well_formed=True)


_LOWER_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*(\\u(?=[0-9A-F]{0,3}[a-f])[0-9a-fA-F]{4})")


def _encoding(data: bytes, notes: _Notes) -> None:
    if not data.isascii():
        at = next(index for index, byte in enumerate(data) if byte > 0x7F)
        notes.add("framing.ascii", (), "ASCII", f"byte 0x{data[at]:02X} at byte {at}")
    found = _LOWER_ESCAPE.search(data)
    if found:
        notes.add("framing.escapes", (), "escapes in upper case", found.group(1).decode("ascii"))


def _greeting(value: dict[str, Value], notes: _Notes, duplicates: bool) -> Greeting:
    rule = "greeting.shape"
    notes.only(value, _GREETING_MEMBERS, rule)
    version: tuple[int, ...] = ()
    package = ""
    capabilities: list[str] = []
    content = value["QMP"]
    if notes.typed(content, dict, rule, "QMP", expected="an object"):
        notes.only(content, _QMP_MEMBERS, rule, "QMP")
        version, package = _version(content.get("version"), notes)
        offered = content.get("capabilities")
        if notes.typed(offered, list, rule, "QMP", "capabilities", expected="an array"):
            for index, name in enumerate(offered):
                where = ("QMP", "capabilities", index)
                rule = "capabilities.known"
                if not notes.typed(name, str, rule, *where, expected="a string"):
                    continue
                capabilities.append(name)
                if name != "oob" and not DOWNSTREAM.match(name):
                    notes.add(rule, where, "oob, or a downstream name", brief(name))
    return Greeting(value, notes.done(), duplicates, version, package, tuple(capabilities))


def _version(value: Value, notes: _Notes) -> tuple[tuple[int, ...], str]:
    rule = "greeting.shape"
    if not notes.typed(value, dict, rule, "QMP", "version", expected="an object"):
        return (), ""
    notes.only(value, frozenset({"qemu", "package"}), rule, "QMP", "version")
    package = value.get("package")
    if not notes.typed(package, str, rule, "QMP", "version", "package", expected="a string"):
        package = ""
    triple = value.get("qemu")
    where = ("QMP", "version", "qemu")
    numbers = ("major", "minor", "micro")
    if not notes.typed(triple, dict, rule, *where, expected="an object of three integers"):
        return (), package
    notes.only(triple, frozenset(numbers), rule, *where)
    if not all(
        notes.typed(triple.get(one), int, rule, *where, one, expected="an integer")
        for one in numbers
    ):
        return (), package
    return tuple(triple[one] for one in numbers), package


def _response(value: dict[str, Value], notes: _Notes, duplicates: bool) -> Success | Failure:
    has_id = "id" in value
    if "return" in value:
        notes.only(value, _SUCCESS_MEMBERS, "response.members")
        return Success(value, notes.done(), duplicates, has_id, value.get("id"), value["return"])
    notes.only(value, _FAILURE_MEMBERS, "response.members")
    rule = "response.error-shape"
    error = value["error"]
    texts = {"class": "", "desc": ""}
    if notes.typed(error, dict, rule, "error", expected="an object"):
        notes.only(error, _ERROR_MEMBERS, rule, "error")
        for name in texts:
            text = error.get(name)
            if name not in error:
                notes.add(rule, ("error", name), "a string", "nothing")
            elif notes.typed(text, str, rule, "error", name, expected="a string"):
                texts[name] = text
        if texts["class"] and texts["class"] not in ERROR_CLASSES:
            notes.add(
                "response.error-class",
                ("error", "class"),
                " | ".join(ERROR_CLASSES),
                brief(texts["class"]),
            )
    return Failure(
        value, notes.done(), duplicates, has_id, value.get("id"), texts["class"], texts["desc"]
    )


def _event(value: dict[str, Value], notes: _Notes, duplicates: bool) -> Event:
    rule = "event.shape"
    notes.only(value, _EVENT_MEMBERS, rule)
    name = value["event"]
    if not notes.typed(name, str, rule, "event", expected="a string"):
        name = ""
    data = value.get("data")
    if "data" in value and notes.typed(data, dict, rule, "data", expected="an object") and not data:
        notes.add("event.no-empty-data", ("data",), "no data", "{}")
    seconds, microseconds = _timestamp(value, notes)
    return Event(value, notes.done(), duplicates, name, data, seconds, microseconds)


def _timestamp(value: dict[str, Value], notes: _Notes) -> tuple[int, int]:
    rule = "event.timestamp"
    if "timestamp" not in value:
        notes.add("event.shape", ("timestamp",), "a timestamp", "nothing")
        return -1, -1
    stamp = value["timestamp"]
    if type(stamp) is dict and stamp.keys() == _TIME_MEMBERS:
        seconds, microseconds = stamp["seconds"], stamp["microseconds"]
        whole = type(seconds) is int and type(microseconds) is int
        if whole and seconds >= 0 and 0 <= microseconds <= 999_999:
            return seconds, microseconds
    if not notes.typed(stamp, dict, rule, "timestamp", expected="an object"):
        return -1, -1
    notes.only(stamp, _TIME_MEMBERS, rule, "timestamp")
    numbers = []
    for name in ("seconds", "microseconds"):
        number = stamp.get(name)
        if not notes.typed(number, int, rule, "timestamp", name, expected="an integer"):
            return -1, -1
        numbers.append(number)
    seconds, microseconds = numbers
    if not (seconds >= 0 and 0 <= microseconds <= 999_999) and (seconds, microseconds) != (-1, -1):
        notes.add(rule, ("timestamp",), "microseconds from 0 to 999999, or both -1", brief(stamp))
    return seconds, microseconds
