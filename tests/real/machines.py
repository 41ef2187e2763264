"""Starting real servers: a bare one, a machine with devices and disks, a storage daemon.

The server is handed a UNIX socket that already listens (``fd=N``, as libvirt does it), so nobody
ever waits for it to be ready: a client connects at once and the kernel keeps it in the queue.  A
server that dies at its start closes the socket, and the client sees that instead of a greeting.

A server runs inside its own folder.  File names in commands are relative to it and the same in
every run, which is what makes a recorded session repeatable.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
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


@dataclass
class Server:
    """A server that is running; `stop` it, or use it as a context manager.

    `path` is its socket, `folder` its working folder, `process` the process.
    """

    build: Build
    folder: Path
    path: Path
    process: subprocess.Popen[bytes]

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(build: Build, folder: Path, *args: str, name: str = "qmp.sock") -> Server:
    """Start `build` in `folder` with a monitor on the socket `folder/name`.

    `args` are the server's other arguments; for the emulator, `BARE` without any.
    """
    path = folder / name
    dashes = "--" if build.product == "qemu-storage-daemon" else "-"
    if build.product == "qemu" and not args:
        args = BARE
    # A socket's address may have 107 bytes: bind it from inside its folder.
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, path)
        listener.listen()
        descriptor = listener.fileno()
        monitor = ("chardev=qmp,mode=control",)
        command = build.command(
            *args,
            f"{dashes}chardev",
            f"socket,id=qmp,fd={descriptor},server=on,wait=off",
            "--monitor" if dashes == "--" else "-mon",
            *monitor,
        )
        with (folder / f"{name}.err").open("wb") as errors:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **build.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[descriptor],
            )
    return Server(build, folder, path, process)


def start_machine(build: Build, folder: Path, *args: str, name: str = "qmp.sock") -> Server:
    """Start the `MACHINE` with a fresh 1 MiB disk and `args` after its own arguments."""
    (folder / "halt.bin").write_bytes(FIRMWARE)
    make_disk(build, folder / "disk.qcow2", "1M")
    return start(build, folder, *MACHINE, *args, name=name)


def make_disk(build: Build, path: Path, size: str) -> None:
    """Create an empty qcow2 image with the qemu-img of the same release as `build`."""
    image_tool = find(f"qemu-img-{build.release}")
    subprocess.run(
        image_tool.command("create", "-q", "-f", "qcow2", str(path), size),
        env={**os.environ, **image_tool.env},
        check=True,
    )


def installed(names: Sequence[str]) -> list[str]:
    """Those of the builds `names` that are on this machine."""
    found = []
    for name in names:
        try:
            found.append(find(name).name)
        except BuildError:
            continue
    return found


def bind(listener: socket.socket, path: Path) -> None:
    """Bind a UNIX socket at `path`, also when that is longer than a socket's address may be."""
    folder = os.open(path.parent, os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
