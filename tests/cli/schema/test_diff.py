"""``qmpconf schema diff``: its three formats, its levels, its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.cli.main import main
from qmpconf.cli.results import page
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_diff import of_diff
from qmpconf.report.results.records import Header
from qmpconf.schema.diff import Change
from qmpconf.schema.model import Catalog, Facts, Source
from tests.schema.documents import manuals


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["schema", "diff", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_text_begins_with_what_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "qemu-5.2.0", "qemu-7.2.22")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].split() == ["severity", "requirement", "what"]
    assert lines[2].split()[:2] == ["error", "diff.breaks"]
    assert any("command change: the command is gone (it was deprecated)" in one for one in lines)
    assert out.index("diff.breaks") < out.index("diff.risk") < out.index("diff.compatible")
    closing = next(one for one in lines if one.startswith("qemu-5.2.0 → qemu-7.2.22: "))
    assert closing.startswith("qemu-5.2.0 → qemu-7.2.22: 16 break a client, ")
    assert max(map(len, lines)) <= 120


def test_level_leaves_out_what_matters_less(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "qemu-5.2.0", "qemu-7.2.22", "--level", "breaks")
    assert code == 1
    assert "diff.risk" not in out
    assert re.search(r"7\.2\.22 \(\d+ of less weight left out\): 16 break a client\n", out)
    code, out, _ = run(capsys, "qemu-7.2.22", "qemu-7.2.22")
    assert (code, out) == (0, "qemu-7.2.22 → qemu-7.2.22: no changes\n")


def test_the_baseline_knows_what_the_level_leaves_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call = ("qemu-5.2.0", "qemu-7.2.22", "--baseline", str(tmp_path / "known.toml"))
    assert run(capsys, *call, "--update")[0] == 0
    code, out, _ = run(capsys, *call, "--level", "breaks")
    assert (code, "not found" in out) == (0, False)


def test_what_breaks_a_client_fails_and_strictly_also_what_surprises_it(
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
    assert run(capsys, str(old), str(new))[0] == 0
    assert run(capsys, str(old), str(new), "--strict")[0] == 0
    assert run(capsys, str(new), str(old))[0] == 1
    reply["return"][2]["features"] = ["deprecated"]
    old.write_text(json.dumps(reply))
    assert run(capsys, str(new), str(old))[0] == 0
    assert run(capsys, str(new), str(old), "--strict")[0] == 1


def test_markdown_has_every_change_that_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-10.0.13", "qemu-11.1.3", "--format", "markdown")
    assert out.startswith("## qmpconf: 14 break a client, ")
    assert out.count("| error | document | <code>diff.breaks</code> |") == 14
    assert "command migrate /arguments/detach: is no longer accepted" in out


def test_json_has_every_change(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-10.0.13", "qemu-11.1.3", "--format", "json")
    found = json.loads(out)
    assert found["subjects"][0]["facts"] == {"before": "qemu-10.0.13", "after": "qemu-11.1.3"}
    assert sum(found["totals"].values()) == len(found["findings"])
    first = found["findings"][0]
    assert (first["rule"], first["severity"]) == ("diff.breaks", "error")
    assert first["more"]["also"].startswith("command blockdev-create, ")


def test_drift_between_a_document_and_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "qemu-5.2.0-doc", "qemu-5.2.0", "--level", "breaks")
    assert "drift: what is gone is in the document only" in out
    assert "perhaps only not built: it needs defined(TARGET_ARM) [line" in re.sub(r"\s+", " ", out)


def test_documents_can_be_given_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(manuals.rendered("sections"), encoding="utf-8")
    source = tmp_path / "page.7"
    source.write_text(manuals.roff("sections"), encoding="utf-8")
    code, out, _ = run(capsys, str(page), str(source))
    assert (code, out.splitlines()[0]) == (0, "qemu-4.9.1-doc → qemu-4.9.1-doc: no changes")


def test_what_is_no_catalog_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    junk = tmp_path / "junk.txt"
    junk.write_text("hello\n")
    code, _, err = run(capsys, str(junk), "qemu-7.2.22")
    assert code == 3
    assert str(junk) in err
    assert run(capsys, "qemu-0.1", "qemu-7.2.22")[0] == 2


def page_of(change: Change, form: str) -> str:
    empty = Catalog("\x1b[2Jx", Source("document"), {}, {}, {})
    result = of_diff(Header(verb="diff"), empty, empty, [change], Baseline())
    return page(merged([result]), form, details=False)


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_what_a_catalog_says_controls_no_terminal(form: str) -> None:
    change = Change(
        "breaks", "removed", "command \x1b]0;x", "gone|", facts_before=Facts(condition="\n\x07")
    )
    made = page_of(change, form)
    assert "\x1b" not in made
    assert "\x07" not in made
    assert "gone" in made


def test_many_that_share_a_change_are_counted() -> None:
    also = tuple(f"command {name}" for name in "abcde")
    change = Change("risk", "added", "command z", "is new", also=also)
    assert "also command a, command b, command c and 2 more" in page_of(change, "text")
