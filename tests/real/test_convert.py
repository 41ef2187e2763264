"""What the real qmp-shell logs of a session is what a recorder has seen of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.protocol.values import loads
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from tests.real.conftest import StartProxy
from tests.real.machines import Server

TYPED = """\
query-status
stop
cont
block_resize device=none size=1M
nosuch a.b=1 a.c=[1,{"x":true}]
human-monitor-command command-line="info version"
query-commands
"""

#: The program's own --logfile is of no use in some releases: it goes to another argument.
SHELL = """\
import sys
from qemu.qmp.qmp_shell import QMPShell

address, log, pretty, verbose = sys.argv[1:]
with QMPShell(address, pretty == "1", verbose == "1", logfile=log) as shell:
    shell.connect()
    for _ in shell.repl():
        pass
    shell.logfile.close()
"""


def exchanges(path: Path) -> list[tuple[object, object, object]]:
    """Commands, arguments and answers behind the ones that the shell sends on its own."""
    found: list[tuple[object, object, object]] = []
    asked: dict[str, object] = {}
    for item in TraceReader(str(path)).items():
        if not isinstance(item, Item):
            continue
        value = loads(item.frame.data)
        if item.sender == "client":
            asked = value
        elif "return" in value or "error" in value:
            answer = value.get("return", value.get("error"))
            found.append((asked["execute"], asked.get("arguments", {}), answer))
    own = ("qmp_capabilities", "query-commands")
    return found[2:] if tuple(one[0] for one in found[:2]) == own else found


@pytest.mark.parametrize("pretty", ["0", "1"])
@pytest.mark.parametrize("verbose", ["0", "1"])
def test_the_log_and_the_screen_of_qmp_shell(
    qemu: Server, start_proxy: StartProxy, tmp_path: Path, pretty: str, verbose: str
) -> None:
    proxy = start_proxy(qemu)
    done = subprocess.run(
        [sys.executable, "-c", SHELL, str(proxy.path), "shell.log", pretty, verbose],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        input=TYPED,
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    proxy.stop()
    log = convert(str(tmp_path / "shell.log"), str(tmp_path / "log.qmptrace"))
    assert log.source.name == "qmp-shell"
    assert not log.notes.damaged
    recorded = exchanges(Path(proxy.trace))
    assert len(recorded) == len(TYPED.splitlines())
    assert exchanges(tmp_path / "log.qmptrace") == recorded
    # A terminal shows what was typed as well.
    typed = iter(TYPED.splitlines())
    screen = "".join(
        f"{line[:7]}{next(typed, '')}\n{line[7:]}" if line.startswith("(QEMU) ") else line
        for line in done.stdout.splitlines(keepends=True)
    )
    (tmp_path / "screen.txt").write_text(screen)
    shown = convert(str(tmp_path / "screen.txt"), str(tmp_path / "screen.qmptrace"))
    assert shown.source.name == "qmp-shell"
    assert not shown.notes.damaged
    assert exchanges(tmp_path / "screen.qmptrace") == recorded


def test_a_recorded_session_as_a_log_of_libvirt(
    qemu: Server, start_proxy: StartProxy, tmp_path: Path
) -> None:
    proxy = start_proxy(qemu)
    subprocess.run(
        [sys.executable, "-c", SHELL, str(proxy.path), "shell.log", "0", "0"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        input=TYPED,
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    proxy.stop()
    convert(str(proxy.trace), str(tmp_path / "libvirtd.log"), to_format="libvirt-log")
    convert(str(tmp_path / "libvirtd.log"), str(tmp_path / "back.qmptrace"))
    assert exchanges(tmp_path / "back.qmptrace") == exchanges(Path(proxy.trace))
    started = json.loads(Path(proxy.trace).read_text().splitlines()[0])["started"]
    assert TraceReader(str(tmp_path / "back.qmptrace")).header.started[:16] == started[:16]
