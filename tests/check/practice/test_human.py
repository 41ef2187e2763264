"""Errors in words: how QEMU's human monitor says them, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check.practice.human import error_in, what
from tests.check.practice.stage import Stage, found

#: Command line, output, the error in it.
ERRORS = [
    ("foo", "unknown command: 'foo'\r\n", "unknown command: 'foo'"),
    ("info foo", "unknown command: 'info foo'\r\n", "unknown command: 'info foo'"),
    ("device_del x", "Error: Device 'x' not found\r\n", "Error: Device 'x' not found"),
    ("device_del x", "Device 'x' not found\n", "Device 'x' not found"),
    ("info balloon", "Error: No balloon device has been activated\r\n", "Error: No balloon "),
    ("drive_add 0 file=/x", "Could not open '/x': No such file or directory\r\n", "Could not open"),
    ("balloon a", "invalid char 'a' in expression\r\nTry \"help balloon\" for more information\r\n",
     "invalid char 'a' in expression"),
    ("sendkey", 'sendkey: string expected\r\nTry "help sendkey" for more information\r\n',
     "sendkey: string expected"),
    ("info rocker", 'rocker: string expected\r\nTry "help info rocker" for more information\r\n',
     "rocker: string expected"),
    ("migrate_set_parameter x 1", "Error: invalid parameter value: x\r\n", "Error: invalid param"),
    ("migrate_set_speed a", "Parameter 'value' expects a size\r\n", "Parameter 'value' expects a s"),
    ("info usbhost", 'Command "info usbhost" is not available.\r\n', 'Command "info usbhost" is not'),
    ("info skeys", "Command 'info skeys' not available until machine initialization has completed.\r\n",
     "Command 'info skeys' not available"),
    ("cpu 9", "invalid CPU index\r\n", "invalid CPU index"),
    ("trace-event x on", 'unknown event "x"\r\n', 'unknown event "x"'),
    ("gdbserver x", "'x' is not a valid char driver\r\nCould not open gdbserver on device 'x'\r\n",
     "'x' is not a valid char driver"),
    ("logfile /x/y", "Error opening logfile /x/y: No such file or directory\r\n", "Error opening log"),
    ("savevm x", "Error: Device 'sata0-0-1' is writable but does not support snapshots\r\n", "Error: D"),
    ('qemu-io a "read 0 9"', "read failed: Input/output error\r\n", "read failed: Input/output"),
    ("p 1/0", 'division by zero\r\nTry "help p" for more information\r\n', "division by zero"),
]  # fmt: skip

#: What is not an error, whatever words stand in it.
RIGHT = [
    ("stop", ""),
    ("drive_add 0 if=none", "OK\r\n"),
    ("info status", "VM status: paused (internal-error)\r\n"),
    ("info blockstats", "disk0: rd_bytes=0 failed_rd_operations=3 rd_err=1\r\n"),
    ("info migrate", "globals:\r\ndecompress-error-check: on\r\nMigration status: failed (Unable to write)\r\n"),
    ("info trace-events", "qemu_file_error : state 0\r\nError: state 0\r\n"),
    ("info registers", "\r\nCPU#0\r\nEAX=00000000 ERROR=0\r\n"),
    ("info vnc", "None\r\n"),
    ("info sgx", "No EPC regions defined, SGX not available\r\n"),
    ("info mem", "PG disabled\r\n"),
    ("info lapic 9", "No CPU available\r\n"),
    ("info tlb", "Cannot be shown: PG disabled\r\n"),
    ("info qtree", "bus: main\r\n  Device 'x' not found\r\n"),
    ("help", "commit device|all -- commit changes\r\nError: is not a command\r\n"),
    ("log foo", "Log items (comma separated):\r\nguest_errors    log when the guest OS does bad things\r\n"),
    ("x /4x 0", "0000000000000000: 0x00000000 0x00000000\r\n"),
    ("qom-get /machine x", '"Error: a string of the guest"\r\n'),
    ('qemu-io a "read 0 512"', "read 512/512 bytes at offset 0\r\n512 bytes, 1 ops; 0.01 sec\r\n"),
    ("ringbuf_read r 100", "Error: the guest's own words\r\n"),
    ("stopcapture 0", "warning: 'stopcapture' is deprecated since v10.2, to be removed\r\n"),
    ("info snapshots", "List of snapshots:\r\nID  TAG\r\n1   Error: a name\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "output", "error"), ERRORS)
def test_an_error_is_found(line: str, output: str, error: str) -> None:
    assert error_in(line, output).startswith(error)


@pytest.mark.parametrize(("line", "output"), RIGHT)
def test_what_only_looks_like_one_is_not(line: str, output: str) -> None:
    assert error_in(line, output) == ""


@given(st.text(), st.text())
def test_any_output(line: str, output: str) -> None:
    error = error_in(line, output)
    assert error == "" or error in output
    assert len(what(line)) <= 40


def test_the_finding(tmp_path: Path) -> None:
    stage = Stage()
    line = stage.sends("human-monitor-command", command__line="device_del nic0")
    answer = stage.returns("Error: Device 'nic0' not found\r\n")
    stage.sends("human-monitor-command", command__line="info status")
    stage.returns("VM status: running\r\n")
    stage.close()
    (one,) = found(stage.write(tmp_path / "t"))
    assert (one.requirement, one.severity, one.blame) == ("practice.hmp-error", "warning", "client")
    assert one.message == "'device_del' failed in words: Error: Device 'nic0' not found"
    assert (one.line, str(answer) in one.seen) == (line, True)


def test_arguments_are_not_repeated() -> None:
    """They may be passwords."""
    assert what("set_password vnc sesame") == "set_password"
    assert what("info  block -v") == "info block"


@pytest.mark.parametrize("result", [{}, 5, None, ["Error: x"], ""])
def test_a_result_that_is_no_text(tmp_path: Path, result: object) -> None:
    stage = Stage()
    stage.sends("human-monitor-command", command__line="foo")
    stage.says({"return": result, "id": 2})
    stage.close()
    assert found(stage.write(tmp_path / "t")) == []
