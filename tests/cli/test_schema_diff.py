"""``qmpconf schema diff``: its three formats, its levels, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.report import schema_diff
from qmpconf.schema.diff import LEVELS, Change
from qmpconf.schema.model import Catalog, Source
from tests.schema.documents import manuals


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["schema", "diff", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_text_begins_with_what_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "qemu-5.2.0", "qemu-7.2.22")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("qemu-5.2.0 → qemu-7.2.22: 16 break a client, ")
    assert lines[2] == "what breaks a client (16):"
    assert "  command change" in lines
    assert lines[lines.index("  command change") + 1].strip() == (
        "the command is gone (it was deprecated)"
    )
    assert out.index("breaks a client (") < out.index("can surprise a client (")
    assert max(map(len, lines)) < 140


def test_level_leaves_out_what_matters_less(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "qemu-5.2.0", "qemu-7.2.22", "--level", "breaks")
    assert code == 1
    assert "can surprise a client (" not in out
    code, out, _ = run(capsys, "qemu-7.2.22", "qemu-7.2.22")
    assert (code, out) == (0, "qemu-7.2.22 → qemu-7.2.22: no difference\n")


def test_exit_code_is_about_the_levels_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reply = {
        "return": [
            {"name": "q", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
            {"name": "0", "meta-type": "object", "members": []},
        ]
    }
    old = tmp_path / "old.json"
    old.write_text(json.dumps(reply))
    reply["return"].append({"name": "r", "meta-type": "command", "arg-type": "0", "ret-type": "0"})
    new = tmp_path / "new.json"
    new.write_text(json.dumps(reply))
    assert run(capsys, str(old), str(new))[0] == 1
    assert run(capsys, str(old), str(new), "--level", "unknown")[0] == 0
    assert run(capsys, str(new), str(old), "--level", "breaks")[0] == 1


def test_markdown_has_a_table_for_each_level(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-10.0.13", "qemu-11.1.3", "--format", "markdown")
    assert out.startswith("# qemu-10.0.13 → qemu-11.1.3\n")
    assert "## What breaks a client\n\n| place " in out
    assert "`command migrate/arguments/detach`" in out


def test_json_has_every_change(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-10.0.13", "qemu-11.1.3", "--format", "json")
    found = json.loads(out)
    assert found["qmpconf-diff"] == 1
    assert (found["before"], found["after"]) == ("qemu-10.0.13", "qemu-11.1.3")
    assert sum(found["totals"].values()) == len(found["changes"])
    first = found["changes"][0]
    assert first["level"] == "breaks"
    assert set(first) >= {"what", "place", "message"}


def test_drift_between_a_document_and_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-5.2.0-doc", "qemu-5.2.0", "--level", "breaks")
    assert "drift: what is gone is in the document only" in out
    assert "perhaps only not built: it needs defined(TARGET_ARM) [line" in out.replace("\n", " ")


def test_documents_can_be_given_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(manuals.rendered("sections"), encoding="utf-8")
    source = tmp_path / "page.7"
    source.write_text(manuals.roff("sections"), encoding="utf-8")
    code, out, _ = run(capsys, str(page), str(source))
    assert (code, out.splitlines()[0]) == (0, "qemu-4.9.1-doc → qemu-4.9.1-doc: no difference")


def test_what_is_no_catalog_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    junk = tmp_path / "junk.txt"
    junk.write_text("hello\n")
    code, _, err = run(capsys, str(junk), "qemu-7.2.22")
    assert code == 3
    assert str(junk) in err
    assert run(capsys, "qemu-0.1", "qemu-7.2.22")[0] == 2


def test_words_of_a_catalog_cannot_command_the_terminal() -> None:
    empty = Catalog("\x1b[2Jx", Source("document"), {}, {}, {})
    change = Change("breaks", "removed", "command \x1b]0;x", "gone|", condition="\n\x07")
    for page in (
        schema_diff.text(empty, empty, [change], down_to="compatible"),
        schema_diff.markdown(empty, empty, [change], down_to="compatible"),
    ):
        assert "\x1b" not in page
        assert "\x07" not in page
    assert "gone\\|" in schema_diff.markdown(empty, empty, [change], down_to="breaks")


def test_many_that_share_a_change_are_counted() -> None:
    empty = Catalog("x", Source("document"), {}, {}, {})
    also = tuple(f"command {name}" for name in "abcde")
    change = Change("risk", "added", "command z", "is new", also=also)
    page = schema_diff.text(empty, empty, [change], down_to=LEVELS[-1])
    assert "also command a, command b, command c and 2 more" in page
