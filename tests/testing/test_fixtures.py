"""The fixtures, in tests of somebody's own client."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.testing.samples import CLIENT, GOOD, RESIZE, write_trace

pytest_plugins = ["pytester"]

SERVE = f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}"

CONFTEST = """
import pytest
from client import Client

@pytest.fixture
def client(qmp_recorder):
    client = Client(qmp_recorder.path)
    yield client
    client.close()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(client=CLIENT)
    pytester.makeconftest(CONFTEST)
    write_trace(pytester.path / "traces" / "x.qmptrace", GOOD)
    pytester.makeini("[pytest]\nqmp_collect = false\n")
    return pytester


def run(project: pytest.Pytester, test: str, *words: str) -> pytest.RunResult:
    project.makepyfile("import pytest\nfrom client import Client\n" + test)
    return project.runpytest(*words)


# --- qmp_recorder -------------------------------------------------------------------------------


def test_a_client_without_mistakes_passes(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
def test_it(client, qmp_recorder):
    assert client.ask("query-status")["return"]["running"] is True
    assert qmp_recorder.commands() == ["qmp_capabilities", "query-status"]
""",
    )
    result.assert_outcomes(passed=1)


BREAKS = """
def test_it(client):
    client.ask("block_resize", device="none", size="1M")
"""


def test_a_mistake_of_the_client_fails_the_test(project: pytest.Pytester) -> None:
    result = run(project, BREAKS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "error schema.arguments by the client: block_resize /arguments/size: is not an integer",
            "1 error in what qmp_recorder has recorded: *qmp.qmptrace",
            "  *qmp.qmptrace:6: by the client",
            "  expected     integer",
            f"  fingerprint  {RESIZE}",
            ">    *->  *block_resize*",
            "FAILED *::test_it - Failed: erro*",
        ]
    )
    assert "fixtures.py" not in result.stdout.str()
    kept = re.search(r"recorded: (.*qmptrace)", result.stdout.str())
    assert kept is not None
    assert (project.path / kept[1]).exists()


def test_the_trace_is_kept_where_folders_of_passed_tests_go(project: pytest.Pytester) -> None:
    result = run(project, BREAKS, "-o", "tmp_path_retention_policy=failed")
    kept = re.search(r"recorded: (.*qmptrace)", result.stdout.str())
    assert kept is not None
    assert (project.path / kept[1]).exists()


def test_the_baseline_and_allowed_requirements_do_not_fail(project: pytest.Pytester) -> None:
    project.makefile(".toml", known=f'[[known]]\nfingerprint = "{RESIZE}"\nreason = "so"\n')
    run(project, BREAKS, "--qmp-baseline", "known.toml").assert_outcomes(passed=1)
    run(project, BREAKS, "--qmp-schema", "none").assert_outcomes(passed=1)
    marker = '\n@pytest.mark.qmp_recorder(allow="schema.arguments")'
    run(project, marker + BREAKS).assert_outcomes(passed=1)
    marker = '\n@pytest.mark.qmp_recorder(allow=["oob.id"])'
    run(project, marker + BREAKS).assert_outcomes(failed=1)


def test_whose_mistakes_count_is_a_setting(project: pytest.Pytester) -> None:
    run(project, BREAKS, "-o", "qmp_blame=server").assert_outcomes(passed=1)
    marker = '\n@pytest.mark.qmp_recorder(blame=("client", "server"))'
    run(project, marker + BREAKS, "-o", "qmp_blame=server").assert_outcomes(failed=1)


def test_a_mistake_of_the_server_counts_where_it_is_asked_for(project: pytest.Pytester) -> None:
    test = """
import socket, threading

@pytest.fixture
def server(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        def serve():
            one, _ = sock.accept()
            with one:
                one.sendall(b'{"QMP": {"version": 1, "capabilities": []}}\\r\\n')
                one.recv(100)
                one.sendall(b'{"return": {}}\\r\\n')
                one.recv(1)
        thread = threading.Thread(target=serve)
        thread.start()
        yield path
        thread.join()

BLAME
def test_it(server, qmp_recorder):
    client = Client(qmp_recorder(server).path)
    client.close()
"""
    run(project, test.replace("BLAME", "")).assert_outcomes(passed=1)
    marker = '@pytest.mark.qmp_recorder(blame="server")'
    result = run(project, test.replace("BLAME", marker))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error greeting.* by the server*"])


def test_a_test_that_fails_shows_the_messages_and_fails_once(project: pytest.Pytester) -> None:
    result = run(project, BREAKS + "    assert False\n", "-n", "0")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- qmp trace -*",
            "*qmp.qmptrace: 5 messages",
            "*->  *block_resize*",
            "error in line 6: schema.arguments by the client: block_resize *",
        ]
    )


def test_a_mistake_while_fixtures_go_is_an_error_of_the_teardown(project: pytest.Pytester) -> None:
    test = """
@pytest.fixture
def last(client):
    yield client
    client.ask("block_resize", device="none", size="1M")

def test_it(last):
    last.ask("query-status")
"""
    result = run(project, test)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "error schema.arguments *"])


def test_a_warning_is_shown_and_fails_only_where_warnings_count(project: pytest.Pytester) -> None:
    test = """
def test_it(client):
    client.ask("query-kvm")
"""
    result = run(project, test)
    result.assert_outcomes(passed=1)
    warned = "*qmp.qmptrace:*: warning: compat.deprecated: query-kvm /execute: *is deprecated"
    result.stdout.fnmatch_lines(["*= qmpconf =*", warned])
    run(project, test, "--qmp-strict").assert_outcomes(failed=1)
    run(project, test, "-o", "qmp_strict=true").assert_outcomes(failed=1)


def test_a_recorder_that_nobody_connects_to_is_no_check(project: pytest.Pytester) -> None:
    result = run(project, "\ndef test_it(qmp_recorder):\n    qmp_recorder.path\n")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["no client has connected to unix:* nothing was checked"])
    run(project, "\ndef test_it(qmp_recorder): pass\n").assert_outcomes(passed=1)


def test_the_recorder_stands_before_the_monitor_of_the_test(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
@pytest.mark.qmp_monitor(schema="qemu-5.2.0", name="vm")
def test_it(client, qmp_monitor):
    assert client.greeting["QMP"]["version"]["qemu"]["major"] == 5
    assert client.ask("query-name")["return"] == {"name": "vm"}
    qmp_monitor.emit("POWERDOWN")
    while not client.events:
        client.ask("query-status")
    assert client.events == ["POWERDOWN"]
""",
    )
    result.assert_outcomes(passed=1)


WHICH = """
def test_it(client):
    assert client.greeting["QMP"]["version"]["qemu"]["major"] == {}
"""


@pytest.mark.parametrize(
    ("marker", "words", "major"),
    [
        ("", [], 11),
        ("", ["--qmp-spawn", SERVE], 7),
        ("", ["-o", f"qmp_spawn={SERVE}"], 7),
        ("", ["--qmp-schema", "qemu-10.0.13"], 10),
        (f"@pytest.mark.qmp_recorder(spawn={SERVE!r})", [], 7),
        ('@pytest.mark.qmp_monitor(schema="qemu-5.2.0")', [], 5),
    ],
)
def test_which_server_is_recorded(
    marker: str, words: list[str], major: int, project: pytest.Pytester
) -> None:
    test = f"\n{marker}{WHICH.format(major)}"
    run(project, test, *words).assert_outcomes(passed=1)


def test_requirements_go_into_junit(project: pytest.Pytester) -> None:
    run(project, BREAKS, "--junitxml", "junit.xml")
    found = [
        (one.get("name"), one.get("value"))
        for one in ET.parse(project.path / "junit.xml").iter("property")
    ]
    assert found == [("qmp-requirement", "schema.arguments"), ("qmp-finding", RESIZE)]


# --- qmp_replay ---------------------------------------------------------------------------------

PLAYS = """
@pytest.mark.qmp_trace("traces/x.qmptrace")
def test_it(qmp_replay):
    client = Client(qmp_replay.path)
    answer = client.ask("{}")
    client.close()
"""


def test_a_recording_answers(project: pytest.Pytester) -> None:
    run(project, PLAYS.format("query-status")).assert_outcomes(passed=1)


def test_what_was_not_recorded_fails(project: pytest.Pytester) -> None:
    result = run(project, PLAYS.format("query-name"))
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "traces/x.qmptrace: 1 not in the recording, 1 not played",
            "1. extra: command query-name, session 1 (line 6)",
            "2. missing: command query-status, session 1 (line 6)",
            "ERROR *::test_it - Failed: traces/x.qmptrac*",
        ]
    )


