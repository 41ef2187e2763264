"""The stub: quiet where nobody uses it, documented where somebody looks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.testing.samples import BAD, GOOD, write_trace

pytest_plugins = ["pytester"]


def test_a_run_without_traces_imports_the_stub_and_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            found = {name for name in sys.modules if name.split(".")[0] == "qmpconf"}
            allowed = {"qmpconf", "qmpconf.version", "qmpconf.testing"}
            allowed |= {"qmpconf.testing.plugin", "qmpconf.testing.names"}
            assert found <= allowed
            assert "qmpconf.testing.plugin" in found
            heavy = {"msgspec", "jsonschema", "jsonschema_rs", "tabulate", "rich", "jinja2", "scapy"}
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_stub_itself_imports_no_more_than_pytest() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import qmpconf.testing.plugin;"
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()} == {"qmpconf"}
    assert len(done.stdout.split()) == 5


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    write_trace(pytester.path / "x.qmptrace", BAD)
    result = pytester.runpytest_subprocess("-p", "no:qmpconf")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result = pytester.runpytest_subprocess("-p", "no:qmpconf", "--qmp-schema", "none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_markers_fixtures_and_options_are_documented(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.qmp_monitor(*", "@pytest.mark.qmp_recorder(*", "@pytest.mark.qmp_trace(*"]
    )
    pytester.runpytest("--fixtures").stdout.fnmatch_lines(
        [
            *("qmp_monitor -- *", "    A QMP server of its own*"),
            *("qmp_recorder -- *", "    Records what the test's client says*"),
            *("qmp_replay -- *", "    A recording that answers as the server."),
        ]
    )
    told = pytester.runpytest("--help").stdout.str()
    for word in ("--qmp-spawn", "--qmp-baseline", "--qmp-level", "qmp_collect (", "qmp_blame ("):
        assert word in told


def test_strict_markers_know_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.qmp_trace("x.qmptrace")
        @pytest.mark.qmp_recorder(blame="server")
        @pytest.mark.qmp_monitor(schema="qemu-7.2.22")
        def test_it():
            pass
        """
    )
    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--qmp-target", "a", "--qmp-spawn", "b"], "give --qmp-target or --qmp-spawn, not both"),
        (["-o", "qmp_target=a", "-o", "qmp_spawn=b"], "set qmp_target or qmp_spawn, not both"),
        (["-o", "qmp_compare=nearly"], "qmp_compare must be one of exact, value, shape, outcome"),
    ],
)
def test_options_that_contradict_are_refused(
    words: list[str], told: str, pytester: pytest.Pytester
) -> None:
    result = pytester.runpytest(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{told}*"])


def test_the_command_line_overrules_the_ini_file(pytester: pytest.Pytester) -> None:
    trace = write_trace(pytester.path / "x.qmptrace", BAD)
    pytester.makeini("[pytest]\nqmp_schema = none\n")
    pytester.runpytest(trace).assert_outcomes(passed=1)
    pytester.runpytest(trace, "--qmp-schema", "auto").assert_outcomes(failed=1)


def test_files_in_the_ini_file_are_seen_from_its_folder(pytester: pytest.Pytester) -> None:
    trace = write_trace(pytester.path / "traces" / "x.qmptrace", BAD)
    (pytester.path / "known.toml").write_text(
        '[[known]]\nfingerprint = "a6c07ef7defaac9c"\nreason = "on purpose"\n'
    )
    pytester.makeini("[pytest]\nqmp_baseline = known.toml\n")
    pytester.mkdir("elsewhere")
    pytester.chdir()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", trace],
        cwd=pytester.path / "elsewhere",
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("patterns", "collected"),
    [
        (None, {"x", "y"}),
        ("false", set()),
        ("true", {"x", "y"}),
        ("traces/*", {"y"}),
        ("x.*", {"x"}),
    ],
)
def test_the_ini_file_says_what_is_collected_from_folders(
    patterns: str | None, collected: set[str], pytester: pytest.Pytester
) -> None:
    write_trace(pytester.path / "x.qmptrace", GOOD)
    named = write_trace(pytester.path / "traces" / "y.qmptrace", GOOD)
    if patterns is not None:
        pytester.makeini(f"[pytest]\nqmp_collect = {patterns}\n")
    lines = pytester.runpytest("--collect-only", "-q").stdout.lines
    found = {one.partition(".")[0].rpartition("/")[2] for one in lines if "::" in one}
    assert found == collected
    # A trace that is named is meant.
    pytester.runpytest(named).assert_outcomes(passed=1)
