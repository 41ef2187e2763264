"""``--baseline`` and ``--update`` mean the same in every verb, and old names still work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.check.scripts import OPENING, write
from tests.schema.documents.samples import PLAIN

SERVE = f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}"

#: A command that the catalog refuses, which the recorded server took.
BAD = [*OPENING, '> {"execute": "stop", "arguments": {"a": 1}}', '< {"return": {}}']
GONE = '\n[[known]]\nfingerprint = "0123456789abcdef"\nreason = "never seen"\n'

CALLS = {
    "check": ["check", "T", "--schema", "qemu-7.2.22"],
    "replay": ["replay", "T", "--spawn", SERVE],
    "schema diff": ["schema", "diff", "qemu-10.0.13", "qemu-11.1.3"],
    "schema audit": ["schema", "audit", "D"],
}


@pytest.mark.parametrize("verb", CALLS)
def test_what_is_known_does_not_fail_and_what_is_gone_does(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"T": str(write(tmp_path / "t.qmptrace", BAD)), "D": str(tmp_path / "lamps.txt")}
    (tmp_path / "lamps.txt").write_text(PLAIN)
    known = tmp_path / "known.toml"
    call = [names.get(word, word) for word in CALLS[verb]]
    assert main(call) == 1
    assert main([*call, "--baseline", str(known)]) == 3
    assert "--update makes it" in capsys.readouterr().err
    assert main([*call, "--update"]) == 2
    assert main([*call, "--baseline", str(known), "--update"]) == 0
    assert f"qmpconf {verb}: {known} now has " in capsys.readouterr().err
    assert known.read_text().startswith(f"# What is known, written by qmpconf {verb} --update.\n")
    assert main([*call, "--baseline", str(known)]) == 0
    lines = known.read_text().count("\n")
    known.write_text(known.read_text().replace("to be explained", "because") + GONE)
    capsys.readouterr()
    result = tmp_path / "r"
    assert main([*call, "--baseline", str(known), "--result", str(result)]) == 1
    capsys.readouterr()
    assert main(["report", str(result)]) == 1
    assert f"{known}:{lines + 2}: " in capsys.readouterr().out
    assert main([*call, "--baseline", str(known), "--update"]) == 0
    assert "0123456789abcdef" not in known.read_text()
    assert '"because: ' in known.read_text()


@pytest.mark.parametrize(
    ("call", "old", "new"),
    [
        ("check T --update-baseline --baseline K", "--update-baseline", "--update"),
        ("replay T --target S --known-differences K", "--known-differences", "--baseline"),
        ("reduce T --target S -o O --known-differences K", "--known-differences", "--baseline"),
        ("conform --target S --known-failing K", "--known-failing", "--baseline"),
        ("conform-client --known-failing K -- true", "--known-failing", "--baseline"),
    ],
)
def test_an_old_name_works_and_names_the_new_one(
    call: str, old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.toml"
    known.write_text("[[known]]\nodd = 1\n")
    names = {"T": str(write(tmp_path / "t", OPENING)), "K": str(known), "S": str(tmp_path / "s")}
    assert main([names.get(word, word) for word in call.split()]) == 3
    verb = call.partition(" ")[0]
    hint, error = capsys.readouterr().err.splitlines()[:2]
    assert hint == f"qmpconf {verb}: {old} is called {new} now"
    assert f"{known}:2: unknown key 'odd'" in error


def test_of_some_of_the_recordings_nothing_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = write(tmp_path / "bad.qmptrace", BAD), write(tmp_path / "good.qmptrace", OPENING)
    known = tmp_path / "known.toml"
    options = ["--schema", "qemu-7.2.22", "--baseline", str(known)]
    assert main(["check", str(bad), str(good), *options, "--update"]) == 0
    assert main(["check", str(good), *options]) == 1
    assert main(["check", str(good), *options, "--partial"]) == 0
    assert main(["check", str(bad), *options, "--partial"]) == 0
    known.write_text("")
    assert main(["check", str(bad), *options, "--partial"]) == 1
    capsys.readouterr()
    assert main(["check", str(bad), *options, "--partial", "--update"]) == 2
    assert "the rest would be lost" in capsys.readouterr().err
