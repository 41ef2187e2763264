"""Masks: the places whose value may differ between two runs of the same session, as data.

A mask names a place by the message's kind, by what it is about (a command for a reply, the event's
name for an event) and by a JSON pointer into the message, in which ``*`` stands for any one part
and ``**`` for any number of them.  It says what may stand there, so that a masked place is still
compared: a time may be another time, not a string.  Every mask has its reason.

`Masks` answers which mask covers a place.  Nothing here compares, counts or reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from qmpconf.protocol.messages import type_name
from qmpconf.protocol.values import Value, dumps
from qmpconf.text import expression

Message = Literal["greeting", "reply", "event"]

#: What may stand at a masked place: another value of the JSON type in the name; for ``text`` a
#: string that is equal outside of the parts that match the pattern; for ``set`` the same elements
#: of an array in another order; for ``optional`` nothing, or a value whose JSON text matches the
#: pattern; for ``progress`` a counter that has not come as far, or is not there yet; for ``any`` anything.
Kind = Literal[
    "integer", "number", "string", "boolean", "text", "set", "optional", "progress", "any"
]

_NUMBERS = frozenset({"integer", "number"})


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask.

    `name` identifies it in reports; `message` is the kind of message (empty: any), `of` the
    command or event (``*``: any), `place` the pointer.  With `kind` ``text`` and ``optional``,
    `pattern` is the regular expression; with ``set``, `key` the member by which the elements are told apart
    (empty: the whole element).  `source` says where it is configured: ``FILE:LINE``.
    """

    name: str
    message: Message | Literal[""]
    of: str
    place: str
    kind: Kind
    reason: str
    pattern: str = ""
    key: str = ""
    source: str = ""

    def allows(self, expected: Value, got: Value) -> bool:
        """Whether `got` may stand where `expected` was recorded.

        The kinds ``set`` and ``optional`` are the caller's.
        """
        if self.kind == "any":
            return True
        if self.kind == "text":
            both = isinstance(expected, str) and isinstance(got, str)
            return both and self._without(expected) == self._without(got)
        if self.kind in ("set", "optional"):
            return False
        if self.kind == "progress":
            return (
                _is_counter(expected) and _is_counter(got) and 0 <= _count(got) < _count(expected)
            )
        kinds = {type_name(expected), type_name(got)}
        if self.kind == "number":
            return kinds <= _NUMBERS
        return kinds == {self.kind}

    def may_lack(self, value: Value) -> bool:
        """Whether one of the two messages may lack `value`."""
        if self.kind == "progress":
            return _is_counters(value)
        if self.kind != "optional":
            return False
        return _compiled(self.pattern).fullmatch(dumps(value).decode("ascii")) is not None

    def _without(self, text: str) -> str:
        return _compiled(self.pattern).sub("\0", text)


