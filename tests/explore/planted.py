"""The embedded monitor with one planted fault, as a program: ``python -m tests.explore.planted FAULT SOCKET``.

A fault is a class of `FAULTS`.  It has its own catalog, so that a server which starts again and again is
there soon.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from qmpconf.monitor.core import Monitor
from qmpconf.monitor.offer import restrict
from qmpconf.monitor.server import MonitorServer
from qmpconf.net.address import parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value
from qmpconf.schema.store import load_shipped

CATALOG = restrict(
    load_shipped("qemu-7.2.22"),
    (
        *("qmp_capabilities", "query-version", "query-commands", "query-qmp-schema", "quit"),
        *("query-status", "stop", "cont", "query-name", "query-uuid", "query-jobs", "job-cancel"),
        *("query-chardev", "chardev-add", "chardev-remove", "ringbuf-write", "ringbuf-read"),
        *("query-named-block-nodes", "blockdev-add", "blockdev-del", "query-block", "qom-list"),
        *("object-add", "object-del", "query-iothreads", "query-memdev", "set_link", "balloon"),
        *("yank", "query-yank", "migrate-pause"),
    ),
    ("STOP", "RESUME", "SHUTDOWN", "JOB_STATUS_CHANGE"),
)


class Sound(Monitor):
    """No fault at all."""

    def __init__(self) -> None:
        super().__init__(CATALOG, lambda: time.time_ns() // 1000)
        #: What has come of the session, and was not executed yet.
        self.waiting: list[Any] = []

    def _execute(self, session: Any, command: Command) -> Value:
        self.waiting = [one.command for one in (*session.queue, *session.unread)]
        self.before(command)
        return self.after(command, super()._execute(session, command))

    def before(self, command: Command) -> None:
        """A command is about to be carried out."""

    def after(self, command: Command, result: Value) -> Value:
        """What is returned for a command in place of `result`."""
        del command
        return result


class Crash(Sound):
    """Reading a ring buffer that somebody has written to: three commands that depend on each other."""

    def before(self, command: Command) -> None:
        device = self.machine.chardevs.get(str(command.arguments.get("device")))
        if command.name == "ringbuf-read" and device is not None and device.content:
            print(
                f"planted: ring.c:{len(device.content)}: read: Assertion `empty' failed.",
                file=sys.stderr,
            )
            sys.stderr.flush()
            os.abort()


class Races(Sound):
    """A node that is added while the command that takes it away is there already."""

    def before(self, command: Command) -> None:
        name = command.arguments.get("node-name")
        for one in self.waiting:
            if (
                (command.name, getattr(one, "name", "")) == ("blockdev-add", "blockdev-del")
                and isinstance(name, str)
                and one.arguments.get("node-name") == name
            ):
                print("planted: graph.c:7: add: Assertion `alone' failed.", file=sys.stderr)
                sys.stderr.flush()
                os.abort()


class Overtaken(Sound):
    """A query out of band while a command waits in band."""

    def before(self, command: Command) -> None:
        if command.oob and command.name == "query-yank" and self.waiting:
            os.kill(os.getpid(), signal.SIGSEGV)


class Forgets(Sound):
    """Nodes that are added are not listed."""

    def after(self, command: Command, result: Value) -> Value:
        return [] if command.name == "query-named-block-nodes" else result


class Hangs(Sound):
    """``stop`` is never answered."""

    def before(self, command: Command) -> None:
        if command.name == "stop":
            time.sleep(3600)


class Exits(Sound):
    """``query-name`` ends the server."""

    def before(self, command: Command) -> None:
        if command.name == "query-name":
            print("planted: no name", file=sys.stderr)
            os._exit(3)


class Lies(Sound):
    """``query-status`` gives what its schema does not have."""

    def after(self, command: Command, result: Value) -> Value:
        return {"status": "asleep"} if command.name == "query-status" else result


class Unready(Sound):
    """Ends when a life begins; the survey, which connects once more, is answered."""

    def _execute(self, session: Any, command: Command) -> Value:
        if session.number == 1:
            os._exit(1)
        return super()._execute(session, command)


FAULTS = {
    one.__name__: one
    for one in (Sound, Crash, Races, Overtaken, Forgets, Hangs, Exits, Lies, Unready)
}


def main(fault: str, path: str) -> None:
    """Serve until ``quit``."""
    with Listener(parse_address(f"unix:{path}")) as listener:
        MonitorServer(FAULTS[fault](), [listener]).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
