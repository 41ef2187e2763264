"""The testee protocol: what is read, what is compared; and the adapters, which really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qmpconf.conform.client
from qmpconf.conform.client.manners import EXTRA, Told
from qmpconf.conform.client.output import last_words, lines_of, missing, stable
from qmpconf.conform.client.suite import Options, conform_client
from qmpconf.conform.client.testee import Report, compare, reports, same
from qmpconf.schema.store import load_shipped

TESTEES = Path(qmpconf.conform.client.__file__).parent / "testees"
CATALOG = load_shipped("qemu-7.2.22")
COMMANDS = ("query-status", "query-version", "stop", "cont", "system_wakeup", "quit")
NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_lines_that_are_reports_are_read() -> None:
    printed = """connecting ...
{"command": "stop", "return": {}}
{"command": "stop", "return": {}, "error": {}}
{"level": "info"}
{"event": "STOP"} and more
{"event": "STOP"}
{"command": "cont", "failed": "timed out"}
"""
    assert reports(printed) == [
        Report("return", "stop", {}),
        Report("event", "STOP", None),
        Report("failed", "cont", "timed out"),
    ]


@given(st.text())
def test_any_output_is_read(text: str) -> None:
    assert all(one.kind in ("return", "error", "failed", "event") for one in reports(text))
    assert missing(stable([lines_of(text), lines_of(text)]), lines_of(text)) == ""
    assert len(last_words(text, "")) <= 200


@given(VALUES)
def test_what_came_through_is_the_same(value: Any) -> None:
    assert same(value, value)
    assert not same({"a": value}, {"a": value, "b": 1})
    assert same({"a": value, EXTRA: 1}, {"a": value})


def test_a_truth_value_is_not_a_number() -> None:
    assert same(1, 1.0)
    assert not same(1, True)
    assert not same(False, 0)


TOLD = (
    Told({"QMP": {}}),
    Told({"return": {"running": True}, "id": 1}, "query-status"),
    Told({"event": "STOP", "timestamp": {}}),
    Told({"return": {}, "id": 2}, "stop"),
    Told({"error": {"class": "GenericError", "desc": "no"}}, "query-name"),
    Told({"return": {}, "id": 3}, "quit"),
)


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ([], NOTHING, []),
        ([], (frozenset(["stop"]), frozenset(["STOP"])), ["stop", "STOP"]),
        ([Report("return", "query-status", {"running": True})], NOTHING, []),
        ([Report("return", "query-status", {"running": 1})], NOTHING, ["query-status"]),
        ([Report("error", "stop", {})], NOTHING, ["stop"]),
        ([Report("error", "query-name", {"desc": "no"})], NOTHING, []),
        ([Report("error", "query-name", {"desc": "yes"})], NOTHING, ["query-name"]),
        ([Report("failed", "stop", "timed out")], NOTHING, []),
        ([Report("event", "STOP", {}), Report("event", "STOP", None)], NOTHING, ["STOP"]),
        ([Report("event", "RESUME", None)], NOTHING, ["RESUME"]),
    ],
)
def test_reports_are_held_against_what_was_sent(
    found: list[Report], wanted: tuple[frozenset[str], frozenset[str]], said: list[str]
) -> None:
    assert [one.name for one in compare(TOLD, found, wanted)] == said


def test_times_and_numbers_of_processes_are_not_compared() -> None:
    one = lines_of(
        "pid 4711 at 2026-01-02T03:04:05Z, 12.5 ms, 0xdeadbeef\n\nsize 512 /run/a", "/run/a"
    )
    other = lines_of("pid 12 at 2025-11-12T13:14:15Z, 3 ms, 0x1\nsize 512 /run/b", "/run/b")
    assert one == other
    assert lines_of("size 512") != lines_of("size 511")
    assert stable([("a", "b", "c"), ("a", "x", "c")]) == ("a", "c")
    assert missing(("a", "c"), ("a", "event", "c")) == ""
    assert missing(("a", "c"), ("c", "a")) == "c"


def put_to_the_test(words: list[str], folder: Path) -> None:
    """The adapter copes with what breaks the simplest ones, and reports every command."""
    patterns = ("event.any-time/b*", "framing.any-piece/lf", "session.cut")
    heard: list[str] = []
    options = Options(str(folder), patterns=patterns, output="testee", hear=heard.append)
    outcome = conform_client([*words, *COMMANDS], CATALOG, options)
    assert [one.reason for one in outcome.results if one.verdict.broken] == []
    plain = reports(heard[0])
    assert {one.name for one in plain if one.kind == "return"} >= set(COMMANDS[:-2])
    refused = [one for one in plain if one.name == "system_wakeup"]
    assert [one.kind in ("error", "failed") for one in refused] == [True]


def test_the_python_adapter(tmp_path: Path) -> None:
    put_to_the_test([sys.executable, str(TESTEES / "testee.py")], tmp_path)


@pytest.mark.skipif(
    not (shutil.which("socat") and shutil.which("jq")), reason="socat and jq are not installed"
)
def test_the_shell_adapter(tmp_path: Path) -> None:
    put_to_the_test(["bash", str(TESTEES / "testee.sh")], tmp_path)


GO = Path("/usr/share/gocode/src/github.com/digitalocean/go-qemu")


@pytest.mark.skipif(
    not (shutil.which("go") and GO.exists()),
    reason="golang-go and golang-github-digitalocean-go-qemu-dev are not installed",
)
def test_the_go_adapter(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "GOPATH": "/usr/share/gocode",
        "GO111MODULE": "off",
        "GOCACHE": str(tmp_path / "cache"),
    }
    built = tmp_path / "testee"
    subprocess.run(
        ["go", "build", "-o", str(built), str(TESTEES / "testee.go")], env=environment, check=True
    )
    put_to_the_test([str(built)], tmp_path)
