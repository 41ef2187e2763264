"""``qmpconf schema agree``: figures, reasons, exit codes; and the published report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.schema.documents import manuals

REPORTS = Path(__file__).parents[3] / "reports"
NOTES = REPORTS / "documents-vs-introspection.toml"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["schema", "agree", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_published_report_is_what_the_command_gives(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    code, out, _ = run(capsys, "--notes", str(NOTES), "--format", "markdown", "-o", str(page))
    assert (code, out) == (0, "")
    assert page.read_text() == (REPORTS / "documents-vs-introspection.md").read_text()


def test_every_manual_agrees_with_its_server_to_99_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "--notes", str(NOTES), "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["unexplained"], found["stale"]) == (0, [])
    assert len(found["pairs"]) == 7
    for pair in found["pairs"]:
        assert pair["ratio"] >= 0.99
        assert pair["shared"] >= 87
        assert pair["only_there"] == []  # no server has what its document lacks
        for one in pair["differences"]:
            assert one["outcome"] != "disagree" or one["blame"] in {"document", "build"}


def test_a_disagreement_without_a_reason_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "qemu-11.1.3-doc", "qemu-11.1.3")
    assert code == 1
    assert "not explained" in out
    assert "99.86 %" in out
    assert out.endswith("13 places without a reason\n")


def test_a_reason_without_a_disagreement_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.toml"
    notes.write_text(
        '[[note]]\ncatalog = "*"\nplace = "command gone"\nblame = "build"\nreason = "x"\n'
    )
    code, out, _ = run(capsys, "qemu-7.2.22", "qemu-7.2.22", "--notes", str(notes))
    assert code == 1
    assert "stale note: *: command gone" in out


def test_a_document_can_be_given_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.7"
    page.write_text(manuals.roff("definitions"))
    code, out, _ = run(capsys, str(page), str(page))
    assert code == 0
    assert "100.00 %" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("note = 1", "notes.toml:1: write [[note]]"),
        ("other = 1", "notes.toml:1: unknown key 'other'"),
        ("pairs = [1]", "a list of two names each"),
        ("=", "notes.toml:1: is not TOML"),
        ("[[note]]\nplace = 'x'", "notes.toml:1: note 1 has no 'catalog'"),
        ("[[note]]\ncatalog='x'\nplace='x'\nblame='me'\nreason='x'", "blame is one of"),
        (
            "[[note]]\ncatalog='x'\nplace=''\nblame='me'\nreason='x'",
            "notes.toml:3: 'place' must be a string, not empty",
        ),
    ],
)
def test_bad_notes_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str
) -> None:
    notes = tmp_path / "notes.toml"
    notes.write_text(text)
    code, _, err = run(capsys, "qemu-7.2.22", "qemu-7.2.22", "--notes", str(notes))
    assert code == 3
    assert message in err


def test_catalogs_come_in_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "qemu-7.2.22")[0] == 2
    assert run(capsys)[0] == 2
