"""The demo's client: a small QMP client that does real work on one connection.

It shows what a client meets: the greeting, negotiation, queries, events between replies, a command
out of band, and an error of its own making.
"""

from __future__ import annotations

from typing import NamedTuple

from qmpconf.net.address import Address
from qmpconf.net.client import Client
from qmpconf.protocol.messages import Failure
from qmpconf.text import counted


class Done(NamedTuple):
    """One step of the work: what it was for, the commands sent, what came of it."""

    step: str
    commands: str
    outcome: str


def work(address: Address) -> list[Done]:
    """Do the demo's work; give its steps.  Raises `TargetError` when the monitor goes away."""
    done = []
    with Client(address, prefix="demo") as client:
        version = client.negotiate("oob")
        done.append(Done("read the greeting", "", f"a monitor of version {version}"))
        done.append(Done("negotiate", "qmp_capabilities", "oob is enabled"))
        client.call("query-version")
        status = client.call("query-status")["status"]
        count = len(client.call("query-commands"))
        queries = "query-version, query-status, query-commands"
        done.append(Done("look around", queries, f"{status}, {counted(count, 'command')}"))
        count = len(client.call("query-qmp-schema"))
        done.append(Done("read the schema", "query-qmp-schema", counted(count, "entry", "entries")))
        client.call("stop")
        client.call("query-status")
        client.call("cont")
        outcome = f"events {_events(client)}"
        done.append(Done("stop and resume", "stop, query-status, cont", outcome))
        count = len(client.call("query-yank", oob=True))
        done.append(Done("ask out of band", "query-yank", f"{count} instance"))
        refused = client.ask("yank", {"instance": []})
        error = refused.error_class if isinstance(refused, Failure) else "not at all"
        done.append(Done("misspell an argument", "yank", f"refused: {error}"))
        client.call("system_reset")
        done.append(Done("reset", "system_reset", f"event {_events(client)}"))
        client.call("quit")
        done.append(Done("quit", "quit", f"event {_events(client)}"))
    return done


def _events(client: Client) -> str:
    """Names of the events since the last time."""
    names = ", ".join(client.events) or "none"
    client.events.clear()
    return names
