"""Builds: recordings of two builds are not learned from, whatever shows that they are two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qmpconf.errors import UsageError
from qmpconf.replay.learn.builds import builds_of
from qmpconf.replay.learn.learning import learn
from qmpconf.trace.reader import TraceReader
from tests.replay.conftest import written


def version(micro: int, package: str = "") -> dict[str, Any]:
    return {"qemu": {"micro": micro, "minor": 2, "major": 7}, "package": package}


def greeted(value: Any) -> str:
    return "1<-" + json.dumps({"QMP": {"version": value, "capabilities": []}})


def asked(command: str, result: Any) -> list[str]:
    return [f'1->{{"execute":"{command}"}}', "1<-" + json.dumps({"return": result})]


def recording(path: Path, *lines: str) -> str:
    return written(path, ["1+", *lines, "1-client"])


def schema(*members: str) -> list[Any]:
    arguments = [{"name": name, "type": "str"} for name in members]
    return [
        {"meta-type": "command", "name": "x", "arg-type": "0", "ret-type": "1"},
        {"meta-type": "object", "name": "0", "members": arguments},
        {"meta-type": "object", "name": "1", "members": []},
        {"meta-type": "builtin", "name": "str", "json-type": "string"},
    ]


ONE, OTHER = version(22, "Debian 1"), version(22, "Debian 2")


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ([greeted(version(1))], [greeted(version(2))], r"7\.2\.1 \(line 3\) in the one, 7\.2\.2 "),
        ([greeted(ONE)], [greeted(OTHER)], r"7\.2\.22 \(Debian 1\) .*7\.2\.22 \(Debian 2\)"),
        (asked("query-version", ONE), asked("query-version", OTHER), r"Debian 1\) \(line 4\)"),
        (
            asked("guest-info", {"version": "7.2.0"}),
            asked("guest-info", {"version": "8.0.0"}),
            r'"7\.2\.0" \(line 4\) in the one, "8\.0\.0" \(line 4\) in the other',
        ),
        (
            asked("query-qmp-schema", schema("a")),
            asked("query-qmp-schema", schema("a", "b")),
            r"their schemas differ \(lines 4 and 4\), first in command x/arguments/b",
        ),
        (
            [greeted(ONE), *asked("query-qmp-schema", schema("a"))],
            [greeted(ONE), *asked("query-qmp-schema", schema("b"))],
            "their schemas differ",
        ),
    ],
)
def test_two_builds_are_refused(
    tmp_path: Path, one: list[str], other: list[str], says: str
) -> None:
    paths = [recording(tmp_path / name, *lines) for name, lines in (("a", one), ("b", other))]
    with pytest.raises(UsageError, match=f"a and .*b are recordings of two builds: .*{says}"):
        learn(paths)


def test_a_third_recording_is_compared_too(tmp_path: Path) -> None:
    lines = [greeted(ONE)], [greeted(ONE)], [greeted(OTHER)]
    paths = [recording(tmp_path / str(n), *one) for n, one in enumerate(lines)]
    with pytest.raises(UsageError, match=r"0 and .*2 are recordings of two builds"):
        learn(paths)


def test_the_restart_of_a_server_as_another_build_is_part_of_a_scenario(tmp_path: Path) -> None:
    second = greeted(OTHER).replace("1<-", "2<-")
    lines = ["1+", greeted(ONE), "1-client", "2+", second, "2-client"]
    paths = [written(tmp_path / str(n), lines) for n in range(2)]
    assert learn(paths).unknown == []
    assert [one.name for one in builds_of(TraceReader(paths[0])).values()] == [
        "7.2.22 (Debian 1)",
        "7.2.22 (Debian 2)",
    ]


def test_types_that_are_only_numbered_otherwise_are_one_build(tmp_path: Path) -> None:
    again = json.loads(json.dumps(schema("a")).replace('"0"', '"7"'))
    paths = [
        recording(tmp_path / str(n), greeted(ONE), *asked("query-qmp-schema", one))
        for n, one in enumerate((schema("a"), again))
    ]
    assert learn(paths).unknown == []


def test_what_names_no_version_is_said(tmp_path: Path) -> None:
    paths = [
        recording(tmp_path / "a", greeted(ONE), *asked("stop", {})),
        recording(tmp_path / "b", *asked("stop", {})),
        recording(tmp_path / "c", greeted("not a version"), *asked("stop", {})),
    ]
    assert learn(paths[:2]).unknown == [paths[1]]
    with pytest.raises(UsageError, match='"not a version"'):
        learn([paths[0], paths[2]])