def test_a_test_that_fails_shows_what_was_played(project: pytest.Pytester) -> None:
    result = run(project, PLAYS.format("query-name") + "    assert False\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- qmp replay -*", "1. extra: command query-name*"])


def test_a_recording_is_found_from_the_test_and_from_the_root(project: pytest.Pytester) -> None:
    folder = project.mkdir("deep")
    test = """
import sys
sys.path.insert(0, {!r})
from client import Client

def test_it(qmp_replay):
    for name in ("traces/x.qmptrace", "near.qmptrace"):
        client = Client(qmp_replay(name, partial=True).path)
        client.close()
"""
    (folder / "test_deep.py").write_text(test.format(str(project.path)))
    write_trace(folder / "near.qmptrace", GOOD)
    project.runpytest("deep").assert_outcomes(passed=1)


# --- what users do wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fixture", "marker", "told"),
    [
        ("monitor", "qmp_monitor(schem='x')", "no argument 'schem'; did you mean 'schema'?"),
        ("monitor", "qmp_monitor('x')", "takes its arguments by name: schema, name, tcp"),
        ("monitor", "qmp_monitor(schema='qemu-0.1')", "qemu-0.1"),
        ("recorder", "qmp_recorder(allow='oob.i')", "no such requirement; did you mean 'oob.id'?"),
        ("recorder", "qmp_recorder(blame='me')", "nobody is blamed as 'me'"),
        ("recorder", "qmp_recorder(server='a', spawn='b')", "give one of them"),
        ("replay", "qmp_trace('none.qmptrace')", "cannot read *none.qmptrace"),
        ("replay", "qmp_trace()", "no recording was named"),
    ],
)
def test_mistakes_are_told(fixture: str, marker: str, told: str, project: pytest.Pytester) -> None:
    test = f"\n@pytest.mark.{marker}\ndef test_it(qmp_{fixture}):\n    qmp_{fixture}.address\n"
    result = run(project, test)
    result.stdout.fnmatch_lines([f"*{told}*"])
    assert result.ret == 1
    assert "During handling" not in result.stdout.str()


def test_a_trace_that_is_not_there_fails_a_test_that_never_connects(
    project: pytest.Pytester,
) -> None:
    test = "\n@pytest.mark.qmp_trace('none.qmptrace')\ndef test_it(qmp_replay): pass\n"
    result = run(project, test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cannot read *none.qmptrace: No such file*"])


def test_nothing_is_left_behind(project: pytest.Pytester, tmp_path: Path) -> None:
    test = """
import os, tempfile, threading

def test_it(client, qmp_monitor):
    pass

def test_after():
    assert not [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("qmpconf-")]
    assert not [one for one in threading.enumerate() if one.name.startswith("qmpconf")]
"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        run(project, test, "-W", "error").assert_outcomes(passed=2)
