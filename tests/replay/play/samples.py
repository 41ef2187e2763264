"""What the tests of replays say and hear."""

from __future__ import annotations

from pathlib import Path

from qmpconf.replay.result import ReplayResult
from tests.replay.conftest import exchange

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": []}}'
)
NEGOTIATE = '{"execute":"qmp_capabilities"}'
OPENING = ["1+", f"1<-{GREETING}", f"1->{NEGOTIATE}", '1<-{"return": {}}']


SAME = [
    *OPENING,
    '1->{"execute":"query-name"}',
    '1<-{"return": {}}',
    '1->{"execute":"query-name","id":1}',
    '1<-{"return": {}, "id": 1}',
    "1-client",
]
SAME[1] = SAME[1].replace('"micro": 0', '"micro": 22').replace("[]", '["oob"]')


def say(*names: str) -> bytes:
    """Commands without arguments, a line each."""
    return b"".join(b'{"execute":"%b"}\n' % name.encode() for name in names)


def long_session(path: Path) -> None:
    """A session of many commands, some of them wrong, with the server at `path`."""
    exchange(
        path,
        say("qmp_capabilities"),
        say("query-version", "query-commands", "query-qmp-schema"),
        b'{"execute":"query-status","id":{"a":1.0}}{"execute":"stop","id":null}',
        say("stop", "query-status", "cont", "query-chardev", "query-name", "query-uuid"),
        b'{"execute":"nonsense","id":1}{"execute":"stop","arguments":{"now":1}}',
        say(*["stop", "cont", "query-status"] * 30),
        say("system_reset"),
        say("quit"),
    )


def differences(result: ReplayResult) -> list[tuple[str, str, str]]:
    """Kind, subject and pointer of each kind of difference that has no excuse."""
    return [
        (group.first.kind, group.first.subject, group.first.pointer)
        for group in result.differences
        if not group.first.note
    ]
