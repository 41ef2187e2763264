"""Configured masks: read from TOML, used, told; what is wrong is said with its line."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.errors import InputError
from qmpconf.replay.configuration import find, read_masks
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.report.replay import as_text
from tests.replay.conftest import serving, written

MASK = """\
# a comment
[[mask]]
message = "reply"
of = "query-status"
place = "/return/status"
kind = "string"
reason = "it depends"
"""


def test_masks_are_read_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(MASK + MASK)
    first, second = read_masks(str(path))
    assert (first.of, first.place, first.kind, first.reason) == (
        "query-status",
        "/return/status",
        "string",
        "it depends",
    )
    assert [first.source, second.source] == [f"{path}:2", f"{path}:9"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("reason =", "raeson =", 7, "unknown key 'raeson'; did you mean 'reason'?"),
        ('reason = "it depends"', "", 2, "mask 1 has no 'reason'"),
        ('"it depends"', '" "', 7, "'reason' must be a string, not empty"),
        ('"string"', '"strnig"', 6, "kind 'strnig' does not exist; did you mean 'string'?"),
        ('"string"', '"text"', 2, "kind 'text' needs a 'pattern'"),
        ('"string"', '"text"\npattern="("', 7, "is not a regular expression"),
        ('"string"', '"any"\npattern="x"', 7, "takes no 'pattern'"),
        (
            '"reply"',
            '"answer"',
            3,
            "message 'answer' does not exist; one of greeting, reply, event",
        ),
        ("query-status", "query-sttaus", 4, "knows 'query-sttaus'; did you mean 'query-status'?"),
        ("/return/status", "/return/statsu", 5, "'statsu' leads nowhere; did you mean 'status'?"),
        ("/return/status", "/return/*", None, ""),
        ("/return/status", "/return/0", 5, "'0' leads nowhere; there are running"),
        ("/return/status", "return/status", 5, "is not a JSON pointer"),
        ("/return/status", "/data/status", 5, "begins with /return or /error or /id, not /data"),
        ("query-status", "xen-of-another-kind-of-server", None, ""),
        ("[[mask]]", "[[masks]]", 2, "unknown key 'masks'; did you mean 'mask'?"),
        ("[[mask]]", "[mask]", 2, "once for each mask"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, says: str
) -> None:
    path = tmp_path / "m.toml"
    path.write_text(MASK.replace(old, new))
    if line is None:
        assert len(read_masks(str(path))) == 1
        return
    with pytest.raises(InputError) as caught:
        read_masks(str(path))
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    with pytest.raises(InputError, match=r"cannot read .*m\.toml"):
        read_masks(str(path))
    path.write_text("[[mask")
    with pytest.raises(InputError, match=r"m\.toml:1: is not TOML: Expected"):
        read_masks(str(path))


@pytest.mark.parametrize(
    ("name", "prefix"), [("qmpconf.toml", "replay"), ("pyproject.toml", "tool.qmpconf.replay")]
)
def test_configuration_is_found_in_the_folder_or_above(
    tmp_path: Path, name: str, prefix: str
) -> None:
    (tmp_path / "more.toml").write_text(MASK)
    text = f'[{prefix}]\nmask-files = ["more.toml"]\nknown-differences = "known.toml"\n'
    (tmp_path / name).write_text(text + MASK.replace("[[mask]]", f"[[{prefix}.mask]]"))
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    found = find(str(inner))
    assert [mask.source for mask in found.masks] == [
        f"{tmp_path / name}:5",
        f"{tmp_path / 'more.toml'}:2",
    ]
    assert found.known_differences == str(tmp_path / "known.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.qmpconf.repaly]\n", ":1: unknown key 'repaly'; did you mean 'replay'?"),
        ("\n[tool.qmpconf.replay]\nmaskfiles = []\n", ":3: unknown key 'maskfiles'; did you mean"),
        ("[tool.qmpconf.replay]\nmask-files = 1\n", ":2: 'mask-files' must be a list of paths"),
    ],
)
def test_an_unknown_setting_is_an_error_with_a_suggestion(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        find(str(tmp_path))
    assert says in str(caught.value)


SCRIPT = [
    "1+",
    '1->{"execute":"query-status"}',
    '1<-{"return": {"status": "running", "running": true}}',
    "1-client",
]


def answer(sock: socket.socket) -> None:
    if sock.recv(4096):
        sock.sendall(b'{"return": {"status": "paused", "running": true}}\r\n')


def test_a_configured_mask_is_used_and_told_and_an_unused_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(MASK + MASK.replace("/return/status", "/return/running"))
    trace = written(tmp_path / "t", SCRIPT)
    with serving(tmp_path / "s", answer):
        result = replay_trace(trace, target=str(tmp_path / "s"), masks=read_masks(str(path)))
    assert result.exit_code == 0
    text = as_text(result)
    assert "/return/status" in text
    unused = text[text.index("Masks that were not needed") :]
    assert f"{path}:9" in re.sub(r"\s+", "", unused)
    assert f"{path}:2" not in re.sub(r"\s+", "", unused)


def test_the_command_line_takes_masks_and_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trace = written(tmp_path / "t", SCRIPT)
    Path("m.toml").write_text(MASK)
    with serving(tmp_path / "s", answer):
        assert main(["replay", trace, "--target", "s"]) == 1
        assert main(["replay", trace, "--target", "s", "--masks", "m.toml"]) == 0
        Path("qmpconf.toml").write_text(MASK.replace("[[mask]]", "[[replay.mask]]"))
        assert main(["replay", trace, "--target", "s"]) == 0
        Path("qmpconf.toml").write_text("[replay]\nmsak = 1\n")
        assert main(["replay", trace, "--target", "s"]) == 3
    assert "qmpconf.toml:2: unknown key 'msak'; did you mean 'mask'?" in capsys.readouterr().err
