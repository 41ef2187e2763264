"""Planted faults are found, shrunk to what shows them, and shown again by their reproducers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.errors import TargetError
from qmpconf.explore.bursts import commands_of
from qmpconf.explore.exploring import explore
from qmpconf.explore.life import Ground, Life
from qmpconf.explore.outcome import Discovery, Explored, Plan
from tests.usual import WHOLE

ROOT = Path(__file__).parents[2]


def spawned(fault: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    words = f"{start}; from tests.explore.planted import main; main({fault!r}, sys.argv[1])"
    return f'{sys.executable} -c "{words}" {{socket}}'


def explored(
    fault: str, folder: Path, *, seed: int, commands: int, patience: float = 20.0
) -> Explored:
    """An exploration that ends with the first finding: within a minute on a machine that has nothing else to do."""

    class FoundError(Exception):
        pass

    seen: list[Explored] = []

    def progress(text: str, so_far: Explored) -> None:
        seen[:] = [so_far]
        if not text and so_far.discoveries:
            raise FoundError

    ground = Ground(spawned(fault), patience=patience)
    plan = Plan(ground, seed, 600.0, str(folder), shrink=300.0, commands=commands)
    try:
        return explore(plan, progress)
    except FoundError:
        return seen[0]


def only(found: Explored) -> Discovery:
    (one,) = found.discoveries.values()
    return one


def test_a_crash_behind_three_commands_is_found_and_shrunk_to_them(tmp_path: Path) -> None:
    found = only(explored("Crash", tmp_path, seed=1, commands=150))
    assert found.finding.requirement == "explore.crash"
    assert found.finding.subject == "ringbuf-read"
    assert "Assertion `empty' failed" in found.finding.seen
    assert found.shorter is not None
    assert found.files is not None
    bursts = [[one.name for one in burst] for burst in commands_of(found.files.trace)]
    names = ["chardev-add", "ringbuf-write", "ringbuf-read"]
    assert bursts == [["qmp_capabilities"], *([name] for name in names)]
    assert found.verified
    typed = Path(found.files.lines).read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in typed] == names
    # The trace is a recording like any other: the server broke off, and said nothing wrong before.
    assert check_trace(found.files.trace).messages > len(names)


def test_the_script_needs_python_alone_and_says_how_the_server_ended(tmp_path: Path) -> None:
    found = only(explored("Exits", tmp_path, seed=1, commands=60))
    assert found.finding.requirement == "explore.ended"
    assert found.files is not None
    words = [sys.executable, "-I", "-S", found.files.script]
    done = subprocess.run([*words, spawned("Exits")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "the server ended: exit code 3"
    sound = subprocess.run([*words, spawned("Sound")], capture_output=True, text=True, check=False)
    assert sound.returncode == 0
    assert sound.stdout.splitlines()[-1] == "everything was answered"


@pytest.mark.parametrize(
    ("fault", "requirement"),
    [
        ("Forgets", "explore.contradiction"),
        pytest.param("Lies", "schema.return", marks=pytest.mark.whole),
        pytest.param("Hangs", "explore.hang", marks=pytest.mark.whole),
    ],
)
def test_other_faults(fault: str, requirement: str, tmp_path: Path) -> None:
    found = explored(fault, tmp_path, seed=1, commands=60, patience=2.0 if WHOLE else 20.0)
    assert {one.finding.requirement for one in found.discoveries.values()} == {requirement}
    assert all(one.verified for one in found.discoveries.values())


def test_a_crash_behind_two_that_do_not_wait_for_each_other(tmp_path: Path) -> None:
    found = only(explored("Races", tmp_path, seed=1, commands=150))
    assert found.finding.requirement == "explore.crash"
    assert found.shorter is not None
    assert found.files is not None
    bursts = [[one.name for one in burst] for burst in commands_of(found.files.trace)]
    assert bursts == [["qmp_capabilities"], ["blockdev-add", "blockdev-del"]]
    assert found.verified
    # One after the other, as they are typed, the two do no harm; the lines say so.
    typed = Path(found.files.lines).read_text(encoding="utf-8").splitlines()
    assert typed[0] == "# was sent at once, which cannot be typed: the next 2 commands"
    assert found.files.untyped == 2
    names = {one.name: one for burst in commands_of(found.files.trace) for one in burst}
    path = tmp_path / "alone.qmptrace"
    with Life(Ground(spawned("Races")), str(path)) as life:
        assert [life.say(one.value) for one in names.values()]
        assert life.finish().is_sound


def test_a_crash_by_what_is_executed_out_of_band(tmp_path: Path) -> None:
    found = only(explored("Overtaken", tmp_path, seed=1, commands=150))
    assert found.finding.requirement == "explore.crash"
    assert found.files is not None
    negotiation, burst = commands_of(found.files.trace)
    assert negotiation[0].arguments == {"enable": ["oob"]}
    assert [one.oob for one in burst] == [False, True]
    assert burst[1].name == "query-yank"
    assert found.verified
    typed = Path(found.files.lines).read_text(encoding="utf-8").splitlines()
    assert typed[-1].startswith('# cannot be typed: {"exec-oob": "query-yank"')


def test_what_is_known_is_not_shrunk_again(tmp_path: Path) -> None:
    first = only(explored("Exits", tmp_path, seed=1, commands=60))
    again = tmp_path / "again"
    again.mkdir()
    known = frozenset({first.finding.fingerprint})
    lives = first.life
    plan = Plan(
        Ground(spawned("Exits")), 1, 600.0, str(again), commands=60, lives=lives, known=known
    )
    found = explore(plan).discoveries[first.finding.fingerprint]
    assert found.shorter is found.files is None
    assert Path(found.trace).exists()


def test_a_sound_server_has_no_finding_and_a_seed_makes_the_same_calls(tmp_path: Path) -> None:
    ground = Ground(spawned("Sound"))
    plan = Plan(ground, 3, 600.0, str(tmp_path), commands=40, lives=1)
    one, other = explore(plan), explore(plan)
    assert not one.discoveries
    assert one.commands == other.commands >= 40
    assert one.exercised == other.exercised


def test_a_server_that_dies_at_once_is_said_with_its_last_words(tmp_path: Path) -> None:
    ground = Ground("sh -c 'echo no such machine >&2; exit 1' {socket}")
    with pytest.raises(TargetError, match=r"exit code 1.*no such machine"):
        explore(Plan(ground, 1, 5.0, str(tmp_path)))
