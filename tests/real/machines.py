"""Starting real servers: a bare one, a machine with devices and disks, a storage daemon.

The server is handed a UNIX socket that already listens (``fd=N``, as libvirt does it), so nobody
sleeps until it is ready: a first client waits in the socket's queue, and goes when it is greeted.
A server that dies at its start closes the socket, and the client sees that instead.  The socket
is the server's standard input, descriptor 0; with that, and with all clients coming after its
start, the server's descriptors have the same numbers in every run.

A server runs inside its own folder.  File names in commands are relative to it and the same in
every run, which is what makes a recorded session repeatable.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.real.builds import Build, BuildError, find

#: No machine at all: enough for the protocol itself, and up in some 50 ms.
BARE = ("-M", "none", "-nodefaults", "-display", "none", "-S")

#: A q35 machine with two hot-plug ports, a bus that unplugs without a guest's help (USB), a
#: display to dump, and a disk that can hold snapshots.  Its firmware halts at once: whenever the
#: machine is stopped, its memory is the same.
MACHINE = (
    *("-M", "q35,accel=tcg", "-cpu", "qemu64", "-m", "16M", "-nodefaults", "-display", "none"),
    *("-S", "-name", "rich", "-uuid", "11111111-2222-3333-4444-555555555555"),
    *("-bios", "halt.bin"),
    *("-rtc", "base=2026-01-01T00:00:00,clock=vm"),
    *("-device", "VGA,id=video0"),
    *("-device", "pcie-root-port,id=port0,chassis=1,slot=1"),
    *("-device", "pcie-root-port,id=port1,chassis=2,slot=2"),
    *("-device", "qemu-xhci,id=usb0"),
    *("-blockdev", "driver=file,node-name=file0,filename=disk.qcow2"),
    *("-blockdev", "driver=qcow2,node-name=disk0,file=file0"),
    *("-device", "virtio-blk-pci,id=drive0,drive=disk0"),
)

#: The firmware: 64 KiB of nothing, and ``cli; hlt`` where the processor starts.
FIRMWARE = bytes(0xFFF0) + b"\xfa\xf4" + bytes(14)

#: Seconds that a server may take to end before it is killed.
GRACE = 10.0

LOOPBACK = "127.0.0.1"


@dataclass
class Server:
    """A server that is running; `stop` it, or use it as a context manager.

    `path` is its socket, or where its files are named after when it listens on the TCP port
    `port`; `folder` its working folder, `process` the process.
    """

    build: Build
    folder: Path
    path: Path
    process: subprocess.Popen[bytes]
    port: int = 0

    @property
    def at(self) -> Path | tuple[str, int]:
        """Where a client connects."""
        return (LOOPBACK, self.port) if self.port else self.path

    def stop(self) -> None:
        """End the process, by force when it does not go within `GRACE` seconds."""
        self.process.terminate()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.path.unlink(missing_ok=True)

    def errors(self) -> str:
        """What the process has written to its standard error."""
        return (self.folder / f"{self.path.name}.err").read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    build: Build,
    folder: Path,
    *args: str,
    name: str = "qmp.sock",
    tcp: bool = False,
    watched: bool = False,
) -> Server:
    """Start `build` in `folder` with a monitor on the socket `folder/name`, and hear it greet.

    `args` are the server's other arguments; for the emulator, `BARE` without any.  With `tcp` the
    monitor is on a port of the loopback.  With `watched` the server itself notes what it sends
    (byte for byte, in the file `name.sent`) and which commands it takes up (`name.err`).
    Raises BuildError with what the server wrote to its standard error when it ends instead.
    """
    path = folder / name
    dashes = "--" if build.product == "qemu-storage-daemon" else "-"
    if build.product == "qemu" and not args:
        args = BARE
    family = socket.AF_INET if tcp else socket.AF_UNIX
    notes = f",logfile={name}.sent" if watched else ""
    with socket.socket(family) as listener, socket.socket(family) as first:
        if tcp:
            listener.bind((LOOPBACK, 0))
        else:
            bind(listener, path)
        listener.listen()
        with contextlib.chdir(folder):
            first.connect(listener.getsockname() if tcp else name)
        command = build.command(
            *args,
            *((f"{dashes}trace", "handle_qmp_command") if watched else ()),
            f"{dashes}chardev",
            f"socket,id=qmp,fd=0,server=on,wait=off{notes}",
            "--monitor" if dashes == "--" else "-mon",
            "chardev=qmp,mode=control",
        )
        with (folder / f"{name}.err").open("wb") as errors:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **build.env},
                stdin=listener.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        port = listener.getsockname()[1] if tcp else 0
        server = Server(build, folder, path, process, port)
        listener.close()
        if not first.recv(1):
            server.stop()
            raise BuildError(f"{build.name} does not start: {server.errors()}")
    return server


def start_machine(
    build: Build, folder: Path, *args: str, name: str = "qmp.sock", watched: bool = False
) -> Server:
    """Start the `MACHINE` with a fresh 1 MiB disk and `args` after its own arguments."""
    (folder / "halt.bin").write_bytes(FIRMWARE)
    make_disk(build, folder / "disk.qcow2", "1M")
    return start(build, folder, *MACHINE, *args, name=name, watched=watched)


def make_disk(build: Build, path: Path, size: str) -> None:
    """Create an empty qcow2 image with the qemu-img of the same release as `build`."""
    image_tool = find(f"qemu-img-{build.release}")
    subprocess.run(
        image_tool.command("create", "-q", "-f", "qcow2", str(path), size),
        env={**os.environ, **image_tool.env},
        check=True,
    )


def bind(listener: socket.socket, path: Path) -> None:
    """Bind a UNIX socket at `path`, by its bare name from inside its folder.

    So the path may be longer than a socket's address, and the server, which gives the address to
    its clients, says the same in every folder.
    """
    with contextlib.chdir(path.parent):
        listener.bind(path.name)
