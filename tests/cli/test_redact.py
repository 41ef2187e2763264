"""``qmpconf redact``: afterwards, with exact values, and what is listed."""

from __future__ import annotations

import gzip
import json
import stat
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.trace.redaction.places import SECRET
from tests.trace.redaction.test_places import PLACES, record, shows

HEADER = '{"qmptrace":1,"started":"2026-11-20T05:17:00Z","recorder":"x","meta":{}}\n'


def line(sender: str, text: str, form: str = "msg", **more: object) -> str:
    extra = "".join(f'"{name}":{json.dumps(value)},' for name, value in more.items())
    body = text if form == "msg" else json.dumps(text)
    return f'{{"t":1.0,"conn":1,"from":"{sender}",{extra}"{form}":{body}}}\n'


@pytest.mark.parametrize("end", ["", ".gz"])
def test_afterwards_nothing_is_left_and_all_else_is_as_it_was(
    end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = record(tmp_path / "raw.qmptrace", None, PLACES)
    new = tmp_path / f"new.qmptrace{end}"
    assert main(["redact", raw, str(new)]) == 0
    assert not shows(new.read_bytes())
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    out = capsys.readouterr().out
    assert f"{new}: " in out
    assert "redacted" in out
    before, after = (
        [item for item in TraceReader(str(path)).items() if isinstance(item, Item)]
        for path in (raw, new)
    )
    assert [(one.t, one.conn, one.sender, one.frame.kind) for one in before] == [
        (one.t, one.conn, one.sender, one.frame.kind) for one in after
    ]
    changed = [one for one, other in zip(before, after, strict=True) if one.frame != other.frame]
    assert f"{len(changed):,} redacted" in out
    again = tmp_path / "again.qmptrace"
    assert main(["redact", str(new), str(again)]) == 0
    assert " 0 redacted" in capsys.readouterr().out
    assert main(["redact", "--scan", str(new)]) == 0
    assert main(["redact", "--scan", raw]) == 1
    assert SECRET not in capsys.readouterr().out


def test_an_ordinary_recording_stays_as_it_was(tmp_path: Path) -> None:
    path = Path("traces/qemu-7.2.22-libvirt.qmptrace.gz")
    new = tmp_path / "new.qmptrace.gz"
    assert main(["redact", str(path), str(new)]) == 0
    assert gzip.decompress(new.read_bytes()) == gzip.decompress(path.read_bytes())


def test_a_secret_goes_also_before_it_was_known(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_text(
        HEADER
        + line("client", '{"execute":"x","arguments":{"label":"HuNt3r-pa55"}}')
        + line("client", '{"execute":"set_password","arguments":{"password":"HuNt3r-pa55"}}')
    )
    new = tmp_path / "new.qmptrace"
    assert main(["redact", str(path), str(new)]) == 0
    assert not shows(new.read_bytes())


def test_a_secret_across_two_records(tmp_path: Path) -> None:
    """Other writers may leave the parts of a message in records of their own."""
    path = tmp_path / "t.qmptrace"
    parts = ['{"execute":"set_pass', 'word","arguments":{"password":"HuNt', '3r-pa55"}}\r\n']
    path.write_text(HEADER + "".join(line("client", part, "raw") for part in parts))
    new = tmp_path / "new.qmptrace"
    assert main(["redact", str(path), str(new)]) == 0
    assert b"HuNt" not in new.read_bytes()
    assert b"3r-pa55" not in new.read_bytes()
    (item,) = TraceReader(str(new)).items()
    assert isinstance(item, Item)
    assert item.redacted == ("/arguments/password",)


def test_the_header_is_redacted(tmp_path: Path) -> None:
    path = tmp_path / "t.qmptrace"
    meta = {
        "spawn": f"qemu -object secret,id=s,data={SECRET}",
        "client": ["client", "--password", SECRET],
        "reduced": {"target": f"qemu -spice password={SECRET}"},
        "note": f"https://u:{SECRET}@h",
    }
    path.write_text(HEADER.replace('"meta":{}', f'"meta":{json.dumps(meta)}'))
    new = tmp_path / "new.qmptrace"
    assert main(["redact", str(path), str(new)]) == 0
    assert not shows(new.read_bytes())
    assert TraceReader(str(new)).header.meta["client"] == ["client", "--password", "REDACTED"]


def test_exact_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.qmptrace"
    path.write_text(
        HEADER
        + line("client", '{"execute":"blue-horse","arguments":{"red":"a blue-horse, 4711"},"id":1}')
        + line("server", '{"return": {"blue-horse": 4711}, "id": "blue-horse"}')
        + line("client", "@@ blue-horse @@", "raw")
    )
    file = tmp_path / "secrets"
    file.write_text("blue-horse\n\r\n4711\n")
    for option in (["--secret", "blue-horse", "--secret", "4711"], ["--secret", f"@{file}"]):
        new = tmp_path / "new.qmptrace"
        assert main(["redact", str(path), str(new), "--force", *option]) == 0
        assert b"blue" not in new.read_bytes()
        assert b"4711" not in new.read_bytes()
        assert main(["redact", "--scan", str(path), *option]) == 1
        other = tmp_path / "other.pcapng"
        assert main(["convert", str(path), str(other), "--force", *option]) == 0
        assert b"blue" not in other.read_bytes()
    assert "blue" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a"], "name two files"),
        (["a", "b", "c"], "name two files"),
        (["a", "b", "--secret", "abc"], "fewer than 4 characters"),
        (["a", "a"], "would overwrite an input"),
        (["a", "-o", "a"], "would overwrite an input"),
        (["a", "b", "-o", "c"], "the output is named twice"),
        (["a", "--scan", "-o", "c"], "--scan writes nothing"),
    ],
)
def test_wrong_calls(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_text(HEADER)
    files = [one if one.startswith("-") or len(one) > 1 else str(tmp_path / one) for one in words]
    assert main(["redact", *files]) == 2
    assert told in capsys.readouterr().err


def test_short_values_of_a_file_are_named_by_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_text(HEADER)
    (tmp_path / "s").write_text("long enough\nabc\n")
    words = [str(tmp_path / "a"), str(tmp_path / "b"), "--secret", f"@{tmp_path / 's'}"]
    assert main(["redact", *words]) == 2
    told = capsys.readouterr().err
    assert "value 2" in told
    assert "abc" not in told


def test_damage_in_the_middle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.qmptrace"
    secret = line("client", '{"execute":"set_password","arguments":{"password":"HuNt3r-pa55"}}')
    path.write_text(HEADER + secret + "{nonsense}\n" + secret)
    new = tmp_path / "new.qmptrace"
    assert main(["redact", str(path), str(new)]) == 3
    assert "what could be read" in capsys.readouterr().err
    assert b"REDACTED" in new.read_bytes()
    assert not shows(new.read_bytes())
    assert main(["redact", "--scan", str(path)]) == 3
    assert f"{path}:2: session 1 /arguments/password" in capsys.readouterr().out
