"""QEMU's command line: what is surely a monitor that can be recorded, and what is left alone."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.record.emulator.command import Monitor, moved, pairs, read

MACHINE = (
    "-name guest=vm1,debug-threads=on -S -chardev socket,id=charmonitor,fd=27,server=on,wait=off "
    "-mon chardev=charmonitor,id=monitor,mode=control -chardev socket,id=charchannel0,fd=26,server=on"
)


def test_a_machine_of_libvirt() -> None:
    found = read(shlex.split(MACHINE))
    assert (found.name, found.daemonizes, found.left) == ("vm1", False, [])
    assert found.monitors == [Monitor(4, 27)]


def test_a_probe_of_libvirt() -> None:
    words = "-S -machine none,accel=kvm:tcg -qmp unix:/run/qmp-X/qmp.monitor,server=on,wait=off"
    found = read([*words.split(), "-pidfile", "/run/p", "-daemonize"])
    assert (found.name, found.daemonizes, found.left) == ("", True, [])
    assert found.monitors == [Monitor(4, None, "/run/qmp-X/qmp.monitor")]


@pytest.mark.parametrize(
    ("line", "monitors"),
    [
        ("-chardev socket,id=a,path=/p,server -mon a,mode=control", [Monitor(1, None, "/p")]),
        ("-mon a,mode=control -chardev socket,id=a,fd=3,server,nowait", [Monitor(3, 3)]),
        ("--chardev socket,id=a,fd=3,server=on --qmp chardev:a", [Monitor(1, 3)]),
        ("-qmp unix:/a,,b,server=on,wait=off", [Monitor(1, None, "/a,b")]),
        ("-qmp-pretty unix:/p,server=yes", [Monitor(1, None, "/p")]),
        (
            "-chardev socket,id=a,fd=3,server=on -object monitor-qmp,id=m,chardev=a",
            [Monitor(1, 3)],
        ),
        (
            """-chardev socket,id=a,fd=3,server=on
            -object '{"qom-type":"monitor-qmp","id":"m","chardev":"a"}'""",
            [Monitor(1, 3)],
        ),
        (
            "-qmp unix:/a,server=on -qmp unix:/b,server=on",
            [Monitor(1, None, "/a"), Monitor(3, None, "/b")],
        ),
        ("-chardev socket,id=a,path=/p,server=on -mon a,mode=readline", []),
        ("-monitor unix:/p,server=on", []),
        ("-object '{'", []),
        ("-object memory-backend-ram,id=x,size=1", []),
        ("-version", []),
        ("-qmp", []),
    ],
)
def test_monitors(line: str, monitors: list[Monitor]) -> None:
    found = read(shlex.split(line))
    assert found.monitors == monitors
    assert found.left == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-qmp stdio", "only UNIX sockets"),
        ("-qmp tcp:localhost:4444,server=on", "only UNIX sockets"),
        ("-qmp unix:/p", "connects to its client"),
        ("-qmp unix:/p,server=off", "connects to its client"),
        ("-chardev pty,id=a -mon a,mode=control", "'pty': not a socket"),
        ("-mon a,mode=control", "no -chardev has the monitor's id 'a'"),
        ("-qmp chardev:a", "no -chardev has the monitor's id 'a'"),
        ("-chardev socket,id=a,path=/p,server=on,abstract=on -qmp chardev:a", "abstract"),
        ("-chardev socket,id=a,fd=3,server=on,tls-creds=t -qmp chardev:a", "tls-creds"),
        ("-chardev socket,id=a,fd=3,server=on,mux=on -qmp chardev:a", "mux"),
        ("-chardev socket,id=a,fd=sock,server=on -qmp chardev:a", "not a number: 'sock'"),
        ("-chardev socket,id=a,server=on -qmp chardev:a", "neither"),
        ("-chardev socket,id=a,fd=3,path=/p,server=on -qmp chardev:a", "or both"),
    ],
)
def test_what_is_left_alone(line: str, why: str) -> None:
    found = read(shlex.split(line))
    assert found.monitors == []
    assert len(found.left) == 1
    assert why in found.left[0]


@given(st.lists(st.text("-nameqpchdv,=onsocketfdpath0123:{}", max_size=12)))
def test_any_words_are_read(words: list[str]) -> None:
    for monitor in read(words).monitors:
        assert monitor.word < len(words)


@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_a_path_is_moved_and_nothing_else(before: str, after: str) -> None:
    word = "socket,id=a,path={},server=on,wait=off".format(before.replace(",", ",,"))
    assert pairs(word, "backend")["path"] == before
    assert pairs(moved(word, after), "backend") == pairs(word, "backend") | {"path": after}
    short = "unix:{},server=on".format(after.replace(",", ",,"))
    assert moved(moved(short, "/other,"), after) == short
