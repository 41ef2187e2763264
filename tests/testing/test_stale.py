"""Known findings that do not show any more fail a run, if it was a whole one."""

from __future__ import annotations

import pytest

from tests.testing.samples import BAD, GOOD, RESIZE, UNKNOWN, write_trace

pytest_plugins = ["pytester"]

GONE = "0123456789abcdef"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Two traces, a baseline with what is wrong in the first, and one entry that is stale."""
    write_trace(pytester.path / "traces" / "a.qmptrace", GOOD, BAD)
    write_trace(pytester.path / "traces" / "b.qmptrace", GOOD)
    entries = [(RESIZE, "on purpose"), (GONE, "was once")]
    (pytester.path / "traces" / "known.toml").write_text(
        "".join(f'[[known]]\nfingerprint = "{one}"\nreason = "{why}"\n' for one, why in entries)
    )
    pytester.makeini("[pytest]\nqmp_baseline = traces/known.toml\n")
    return pytester


@pytest.mark.parametrize(
    "words",
    [[], ["traces"], ["."], ["traces", "-n", "2"]],
    ids=["everything", "folder", "above", "xdist"],
)
def test_a_whole_run_tells_what_is_gone(words: list[str], project: pytest.Pytester) -> None:
    run = project.runpytest_subprocess if "-n" in words else project.runpytest
    result = run(*words)
    result.assert_outcomes(passed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["* known to qmpconf, but gone *", f"traces/known.toml: {GONE} (was once): no finding *"]
    )


@pytest.mark.parametrize(
    "words",
    [
        ["traces/b.qmptrace"],
        ["traces/a.qmptrace::session-1"],
        ["-k", "session-1"],
        ["-n", "2", "-k", "session-1"],
        ["--deselect", "traces/b.qmptrace::session-1"],
    ],
    ids=["file", "id", "keyword", "xdist", "deselect"],
)
def test_a_part_of_a_run_does_not(words: list[str], project: pytest.Pytester) -> None:
    run = project.runpytest_subprocess if "-n" in words else project.runpytest
    result = run(*words)
    assert result.ret == pytest.ExitCode.OK
    assert "gone" not in result.stdout.str()


def test_a_baseline_on_the_command_line_is_for_what_is_named(project: pytest.Pytester) -> None:
    words = ("traces/a.qmptrace", "--qmp-baseline", "traces/known.toml")
    result = project.runpytest(*words)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert GONE in result.stdout.str()


def test_what_is_not_known_fails_all_the_same(project: pytest.Pytester) -> None:
    write_trace(project.path / "traces" / "b.qmptrace", UNKNOWN)
    result = project.runpytest("traces/b.qmptrace")
    result.assert_outcomes(failed=1)
    result = project.runpytest("traces/a.qmptrace", "-v")
    result.assert_outcomes(passed=2)


def test_runs_without_traces_say_nothing_of_the_baseline(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(): pass")
    result = project.runpytest_subprocess("-o", "qmp_collect=false")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
