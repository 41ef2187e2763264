"""Manual pages: one for each verb and sub-verb, which troff takes, with all that the help says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.cli.main import VERBS, main
from qmpconf.cli.manual import escaped, pages
from qmpconf.cli.schema import SUBVERBS

PAGES = pages()


def shown(path: Path) -> str:
    """A page as ``man`` shows it; what troff complains of fails the test."""
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-c", "-rLL=3000n", "-rHY=0", str(path)],
        capture_output=True,
        check=True,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    assert not done.stderr.decode(), path.name
    return re.sub(r".\x08|\x1b\[\d+m", "", done.stdout.decode())


def words(text: str) -> list[str]:
    """The words of a text, without what filling does to it."""
    return re.sub("[\N{HYPHEN}\N{MINUS SIGN}]", "-", text).split()


def test_there_is_a_page_for_everything() -> None:
    names = {"qmpconf"} | {f"qmpconf-{verb}" for verb in VERBS}
    names |= {f"qmpconf-schema-{one}" for one in SUBVERBS} | {
        f"qmpconf-emulator-{one}" for one in ("install", "command")
    }
    assert set(PAGES) == {f"{name}.1" for name in names}


@pytest.mark.parametrize("name", PAGES)
def test_troff_takes_each_page_and_shows_all_that_the_help_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("groff"):
        pytest.skip("no groff")
    path = tmp_path / name
    path.write_text(PAGES[name])
    there = {word.strip(".,:;").lower() for word in words(shown(path))}
    monkeypatch.setenv("COLUMNS", "300")
    call = name.removesuffix(".1").split("-", 1)[1:]
    call = call[0].split("-", 1) if call and call[0].startswith(("schema-", "emulator-")) else call
    assert main(["help", *call]) == 0
    for line in capsys.readouterr().out.splitlines():
        said = {word.strip(".,:;").lower() for word in words(line)}
        assert said - {"usage", "positional", "arguments", "codes"} <= there, line


def test_the_verb_writes_them(tmp_path: Path) -> None:
    folder = tmp_path / "man1"
    assert main(["help", "--man", str(folder)]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == PAGES
    assert main(["help", "--man", str(folder)]) == 0, "its own pages are replaced"
    (folder / "qmpconf.1").write_text("notes of mine\n")
    assert main(["help", "--man", str(folder)]) == 2
    assert (folder / "qmpconf.1").read_text() == "notes of mine\n"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
def test_nothing_in_a_text_is_a_request(text: str) -> None:
    made = escaped(text)
    assert made.isascii()
    assert made[0] not in ".'"
    assert not re.search(r"\\(?![e&-]|\[\w+\])", made)
