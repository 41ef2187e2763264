"""What libvirt starts in place of QEMU, so that the monitor is recorded: ``emulator.py QEMU FOLDER ...``.

libvirt gives QEMU a socket that listens, under a number (``-chardev socket,...,fd=N,server=on``).
It is given to ``qmpconf record`` instead, and a socket of our own is put under that number: QEMU's
arguments, its process and all its other descriptors stay as libvirt made them.  When libvirt asks
QEMU for what it can do, the monitor is a path (``-qmp unix:PATH,server=on``): the recorder listens
there, and QEMU behind it.

libvirt clears the environment, so that all there is to know stands in the arguments: QEMU's path,
and the folder for the traces, where each recorder leaves its process's number (``NAME.pid``).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

LISTENING = re.compile(r"(?:^|,)fd=(\d+)(?:,|$)")
PATH = re.compile(r"^unix:([^,]+)")


def main(qemu: str, folder: str, *arguments: str) -> None:
    """Start the recorder, and become QEMU."""
    words = list(arguments)
    name = f"{os.getpid()}"
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if before == "-chardev" and "id=charmonitor," in word and (found := LISTENING.search(word)):
            fd = int(found.group(1))
            behind = os.path.join(folder, f"{name}.sock")
            with socket.socket(socket.AF_UNIX) as ours:
                ours.bind(behind)
                ours.listen()
                record(folder, name, fd, behind)
                os.dup2(ours.fileno(), fd, inheritable=True)
        elif before == "-qmp" and (found := PATH.match(word)):
            path = found.group(1)
            behind = os.path.join(folder, f"{name}.sock")
            words[place] = word.replace(path, behind)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
                listener.listen()
                record(folder, name, listener.fileno(), behind)
    os.execv(qemu, [qemu, *words])


def record(folder: str, name: str, listener: int, behind: str) -> None:
    """Start a recorder that accepts on the descriptor `listener`, for the server at `behind`."""
    with open(os.path.join(folder, f"{name}.err"), "wb") as errors:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "qmpconf", "record", "--quiet", "--no-redact"),
                *("--server", behind, "--listen", f"fd:{listener}"),
                *("--output", os.path.join(folder, f"{name}.qmptrace")),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            pass_fds=[listener],
            start_new_session=True,
        )
    with open(os.path.join(folder, f"{name}.pid"), "w", encoding="ascii") as file:
        file.write(f"{process.pid}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