def _is_counter(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_counters(value: Value) -> bool:
    """Whether a value is a counter, or an object of nothing else."""
    if isinstance(value, dict):
        return bool(value) and all(map(_is_counter, value.values()))
    return _is_counter(value)


def _count(value: Value) -> float:
    return value if isinstance(value, int | float) else -1


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return expression(pattern)


def _times(of: str, places: Iterable[str], reason: str) -> list[Mask]:
    return [Mask("times", "reply", of, place, "integer", reason) for place in places]


def _guest(of: str, places: Iterable[str]) -> list[Mask]:
    return [Mask("progress", "reply", of, place, "progress", _FASTER) for place in places]


_FASTER = "the replay is faster than the guest, or the job, was"


def _sizes(of: str, places: Iterable[str], reason: str) -> list[Mask]:
    return [Mask("progress", "reply", of, place, "number", reason) for place in places]


_PACKED = "a machine's state, which a snapshot writes and discards, packs differently"
_STAMP = "a time of the host's clock"
_LISTED = "the list's order means nothing"
_HASHED = "the list comes in the order of a hash table"

#: The masks that are always there.
BUILT_IN: tuple[Mask, ...] = (
    Mask("event-time", "event", "*", "/timestamp/seconds", "integer", _STAMP),
    Mask("event-time", "event", "*", "/timestamp/microseconds", "integer", _STAMP),
    Mask("package", "greeting", "*", "/QMP/version/package", "string", "names the build"),
    Mask("package", "reply", "query-version", "/return/package", "string", "names the build"),
    Mask(
        "thread-id",
        "reply",
        "query-cpus-fast",
        "/return/*/thread-id",
        "integer",
        "a thread of the host",
    ),
    Mask(
        "thread-id", "reply", "query-cpus", "/return/*/thread_id", "integer", "a thread of the host"
    ),
    Mask(
        "thread-id",
        "reply",
        "query-iothreads",
        "/return/*/thread-id",
        "integer",
        "a thread of the host",
    ),
    Mask(
        "node-name",
        "",
        "*",
        "/**",
        "text",
        "a name that the server made up, with a random part",
        pattern=r"#block\d+",
    ),
    Mask(
        "pty",
        "",
        "*",
        "/**",
        "text",
        "a pseudo terminal is numbered by the host",
        pattern=r"/dev/pts/\d+",
    ),
    Mask(
        "descriptor",
        "reply",
        "query-fdsets",
        "/return/*/fds/*/fd",
        "integer",
        "a number of the server's process, which depends on what else it has open",
    ),
    *_times(
        "query-blockstats",
        (
            "/return/**/rd_total_time_ns",
            "/return/**/wr_total_time_ns",
            "/return/**/flush_total_time_ns",
            "/return/**/unmap_total_time_ns",
            "/return/**/zone_append_total_time_ns",
            "/return/**/idle_time_ns",
            "/return/**/min_rd_latency_ns",
            "/return/**/max_rd_latency_ns",
            "/return/**/avg_rd_latency_ns",
            "/return/**/min_wr_latency_ns",
            "/return/**/max_wr_latency_ns",
            "/return/**/avg_wr_latency_ns",
        ),
        "how long the host took",
    ),
    *_guest("query-blockstats", ("/return/**/stats/*",)),
    *[
        Mask("state-size", "reply", "query-blockstats", place, "integer", _PACKED)
        for place in (
            "/return/**/driver-specific/discard-bytes-ok",
            "/return/**/driver-specific/discard-nb-ok",
        )
    ],
    Mask(
        "socket-path",
        "reply",
        "query-chardev",
        "/return/*/filename",
        "text",
        "where a socket is, is the host's business",
        pattern=r"unix:[^,]+",
    ),
    *_guest("query-migrate", ("/return/ram", "/return/ram/*", "/return/disk", "/return/disk/*")),
    *_guest("query-jobs", ("/return/*/current-progress", "/return/*/total-progress")),
    *_guest("query-block-jobs", ("/return/*/offset", "/return/*/len")),
    *_guest("query-block", ("/return/**/dirty-bitmaps/*/count",)),
    *_guest("query-named-block-nodes", ("/return/**/dirty-bitmaps/*/count",)),
    *_times(
        "query-migrate",
        (
            "/return/total-time",
            "/return/setup-time",
            "/return/downtime",
            "/return/expected-downtime",
        ),
        "how long the host took",
    ),
    *[
        Mask(name, "reply", of, place, "integer", reason)
        for of in ("query-block", "query-named-block-nodes")
        for name, place, reason in (
            ("allocation", "/return/**/actual-size", "what the host's file system allocated"),
            ("state-size", "/return/**/vm-state-size", _PACKED),
        )
    ],
    *_sizes(
        "query-migrate",
        (
            "/return/ram/mbps",
            "/return/ram/pages-per-second",
            "/return/ram/dirty-pages-rate",
            "/return/ram/dirty-sync-count",
            "/return/ram/downtime-bytes",
            "/return/ram/precopy-bytes",
            "/return/ram/transferred",
            "/return/ram/normal",
            "/return/ram/normal-bytes",
            "/return/ram/duplicate",
            "/return/ram/remaining",
        ),
        "depends on how fast the host is",
    ),
    *_sizes("query-dump", ("/return/completed",), "depends on how fast the host is"),
    *_times(
        "query-named-block-nodes",
        (
            "/return/**/snapshots/*/date-sec",
            "/return/**/snapshots/*/date-nsec",
            "/return/**/snapshots/*/vm-clock-sec",
            "/return/**/snapshots/*/vm-clock-nsec",
        ),
        "when the snapshot was taken",
    ),
    *_times(
        "blockdev-snapshot-delete-internal-sync",
        ("/return/date-sec", "/return/date-nsec", "/return/vm-clock-sec", "/return/vm-clock-nsec"),
        "when the snapshot was taken",
    ),
    Mask(
        "lingering",
        "reply",
        "query-yank",
        "/return/*",
        "optional",
        "a migration that has ended can be yanked for a moment longer",
        pattern=r'\{"type": "migration"\}',
    ),
    *_times(
        "query-block",
        (
            "/return/**/snapshots/*/date-sec",
            "/return/**/snapshots/*/date-nsec",
            "/return/**/snapshots/*/vm-clock-sec",
            "/return/**/snapshots/*/vm-clock-nsec",
        ),
        "when the snapshot was taken",
    ),
    *_times("guest-get-time", ("/return",), "a time of the guest's clock"),
    *_times("guest-get-users", ("/return/*/login-time",), "a time of the guest's clock"),
    *[
        Mask("guest-use", "reply", of, place, "number", "how busy the guest is")
        for of, place in (
            ("guest-get-fsinfo", "/return/*/used-bytes"),
            ("guest-network-get-interfaces", "/return/*/statistics/*"),
            ("guest-get-cpustats", "/return/*/*"),
            ("guest-get-diskstats", "/return/*/stats/*"),
        )
    ],
    *[
        Mask("order", "reply", of, place, "set", reason, key=key)
        for of, place, key, reason in (
            ("query-commands", "/return", "name", _LISTED),
            ("query-migrate-capabilities", "/return", "capability", _LISTED),
            ("guest-info", "/return/supported_commands", "name", _LISTED),
            ("query-events", "/return", "name", _LISTED),
            ("query-command-line-options", "/return", "option", _LISTED),
            ("query-command-line-options", "/return/*/parameters", "name", _HASHED),
            ("query-machines", "/return", "name", _HASHED),
            ("query-cpu-definitions", "/return", "name", _HASHED),
            ("query-chardev", "/return", "label", _HASHED),
            ("query-chardev-backends", "/return", "name", _HASHED),
            ("qom-list", "/return", "name", _HASHED),
            ("qom-list-properties", "/return", "name", _HASHED),
            ("qom-list-types", "/return", "name", _HASHED),
            ("device-list-properties", "/return", "name", _HASHED),
        )
    ],
)


#: What an address has before the part that a server repeats in what it says.
_SCHEME = re.compile(r"^(?:unix|tcp):")


def own_address(recorded: str, target: str) -> tuple[Mask, ...]:
    """The mask for the monitor's own address, which a server says (``query-chardev``).

    `recorded` and `target` are the two addresses; there is no mask where one is not known.
    """
    both = [_SCHEME.sub("", address) for address in (recorded, target)]
    if not all(len(one) >= _TELLING for one in both) or any(one.startswith("fd:") for one in both):
        return ()
    pattern = "|".join(map(re.escape, sorted(set(both), key=len, reverse=True)))
    reason = "the address of the monitor itself"
    return (Mask("own-address", "", "*", "/**", "text", reason, pattern=pattern),)


#: An address that is shorter could be a part of anything.
_TELLING = 5


#: Kinds of messages that are kept in mind; a server can make up any number of them.
_KINDS = 1000


class Masks:
    """A collection of masks, to be asked by place; the first one that covers a place counts."""

    def __init__(self, masks: Iterable[Mask] = BUILT_IN) -> None:
        self.masks = tuple(masks)
        self._known: dict[tuple[str, str], list[tuple[Mask, tuple[str, ...]]]] = {}

    def covering(self, message: Message, of: str, parts: Sequence[str | int]) -> Sequence[Mask]:
        """The masks whose place is that of `parts`, in their order."""
        place = tuple(map(str, parts))
        return [mask for mask, wild in self._about(message, of) if _covers(wild, place)]

    def _about(self, message: Message, of: str) -> list[tuple[Mask, tuple[str, ...]]]:
        """The masks for a kind of message, each with the parts of its place."""
        found = self._known.get((message, of))
        if found is None:
            found = [
                (mask, tuple(map(_unescaped, mask.place.split("/")[1:])))
                for mask in self.masks
                if mask.message in ("", message) and mask.of in ("*", of)
            ]
            if len(self._known) < _KINDS:
                self._known[message, of] = found
        return found


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


@lru_cache(maxsize=4096)
def _covers(pattern: tuple[str, ...], place: tuple[str, ...]) -> bool:
    """Whether `pattern`, in which ``*`` and ``**`` are wild, matches all of `place`."""
    if not pattern:
        return not place
    if pattern[0] == "**":
        return any(_covers(pattern[1:], place[at:]) for at in range(len(place) + 1))
    return bool(place) and pattern[0] in ("*", place[0]) and _covers(pattern[1:], place[1:])
