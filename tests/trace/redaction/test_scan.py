"""What looks like a secret is found where it stands, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.trace.reader import TraceReader
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.redaction.scan import Suspect, entropy, scan, shown
from qmpconf.trace.writer import TraceWriter
from tests.trace.redaction.places import SECRET
from tests.trace.redaction.test_places import PLACES, record

ROOT = Path(__file__).parents[3]


def suspects(path: Path, *secrets: str) -> list[Suspect]:
    return list(scan(TraceReader(str(path)), secrets))


def trace(path: Path, *said: str, meta: dict[str, object] | None = None) -> Path:
    """A trace of what a client says (``>``) and a server (``<``)."""
    lines = ['{"qmptrace":1,"started":"2026-11-20T05:17:00Z","recorder":"x","meta":{}}']
    if meta:
        with TraceWriter(str(path), meta=meta) as writer:
            writer.open(1)
        return path
    for one in said:
        side = "client" if one[0] == ">" else "server"
        lines.append(f'{{"t":0.0,"conn":1,"from":"{side}","msg":{one[1:]}}}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("sent", "reply"), PLACES, ids=[f"{a}{b}"[:80] for a, b in PLACES])
def test_every_place_is_found_and_not_when_it_is_redacted(
    sent: str, reply: str, tmp_path: Path
) -> None:
    raw = tmp_path / "raw.qmptrace"
    record(raw, None, [(sent, reply)])
    found = suspects(raw)
    assert found
    for one in found:
        assert one.line > 1
        assert one.conn == 1
        assert SECRET not in f"{one.place}{one.why}{one.shown}"
    clean = tmp_path / "clean.qmptrace"
    record(clean, Redactor(), [(sent, reply)])
    assert suspects(clean) == []


@pytest.mark.parametrize("path", sorted((ROOT / "traces").glob("*.gz")), ids=lambda path: path.name)
def test_ordinary_sessions_look_like_nothing(path: Path) -> None:
    assert suspects(path) == []


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('>{"execute":"x","arguments":{"note":"the password is Xq7-tt9Z"}}', "/arguments/note"),
        ('>{"execute":"x","arguments":{"a":["my token: Xq7-tt9Z"]}}', "/arguments/a/0"),
        ('>{"execute":"x","arguments":{"a":"Password \'Xq7-tt9Z\'"}}', "/arguments/a"),
        ('>{"execute":"x","arguments":{"login":"Xq7_tt9Z.w!"}}', "/arguments/login"),
        (
            '>{"execute":"x","arguments":{"a":"q8Zr3VtPm2Kx9LwY7bNc5HdJ"}}',
            "/arguments/a",
        ),
        (
            '>{"execute":"x","arguments":{"a":"9f86d081884c7d659a2feaa0c55ad015"}}',
            "/arguments/a",
        ),
        ('<{"return":{"text":"ghp_abcdefghijklmnopqrstuvwxyz0123"}}', "/return/text"),
        ('<{"return":"root:$6$abcdefgh$ABCDEFGHIJK:1"}', "/return"),
        ('<{"error":{"class":"GenericError","desc":"wrong secret=Xq7-tt9Z"}}', "/error/desc"),
        ('<{"return":{"session-ticket":"Xq7_tt9Z.w!"}}', "/return/session-ticket"),
    ],
)
def test_what_the_redactor_leaves(said: str, place: str, tmp_path: Path) -> None:
    found = suspects(trace(tmp_path / "t.qmptrace", said))
    assert [one.place for one in found] == [place]
    assert "Xq7" not in found[0].shown


@pytest.mark.parametrize(
    "said",
    [
        '>{"execute":"x","arguments":{"password":"REDACTED"}}',
        '<{"error":{"class":"GenericError","desc":"Could not set password"}}',
        '<{"error":{"class":"GenericError","desc":"password is required"}}',
        '<{"error":{"class":"GenericError","desc":"Invalid parameter \'password\'"}}',
        '<{"return":[{"name":"password","type":"string"}]}',
        '<{"return":{"key":"2a3c5e7a-1b2c-3d4e-5f60-718293a4b5c6"}}',
        '>{"execute":"x","arguments":{"password-secret":"sec0","key-secret":"luks-disk-0"}}',
        '>{"execute":"x","arguments":{"filename":"/var/lib/libvirt/images/a-very-long-name.qcow2"}}',
        '>{"execute":"x","arguments":{"node-name":"libvirt-12-storage-format-of-a-disk"}}',
        '>{"execute":"x","id":"q8Zr3VtPm2Kx9LwY7bNc5HdJ"}',
        '<{"return":{"mac":"52:54:00:12:34:56","auth":"none"}}',
    ],
)
def test_what_is_no_secret(said: str, tmp_path: Path) -> None:
    assert suspects(trace(tmp_path / "t.qmptrace", said)) == []


def test_exact_values_and_the_header(tmp_path: Path) -> None:
    path = trace(tmp_path / "t.qmptrace", '>{"execute":"x","arguments":{"label":"blue horse"}}')
    assert suspects(path) == []
    assert [one.place for one in suspects(path, "blue horse")] == ["/arguments/label"]
    meta = {"spawn": "qemu -object secret,id=s,data=hunter2", "client": ["c", "--token", "abc"]}
    found = suspects(trace(tmp_path / "m.qmptrace", meta=meta))
    assert [(one.line, one.conn, one.place) for one in found] == [
        (1, 0, "/meta/spawn"),
        (1, 0, "/meta/client/2"),
    ]


def test_values_are_not_shown_in_full() -> None:
    for size in (1, 5, 11, 12, 80):
        text = "".join(chr(ord("A") + at % 26) for at in range(size))
        assert str(size) in shown(text)
        assert text not in shown(text)
    assert shown("\x00" * 20) == "20 characters"


def test_entropy() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
