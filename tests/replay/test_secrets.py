"""What a target or a live client says in secret is in no file that a replay makes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.replay.serve.test_monitor import Live

OPENING = """\
{"qmptrace":1,"started":"2026-11-20T05:17:00Z","recorder":"x","meta":{}}
{"t":0.0,"conn":1,"open":{"client":"c","server":"s"}}
{"t":0.1,"conn":1,"from":"server","msg":{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, \
"major": 7}, "package": ""}, "capabilities": []}}}
{"t":0.2,"conn":1,"from":"client","msg":{"execute":"qmp_capabilities"}}
{"t":0.3,"conn":1,"from":"server","msg":{"return": {}}}
"""
TOLD = "HuNt3r-pa55"
OTHER = "Xq7-Zz81-w"

#: Command, result of the recorded server, result of the target.
SAID = [
    (
        '{"execute":"qom-get","arguments":{"path":"/objects/s","property":"data"},"id":1}',
        '"§"',
        '"§"',
    ),
    (
        '{"execute":"query-block","id":2}',
        '[{"f": "https://u:§@h/x"}]',
        '[{"f": "https://u:§@h/x"}]',
    ),
    (
        '{"execute":"query-named-block-nodes","id":3}',
        '[{"f": "disk.img"}]',
        '[{"f": "ftp://u:§@h"}]',
    ),
    ('{"execute":"query-status","id":4}', '{"status": "running"}', '{"status": "paused: §"}'),
]


def trace(path: Path, secret: str, side: int) -> str:
    lines = [OPENING]
    for said in SAID:
        number = said[0].rpartition(":")[2][:-1]
        lines.append(f'{{"t":1.0,"conn":1,"from":"client","msg":{said[0]}}}\n')
        reply = f'{{"return": {said[side].replace("§", secret)}, "id": {number}}}'
        lines.append(f'{{"t":1.1,"conn":1,"from":"server","msg":{reply}}}\n')
    lines.append('{"t":2.0,"conn":1,"close":"client"}\n')
    path.write_text("".join(lines))
    return str(path)


@pytest.mark.parametrize("compare", ["value", "exact", "shape", "outcome"])
def test_a_replay_writes_no_secret_of_its_target(compare: str, tmp_path: Path) -> None:
    raw = trace(tmp_path / "raw", TOLD, 1)
    clean = str(tmp_path / "clean.qmptrace")
    assert main(["redact", raw, clean]) == 0
    target = trace(tmp_path / "target", OTHER, 2)
    serve = f"{shlex.quote(sys.executable)} -m qmpconf serve {target} --listen {{socket}}"
    spawn = f"sh -c 'VNC_PASSWORD={OTHER} exec {serve}'"
    files = {name: str(tmp_path / name) for name in ("new.qmptrace", "r.qmpresult", "pages")}
    words = ["--compare", compare, "-o", files["new.qmptrace"], "--result", files["r.qmpresult"]]
    done = subprocess.run(
        [sys.executable, "-m", "qmpconf", "replay", clean, "--spawn", spawn, *words],
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1)
    assert done.returncode == (0 if compare in ("shape", "outcome") else 1)
    assert OTHER.encode() not in done.stdout
    report = [
        "report",
        files["r.qmpresult"],
        "--exit-zero",
        "--format",
        "all",
        "-o",
        files["pages"],
    ]
    assert main(report) == 0
    written = [Path(files["new.qmptrace"]), Path(files["r.qmpresult"])]
    written += [path for path in Path(files["pages"]).rglob("*") if path.is_file()]
    assert len(written) > 5
    for path in written:
        assert OTHER.encode() not in path.read_bytes(), path
        assert TOLD.encode() not in path.read_bytes(), path


def test_what_was_recorded_with_its_secrets_is_the_same(tmp_path: Path) -> None:
    """The target's are taken out before they are compared: that is not a difference."""
    raw = trace(tmp_path / "raw", TOLD, 1)
    serve = f"{shlex.quote(sys.executable)} -m qmpconf serve {raw} --listen {{socket}}"
    result = replay_trace(raw, spawn=serve)
    assert result.exit_code == 0
    assert {key[0] for key in result.masks} == {"redacted"}
    assert replay_trace(raw, spawn=serve, redact=False).masks == {}


def test_a_placeholder_is_not_bound(tmp_path: Path) -> None:
    """It came from the server and is sent back, as a binding would be: it stands for anything."""
    said = (
        ('{"execute":"qom-list","arguments":{"path":"/"},"id":1}', "/objects/one/two"),
        ('{"execute":"qom-list","arguments":{"path":"/objects/REDACTED/two"},"id":2}', "x"),
    )
    lines = [OPENING]
    for number, (command, value) in enumerate(said, 1):
        value = value.replace("one", "REDACTED")
        redacted = '"redacted":["/return"],' if number == 1 else ""
        mine = '"redacted":["/arguments/path"],' if number == 2 else ""
        lines.append(f'{{"t":1.0,"conn":1,"from":"client",{mine}"msg":{command}}}\n')
        reply = f'{{"return": "{value}", "id": {number}}}'
        lines.append(f'{{"t":1.1,"conn":1,"from":"server",{redacted}"msg":{reply}}}\n')
    path = tmp_path / "t.qmptrace"
    path.write_text("".join(lines) + '{"t":2.0,"conn":1,"close":"client"}\n')
    target = tmp_path / "target"
    target.write_text(path.read_text().replace('/objects/REDACTED/two", ', '/objects/other/two", '))
    serve = f"{shlex.quote(sys.executable)} -m qmpconf serve {target} --listen {{socket}}"
    output = str(tmp_path / "new.qmptrace")
    result = replay_trace(str(path), spawn=serve, output=output)
    assert result.exit_code == 0
    assert list(result.bindings) == []
    sent = [
        one.frame.data
        for one in TraceReader(output).items()
        if isinstance(one, Item) and one.sender == "client"
    ]
    assert b"/objects/REDACTED/two" in sent[-1]


def test_what_a_live_client_says_in_secret_is_not_told(tmp_path: Path) -> None:
    live = Live(trace(tmp_path / "t", TOLD, 1))
    live.open()
    command = f'{{"execute":"set_password","arguments":{{"password":"{TOLD}"}}}}'
    (reply,) = live.say(command)
    assert TOLD not in str(reply)
    (reply,) = live.say(
        '{"execute":"human-monitor-command","arguments":{"command-line":'
        f'"set_password vnc {TOLD}"}}}}'
    )
    assert TOLD not in str(reply)
    assert live.result.differences.count
    for group in live.result.differences:
        assert TOLD not in str(group.kept)
