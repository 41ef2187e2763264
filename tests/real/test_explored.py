"""The page of explored servers is made of what campaigns have kept; no server is needed for that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.real import explored

TRACES = Path(__file__).parents[2] / "traces"


def finding(**more: Any) -> dict[str, Any]:
    made = {
        "fingerprint": "0123456789abcdef",
        "kind": "explore.crash",
        "subject": "blockdev-reopen",
        "message": "the server ended by signal SIGABRT",
        "expected": "an answer",
        "seen": "Assertion `bs_queue != NULL' failed.",
        "times": 2,
        "verified": True,
        "commands": 1,
        "trace": "one.qmptrace.gz",
        "script": "one.py",
    }
    return {**made, **more}


def kept(folder: Path, name: str, *findings: dict[str, Any]) -> None:
    place = folder / explored.slug(name)
    place.mkdir()
    shutil.copy(TRACES / "qemu-7.2.22-shell.qmptrace.gz", place / "one.qmptrace.gz")
    (place / "one.py").write_text("import sys; sys.exit('7.2' in sys.argv[1])\n")
    rows = [{"kind": "commands", "before": 1, "exercised": 2, "tried": 3, "all": 4}]
    result = {
        "seed": 1,
        "seconds": 90.0,
        "lives": 2,
        "commands": 300,
        "succeeded": 100,
        "coverage": rows,
    }
    text = json.dumps({**result, "findings": findings})
    Path(f"{place}.json").write_text(text)


def test_equal_findings_are_one_and_what_did_not_come_again_is_left_out(
    tmp_path: Path, monkeypatch: Any
) -> None:
    names = ("QEMU 7.2, q35", "QEMU 10.0, q35")
    servers = [{"name": name, "spawn": f"{name} {{socket}}"} for name in names]
    said = {"fingerprint": "0123456789abcdef", "hand": "yes", "says": "A list that is empty."}
    monkeypatch.setattr(explored, "listed", lambda: {"server": servers, "read": [said]})
    doubtful = finding(fingerprint="ffff", subject="stop", verified=False)
    kept(tmp_path, names[0], finding())
    kept(tmp_path, names[1], finding(commands=3), doubtful)
    page = tmp_path / "page.md"
    assert explored.main(["--keep", str(tmp_path), "-o", str(page)]) == 0
    text = page.read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| [1]")]
    cells = [cell.strip() for cell in row.split("|")][2:-1]
    assert cells == ["crash", "`blockdev-reopen`", "1", "7.2, 10.0", "7.2", "yes"]
    assert "A list that is empty." in text
    assert '{"execute": "query-status"' in text
    assert "`stop`" not in text
    assert "with fewer minutes for some" in text


def test_the_servers_and_what_was_said_of_findings_are_read() -> None:
    known = explored.listed()
    names = [one["name"] for one in known["server"]]
    assert len(set(map(explored.slug, names))) == len(names) == 8
    assert all("{socket}" in one["spawn"] for one in known["server"])
    prints = [one["fingerprint"] for one in known["read"]]
    assert len(set(prints)) == len(prints)
    assert all(len(one.keys() & {"hand", "false", "again"}) == 1 for one in known["read"])
