"""A client's conversation on top of qemu.qmp: commands that must work, events that must come.

qemu.qmp is the client library of the QEMU project.  It sends no newline, enables ``oob``, and
gives every command an id.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from qemu.qmp import ExecuteError, Message, QMPClient

#: Seconds to wait for an event before the session is given up.
PATIENCE = 30.0


class Talk:
    """One negotiated session.

    `version` is the server's (major, minor, micro); `commands` and `arguments` are what the
    schema says, once `learn` has asked for it.
    """

    def __init__(self, client: QMPClient) -> None:
        self.client = client
        greeting: Any = client.greeting
        version = greeting.QMP.version["qemu"]
        self.version = (version["major"], version["minor"], version["micro"])
        self.commands: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {}
        self._seen: list[Message] = []

    async def learn(self) -> None:
        """Ask for the schema, so that the recording carries it, and remember the commands."""
        schema = await self.do("query-qmp-schema")
        types = {entry["name"]: entry for entry in schema}
        self.commands = {
            entry["name"]: entry for entry in schema if entry["meta-type"] == "command"
        }
        self.arguments = {
            name: types[entry["arg-type"]].get("members", [])
            for name, entry in self.commands.items()
        }

    async def do(self, name: str, /, **arguments: Any) -> Any:
        """The return value of a command; ``__`` in an argument's name stands for ``-``."""
        return await self.client.execute(name, _named(arguments) or None)

    async def out_of_band(self, name: str, /, **arguments: Any) -> Any:
        """The return value of a command sent out of band."""
        return await self.client.execute(name, _named(arguments) or None, oob=True)

    async def refused(self, name: str, /, **arguments: Any) -> None:
        """A command that the server must refuse."""
        try:
            await self.client.execute(name, _named(arguments) or None)
        except ExecuteError:
            return
        raise AssertionError(f"{name} was not refused")

    async def attempt(self, name: str, /, **arguments: Any) -> bool:
        """A command that may be refused, as in a server that was built without a feature."""
        try:
            await self.client.execute(name, _named(arguments) or None)
        except ExecuteError:
            return False
        return True

    def knows(self, command: str, argument: str = "") -> bool:
        """Whether the server has `command`, and that the given argument."""
        if not argument:
            return command in self.commands
        return any(member["name"] == argument for member in self.arguments.get(command, []))

    async def event(self, name: str, **data: Any) -> None:
        """Wait for the event `name` with these data; one that has come already counts, once."""
        wanted = _named(data)

        def fits(event: Message) -> bool:
            got: Any = event.get("data", {})
            return event["event"] == name and all(got.get(key) == wanted[key] for key in wanted)

        async with asyncio.timeout(PATIENCE):
            while True:
                for index, event in enumerate(self._seen):
                    if fits(event):
                        del self._seen[index]
                        return
                self._seen.append(await self.client.events.get())

    async def job(self, identity: str, *, ready: bool = False) -> None:
        """See a job through: completed on the way when it gets `ready`, then dismissed."""
        if ready:
            await self.event("JOB_STATUS_CHANGE", id=identity, status="ready")
            await self.do("query-jobs")
            await self.do("job-complete", id=identity)
        await self.event("JOB_STATUS_CHANGE", id=identity, status="concluded")
        jobs = await self.do("query-jobs")
        errors = [job["error"] for job in jobs if job["id"] == identity and "error" in job]
        if errors:
            raise AssertionError(f"job {identity}: {errors[0]}")
        await self.do("job-dismiss", id=identity)
        await self.event("JOB_STATUS_CHANGE", id=identity, status="null")

    async def sweep(self) -> None:
        """Call every query that needs no argument and is neither deprecated nor unstable."""
        for name in sorted(self.commands.keys() - {"query-qmp-schema"}):
            features = self.commands[name].get("features", [])
            needed = [member for member in self.arguments[name] if "default" not in member]
            if name.startswith("query-") and not needed and not features:
                await self.attempt(name)


def _named(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "-"): value for name, value in arguments.items()}


def talk(scenario: Callable[[Talk], Awaitable[None]]) -> None:
    """Run `scenario` on the monitor at the UNIX socket that the command line names."""

    async def session() -> None:
        client = QMPClient("qmpconf")
        client.logger.disabled = True
        await client.connect(sys.argv[1])
        try:
            await scenario(Talk(client))
        finally:
            # After "quit" the server hangs up first, and this is where qemu.qmp says so.
            with contextlib.suppress(EOFError):
                await client.disconnect()

    asyncio.run(session())
