"""What a replay needs beside the recording: files that were made outside QMP, and descriptors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from qmpconf.replay.needs import Lacks, needed_files
from qmpconf.replay.plan import Send, Step, steps
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Descriptor
from tests.replay.conftest import written

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": []}}'
)
FILE = {"driver": "file", "filename": "/images/a"}

Call = tuple[str, dict[str, object]]


def planned(
    folder: Path, calls: Iterable[Call], *, failing: int = -1, access: str = "w"
) -> Iterator[Step]:
    """The steps of a session; what passes a descriptor passes a pipe."""
    lines: list[str | tuple[str, tuple[Descriptor, ...]]] = ["1+", f"1<-{GREETING}"]
    for number, (name, arguments) in enumerate(calls):
        sent = "1->" + json.dumps({"execute": name, "arguments": arguments})
        passes = name in ("getfd", "add-fd")
        lines.append((sent, (Descriptor("pipe", access),)) if passes else sent)
        error = '1<-{"error": {"class": "GenericError", "desc": "no"}}'
        lines.append(error if number == failing else '1<-{"return": {}}')
    return steps(TraceReader(written(folder / "t.qmptrace", [*lines, "1-client"])).items())


@pytest.mark.parametrize(
    ("calls", "paths"),
    [
        ([("blockdev-add", FILE)], ["/images/a"]),
        ([("blockdev-add", FILE), ("blockdev-add", FILE)], ["/images/a"]),
        ([("blockdev-add", {"driver": "qcow2", "file": FILE})], ["/images/a"]),
        ([("blockdev-add", {"driver": "qcow2", "file": "node"})], []),
        ([("blockdev-add", FILE | {"filename": "/dev/fdset/1"})], []),
        ([("blockdev-add", {"driver": "nbd", "filename": "x"})], []),
        ([("blockdev-reopen", {"options": [{"driver": "qcow2", "file": FILE}]})], ["/images/a"]),
        (
            [("blockdev-create", {"job-id": "j", "options": FILE}), ("blockdev-add", FILE)],
            [],
        ),
        ([("blockdev-snapshot-sync", {"snapshot-file": "/s", "mode": "existing"})], ["/s"]),
        (
            [("blockdev-snapshot-sync", {"snapshot-file": "/images/a"}), ("blockdev-add", FILE)],
            [],
        ),
        ([("drive-backup", {"target": "/b", "mode": "existing", "sync": "none"})], ["/b"]),
        (
            [
                (
                    "transaction",
                    {
                        "actions": [
                            {
                                "type": "drive-backup",
                                "data": {"target": "/b", "mode": "existing"},
                            }
                        ]
                    },
                )
            ],
            ["/b"],
        ),
        ([("blockdev-change-medium", {"filename": "file:/cd.iso"})], ["/cd.iso"]),
        ([("object-add", {"qom-type": "secret", "file": "/key", "id": "s"})], ["/key"]),
        ([("object-add", {"qom-type": "iothread", "id": "i"})], []),
        ([("query-block", {})], []),
    ],
)
def test_files(tmp_path: Path, calls: list[Call], paths: list[str]) -> None:
    assert [one.path for one in needed_files(planned(tmp_path, calls))] == paths


def test_what_could_not_be_opened_is_not_needed(tmp_path: Path) -> None:
    calls = [("blockdev-add", FILE), ("blockdev-add", FILE)]
    assert needed_files(planned(tmp_path, calls[:1], failing=0)) == []
    (found,) = needed_files(planned(tmp_path, calls, failing=0))
    assert (found.path, found.command) == ("/images/a", "blockdev-add")
    assert found.line > 5


INHERITED = "is a descriptor that the recorded server had inherited"


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([("migrate-incoming", {"uri": "fd:26"})], f"fd:26 {INHERITED}"),
        ([("migrate", {"uri": "fd:old"})], "'old' was passed before the recording began"),
        ([("getfd", {"fdname": "x"}), ("migrate", {"uri": "fd:x"})], ""),
        ([("migrate", {"uri": "tcp:host:1"})], ""),
        ([("netdev_add", {"type": "tap", "id": "n", "fd": "27"})], f"fd:27 {INHERITED}"),
        ([("netdev_add", {"type": "tap", "id": "n", "vhostfds": "old"})], "'old' was passed"),
        (
            [("chardev-add", {"backend": {"data": {"addr": {"type": "fd", "str": "9"}}}})],
            f"fd:9 {INHERITED}",
        ),
        ([("blockdev-add", FILE | {"filename": "/dev/fdset/3"})], "with -add-fd"),
        (
            [
                ("add-fd", {"fdset-id": 3}),
                ("blockdev-add", FILE | {"filename": "/dev/fdset/3"}),
            ],
            "",
        ),
        ([("add-fd", {}), ("blockdev-add", FILE | {"filename": "/dev/fdset/0"})], ""),
        ([("human-monitor-command", {"command-line": "info fd:1"})], ""),
    ],
)
def test_descriptors(tmp_path: Path, calls: list[Call], why: str) -> None:
    lacks = Lacks()
    told = [
        text for one in planned(tmp_path, calls) if isinstance(one, Send) for text in lacks.of(one)
    ]
    assert len(told) == bool(why)
    assert why in "".join(told)


def test_arguments_may_nest_deeper_than_python_may_recurse(tmp_path: Path) -> None:
    deep = 1000
    node = '{"driver": "raw", "file": ' * deep + json.dumps(FILE | {"fd": "n"}) + "}" * deep
    lines = [
        "1+",
        f"1<-{GREETING}",
        f'1->{{"execute": "blockdev-add", "arguments": {node}}}',
        '1<-{"return": {}}',
    ]
    plan = list(steps(TraceReader(written(tmp_path / "t.qmptrace", lines)).items()))
    assert [one.path for one in needed_files(plan)] == ["/images/a"]
    (text,) = (text for step in plan if isinstance(step, Send) for text in Lacks().of(step))
    assert "the descriptor 'n' was passed before the recording began" in text


def test_what_a_pipe_held_is_in_no_recording(tmp_path: Path) -> None:
    plan = planned(tmp_path, [("getfd", {"fdname": "x"})], access="r")
    (told,) = Lacks().of(next(one for one in plan if isinstance(one, Send)))
    assert told.startswith("line 4: getfd: what the client had put into the pipe")
