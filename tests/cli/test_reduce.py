"""``qmpconf reduce``, against servers that are traces themselves."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import pytest

from qmpconf.cli import reduce
from qmpconf.trace.reader import TraceReader

EXCHANGES = [
    ('{"execute":"qmp_capabilities"}', '{"return": {}}'),
    ('{"execute":"query-status"}', '{"return": {"running": true}}'),
    ('{"execute":"query-name"}', '{"return": {"name": "a"}}'),
    ('{"execute":"query-kvm"}', '{"return": {"enabled": false}}'),
]


def write(path: Path, name: str) -> str:
    lines = ['{"qmptrace":1,"meta":{"client":["x"]}}', '{"t":0,"conn":1,"open":{}}']
    lines.append('{"t":0,"conn":1,"from":"server","msg":{"QMP": {"version": {}}}}')
    for at, (command, reply) in enumerate(EXCHANGES, 1):
        lines.append(f'{{"t":{at},"conn":1,"from":"client","msg":{command}}}')
        said = reply.replace('"a"', f'"{name}"')
        lines.append(f'{{"t":{at}.5,"conn":1,"from":"server","msg":{said}}}')
    lines.append('{"t":9,"conn":1,"close":"client"}')
    lines.append('{"t":9,"finish":{"sessions":1,"messages":9}}')
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    reduce.configure(parser)
    return reduce.run(parser.parse_args(words))


def served(trace: str) -> str:
    words = [sys.executable, "-m", "qmpconf", "serve", trace, "--order", "request"]
    return f"{shlex.join(words)} --listen {{socket}}"


def test_each_try_gets_a_new_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write(tmp_path / "old.qmptrace", "a")
    other = write(tmp_path / "new.qmptrace", "b")
    assert run(trace, "--spawn", served(other), "--reference", served(trace)) == 1
    out, err = capsys.readouterr()
    output = tmp_path / "old.reduced.qmptrace"
    assert "2 of 4 messages of the client show it" in out
    assert 'reply to query-name at /return/name: "a" -> "b"' in out
    assert "qmpconf reduce: try 4: 2 of 4" in err
    text = output.read_text()
    assert '"msg":{"execute":"query-name"}}' in text
    assert "query-status" not in text
    header = TraceReader(str(output)).header
    assert header.meta["reduced"]["from"] == "old.qmptrace"
    assert header.meta["client"] == ["x"]
    assert output.stat().st_mode & 0o777 == 0o600


def test_files_are_made_for_each_try(tmp_path: Path) -> None:
    trace = write(tmp_path / "old.qmptrace", "a")
    other = write(tmp_path / "new.qmptrace", "b")
    made = tmp_path / "made"
    make = f"sh -c 'echo x >>{made}'"
    assert run(trace, "-q", "--spawn", served(other), "--prepare", make) == 1
    assert made.read_text().count("x") > 1


def test_without_a_difference_the_code_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = write(tmp_path / "old.qmptrace", "a")
    assert run(trace, "-q", "--spawn", served(trace)) == 0
    assert "shows no difference" in capsys.readouterr().out
    assert not (tmp_path / "old.reduced.qmptrace").exists()
