"""``qmpconf schema history``: of one place and of all, in its formats, and what it says of a wrong one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qmpconf.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["schema", "history", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_command_with_what_changed_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "migrate")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("command migrate  (qemu 1.0-dev to ")
    (detach,) = (one for one in lines if one.startswith("/arguments/detach "))
    assert "went" in lines[2]
    assert "went" in lines[2]
    assert re.search(r"  (in|between 10\.\d and) 1[01]\.\d$", detach.rstrip())
    assert any("what is missing there proves nothing" in one for one in lines)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    "place",
    [
        "command block-export-add/arguments/node-name",
        "command block-export-add /arguments/node-name",
        "block-export-add/arguments/node-name",
    ],
)
def test_a_place_is_written_as_others_write_it(
    capsys: pytest.CaptureFixture[str], place: str
) -> None:
    code, out, _ = run(capsys, place, "--format", "json", "--product", "qemu-storage-daemon")
    assert code == 0
    (found,) = json.loads(out)["places"]
    assert found["place"] == "command block-export-add/arguments/node-name"
    assert found["came"]["until"] == "5.2"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("blockdev-ad", "did you mean blockdev-add, "),
        ("io_uring", "it stands in command blockdev-add/arguments/driver=io_uring, "),
        ("BlockdevOptionsRbd", "it stands in command "),
        (
            "blockdev-del/arguments/node-nme",
            "has '/node-nme' below 'command blockdev-del/arguments'; there are /node-name",
        ),
    ],
)
def test_what_never_was_is_said_with_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], place: str, said: str
) -> None:
    code, out, err = run(capsys, place, "--product", "qemu-storage-daemon")
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("event guest-ping", "no catalog of qemu-ga has 'event guest-ping'"),
        ("guest-sync/arguments/id/x", "nothing is known below it"),
        ("/arguments", "name a command or event first"),
        ("", "name a command or event first"),
        ("qqqqqqq", "'qmpconf schema history' lists all"),
    ],
)
def test_what_is_not_a_place_at_all(
    capsys: pytest.CaptureFixture[str], place: str, said: str
) -> None:
    code, out, err = run(capsys, place, "--product", "qemu-ga")
    assert (code, out) == (2, "")
    assert said in err


def test_all_commands_and_events_of_a_product(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--product", "qemu-storage-daemon", "--format", "markdown")
    assert code == 0
    assert out.startswith("# qemu-storage-daemon: all commands and events\n")
    assert "<code>command block-export-add</code>" in out
    assert "<code>event BLOCK\\_EXPORT\\_DELETED</code>" in out.replace("&#95;", "\\_")


def test_a_catalog_of_ones_own_is_one_more_release(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "mine.json"
    lines = ["{ 'command': 'stop' }", "{ 'command': 'quit' }"]
    source.write_text(
        "##\n# @stop:\n#\n# Since: 12.0\n##\n"
        + "\n##\n# @quit:\n#\n# Since: 12.0\n##\n".join(lines)
        + "\n"
    )
    (tmp_path / "VERSION").write_text("12.0.0\n")
    product = ("--product", "qemu-storage-daemon")
    code, out, err = run(capsys, *product, "--catalog", str(source))
    assert code == 0, err
    quit_, add = (
        next(one for one in out.splitlines() if one.startswith(f"command {name} "))
        for name in ("quit", "blockdev-add")
    )
    assert "12.0" not in quit_
    assert re.search(r"  between \S+ and 12\.0$", add.rstrip())


def test_a_page_of_one_entry_and_never_over_what_is_not_a_page(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "history.html"
    call = ("guest-ping", "--product", "qemu-ga", "--format", "html", "-o", str(file))
    assert run(capsys, *call) == (0, "", "")
    text = file.read_text()
    assert "<h1><code>command guest-ping</code></h1>" in text
    assert run(capsys, *call)[0] == 0
    file.write_text("Dear reader,\n")
    code, _, err = run(capsys, *call)
    assert (code, file.read_text()) == (2, "Dear reader,\n")
    assert str(file) in err


def test_a_catalog_without_a_place_in_the_history_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = run(capsys, "migrate", "--catalog", "qemu-ga-7.2.22-doc")
    assert (code, out) == (2, "")
    assert "describes qemu-ga, and the history is that of qemu: --product qemu-ga" in err
    reply = tmp_path / "reply.json"
    entries = [
        {"name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "0", "meta-type": "object", "members": []},
    ]
    reply.write_text(json.dumps({"return": entries}))
    code, out, err = run(capsys, "stop", "--catalog", str(reply))
    assert (code, out) == (2, "")
    assert f"{reply} does not say which release it describes" in err
