"""The command line that starts an equal server: what cannot be inherited again is replaced, and all else stays."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.record.emulator.command import read
from qmpconf.replay.equal import Equal, equal_to, said

MACHINE = (
    "/usr/bin/qemu-system-x86_64 -name guest=vm1,debug-threads=on -S "
    """-object '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/lib/master-key.aes"}' """
    "-chardev socket,id=charmonitor,fd=27,server=on,wait=off "
    "-mon chardev=charmonitor,id=monitor,mode=control "
    """-blockdev '{"driver":"file","filename":"/images/a.qcow2","node-name":"a"}' """
    "-chardev socket,id=charchannel0,fd=26,server=on,wait=off -msg timestamp=on"
)


def made(options: str, **meta: Any) -> Equal:
    """What comes of a machine with further options."""
    return equal_to({"emulator": f"{MACHINE} {options}", "listen": "fd:27", **meta})


def plain() -> list[str]:
    return made("").words


def more(options: str, **meta: Any) -> tuple[list[str], Equal]:
    """The words that further options came to, and the whole."""
    found = made(options, **meta)
    return found.words[len(plain()) :], found


def test_a_machine_of_libvirt() -> None:
    found = made("")
    before, after = shlex.split(MACHINE), shlex.split(found.line)
    differ = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert [other for _, other in differ[1:]] == [
        "socket,id=charmonitor,path={socket},server=on,wait=off",
        "socket,id=charchannel0,path={socket}.charchannel0,server=on,wait=off",
    ]
    secret = json.loads(differ[0][1])
    assert {"id": "masterKey0", "format": "base64"}.items() <= secret.items()
    assert "file" not in secret
    assert len(found.changed) == 3
    assert found.missing == []
    assert found.files == ["/images/a.qcow2"]
    assert "use copies" in list(said(found))[-1]


def test_another_qemu() -> None:
    found = equal_to({"emulator": MACHINE, "listen": "fd:27"}, "qemu-new")
    assert found.words == ["qemu-new", *plain()[1:]]


@pytest.mark.parametrize(
    ("options", "after", "why"),
    [
        ("-daemonize -enable-kvm", "-enable-kvm", "-daemonize is left out"),
        ("-pidfile /run/p", "-pidfile {socket}.pid", "it was /run/p"),
        ("-chardev socket,id=a,fd=3", "-chardev null,id=a", "leads nowhere; it was fd=3"),
        (
            "-chardev socket,id=a,path=/p,server,nowait",
            "-chardev socket,id=a,path={socket}.a,server=on,wait=off",
            "it was unix:/p",
        ),
        ("-chardev file,id=a,path=/p,,q", "-chardev file,id=a,path={socket}.a", "writes beside"),
        ("-vnc unix:/p", "-vnc unix:{socket}.vnc", "VNC listens at {socket}.vnc"),
        ("-spice unix=on,addr=/p", "-spice unix=on,addr={socket}.spice", "it was /p"),
        (
            "-netdev tap,fds=3:4,id=n,vhost=on",
            """-netdev '{"type": "hubport", "id": "n", "hubid": 1}'""",
            "the network n (tap) leads nowhere",
        ),
        (
            """-netdev '{"type":"tap","fd":"3","id":"n"}'""",
            """-netdev '{"type": "hubport", "id": "n", "hubid": 1}'""",
            "the network n (tap) leads nowhere",
        ),
        (
            """-netdev '{"type":"stream","addr":{"type":"fd","str":"3"},"id":"n"}'""",
            """-netdev '{"type": "hubport", "id": "n", "hubid": 1}'""",
            "the network n (stream) leads nowhere",
        ),
        (
            "-object secret,id=s,keyid=masterKey0,iv=A,data=B",
            """-object '{"qom-type": "secret", "id": "s", "data": "REDACTED"}'""",
            "no longer encrypted",
        ),
    ],
)
def test_what_is_replaced(options: str, after: str, why: str) -> None:
    words, found = more(options)
    assert words == shlex.split(after)
    assert why in found.changed[-1]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("-chardev socket,id=a,path=/p", "/p: something has to listen there"),
        ("-vnc 127.0.0.1:1", "that port has to be free"),
        ("-spice port=5900", "that port has to be free"),
        ("-incoming fd:30", "write 30<FILE"),
        ("-device vhost-vsock-pci,id=v,vhostfd=31", "(-device v)"),
        ("""-device '{"driver":"vfio-pci","id":"d","fd":"31"}'""", "write 31<FILE"),
        ("""-object '{"qom-type":"iommufd","id":"i","fd":"32"}'""", "write 32<FILE"),
        ("-object secret,id=s,data=REDACTED", "a secret was redacted"),
    ],
)
def test_what_stays_and_is_said(options: str, why: str) -> None:
    words, found = more(options)
    assert shlex.join(words) == options
    assert why in found.missing[-1]


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ("-drive file=/d,if=none", ["/d"]),
        ("-blockdev driver=qcow2,node-name=n,file.driver=file,file.filename=/d", ["/d"]),
        ("-blockdev driver=file,node-name=n,filename=/d", ["/d"]),
        ("-kernel /k -initrd /i", ["/k", "/i"]),
        ("-object secret,id=s,file=/pass", ["/pass"]),
    ],
)
def test_files_are_listed(options: str, files: list[str]) -> None:
    words, found = more(options)
    assert shlex.join(words) == options
    assert found.files[1:] == files


def test_descriptor_sets_hold_nothing_and_can_be_opened_as_they_were() -> None:
    options = "-add-fd set=1,fd=30,opaque=log -add-fd set=2,fd=31 -add-fd set=3,fd=32"
    noted = {"30": {"kind": "file", "access": "w"}, "31": {"kind": "file", "access": "r"}}
    found = made(options, inherited=noted)
    assert found.words[:3] == ["sh", "-c", 'exec "$0" "$@" 3>/dev/null 4</dev/null 5<>/dev/null']
    assert found.words[3:-6] == plain()
    assert found.words[-5::2] == ["set=1,fd=3,opaque=log", "set=2,fd=4", "set=3,fd=5"]


def test_the_recorded_one_of_several_monitors_gets_the_socket() -> None:
    line = "qemu -qmp unix:/a,server=on -qmp unix:/b,server=on,wait=off"
    found = equal_to({"emulator": line, "listen": "unix:/b"})
    assert found.words[2::2] == [
        "unix:{socket}.qmp,server=on",
        "unix:{socket},server=on,wait=off",
    ]
    found = equal_to({"emulator": "qemu -M none", "listen": "unix:/b"})
    assert "is not in this line" in found.missing[0]


def test_what_spawn_started_is_as_it_was() -> None:
    line = "my-server --listen {socket}"
    assert equal_to({"spawn": line}).line == shlex.join(shlex.split(line))
    with pytest.raises(ValueError, match="change that line"):
        equal_to({"spawn": line}, "qemu-new")


@pytest.mark.parametrize(
    "meta", [{}, {"emulator": 1}, {"spawn": []}, {"emulator": ""}, {"emulator": "qemu '"}]
)
def test_a_trace_that_does_not_say_it(meta: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"does not say|names no server|cannot be read"):
        equal_to(meta)


#: Words that mean nothing here.
WORDS = st.lists(st.text("abcxyz/=,.:'\" -", min_size=1, max_size=8).map("x{}".format), max_size=6)


@given(WORDS, WORDS)
def test_all_else_stays_and_the_line_is_understood_again(one: list[str], other: list[str]) -> None:
    words = shlex.split(MACHINE)
    recorded = [words[0], *one, *words[1:], *other]
    found = equal_to({"emulator": shlex.join(recorded), "listen": "fd:27"})
    assert found.words == [plain()[0], *one, *plain()[1:], *other]
    assert shlex.split(found.line) == found.words
    assert [monitor.path for monitor in read(found.words[1:]).monitors] == ["{socket}"]


@given(st.lists(st.text('-chardevnetobjscriqmpfdvlsk,=:{}"0123 ', max_size=14), max_size=8))
def test_any_words_are_taken(words: list[str]) -> None:
    found = equal_to({"emulator": shlex.join(["qemu", *words])})
    assert shlex.split(found.line) == found.words


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell")
def test_the_shell_around_it_becomes_the_server(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text('#!/bin/sh\necho $$ "$#" "$(readlink /proc/self/fd/3)"\n')
    program.chmod(0o755)
    found = equal_to({"emulator": f"{program} -add-fd set=1,fd=12", "listen": "fd:1"})
    with subprocess.Popen(found.words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == [str(process.pid), "2", "/dev/null"]
