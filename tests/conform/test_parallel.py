"""The suite in several processes comes to what it comes to in one."""

from __future__ import annotations

import re
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from qmpconf.cli.conform.target import open_target
from qmpconf.cli.main import main
from qmpconf.conform import parallel
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.net.address import UnixAddress
from tests.conform.test_variants import served
from tests.conform.variants.base import Broken

SPAWN = f"{sys.executable} -m qmpconf serve --listen {{socket}} --schema qemu-storage-daemon-7.2.22"
PATTERNS = ("response.", "schema.return", "request.strict-arguments/block-*")


def run(jobs: int, folder: Path) -> Outcome:
    reopen = partial(open_target, address=None, command=SPAWN)
    options = Options(patterns=PATTERNS, folder=str(folder))
    with ExitStack() as stack, Suite(reopen(stack), options) as suite:
        return parallel.run_all(suite, jobs, reopen)


def test_several_processes_find_what_one_finds_in_the_same_order(tmp_path: Path) -> None:
    one, three = run(1, tmp_path / "1"), run(3, tmp_path / "3")
    assert [(each.case, each.verdict) for each in one.results] == [
        (each.case, each.verdict) for each in three.results
    ]
    assert len(one.results) > 30
    assert one.requirements() == three.requirements()
    assert all(Path(each.trace).exists() for each in three.results if each.trace)


def test_a_run_ends_when_it_is_told_to(tmp_path: Path) -> None:
    reopen = partial(open_target, address=None, command=SPAWN)
    options = Options(patterns=PATTERNS, folder=str(tmp_path))
    with ExitStack() as stack, Suite(reopen(stack), options) as suite:
        outcome = parallel.run_all(suite, 2, reopen, lambda _result: True)
    assert len(outcome.results) == 1


def greets_all(listener: socket.socket) -> None:
    with listener, ExitStack() as stack:
        for _ in range(2):
            client, _address = listener.accept()
            stack.enter_context(client).sendall(b'{"QMP": {}}\r\n')
        with suppress(ConnectionResetError):
            client.recv(1)


def test_who_serves_many_is_found_out(tmp_path: Path) -> None:
    with served(Broken()) as address:
        assert not Target(address).serves_many(0.2)  # one at a time
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "many"))
    listener.listen()
    thread = threading.Thread(target=greets_all, args=(listener,))
    thread.start()
    assert Target(UnixAddress(str(tmp_path / "many"))).serves_many(10.0)
    thread.join()


def test_the_verb_takes_a_number_or_auto(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["conform", "-q", "--spawn", SPAWN, "-k", "schema.return"]
    assert main([*arguments, "-j", "auto"]) == 0
    assert re.search(r"conforms: \d+ pass", capsys.readouterr().out)
    for wrong in ("0", "many", "-1"):
        with pytest.raises(SystemExit, match="2"):
            main([*arguments, f"-j{wrong}"])
        assert "is not a number of processes; write 4, or auto" in capsys.readouterr().err
