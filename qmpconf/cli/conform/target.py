"""The server that a command line puts to the test."""

from __future__ import annotations

import shlex
from contextlib import ExitStack

from qmpconf.conform.target import Target
from qmpconf.net.address import parse_address
from qmpconf.net.process import Server
from qmpconf.protocol.dialect import DIALECTS, QMP
from qmpconf.trace.redaction.redactor import Redactor


def open_target(
    stack: ExitStack, address: str | None, command: str | None, protocol: str = ""
) -> Target:
    """The target of a command line; a server that is started ends with `stack`."""
    dialect = DIALECTS.get(protocol, QMP)
    option = f" --protocol {protocol}" if protocol else ""
    if address:
        where = parse_address(address)
        return Target(where, words=f"--target {where}{option}", dialect=dialect)
    server = stack.enter_context(Server(command or ""))
    server.start()
    server.wait_until_bound()
    words = f"--spawn {shlex.quote(Redactor().command_line(command or ''))}{option}"
    return Target(server.address, server=server, words=words, dialect=dialect)
