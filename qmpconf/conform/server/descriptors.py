"""Descriptors: getfd and add-fd take one that rides on any byte of their message, or earlier."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Probe, Talk, refused, succeeded
from qmpconf.protocol.values import Value, dumps

_NAME = "qmpconf-fd"


@contextmanager
def _descriptor() -> Iterator[int]:
    """A descriptor to pass: one end of a pipe."""
    reader, writer = os.pipe()
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


def _getfd() -> bytes:
    return dumps({"execute": "getfd", "arguments": {"fdname": _NAME}, "id": "get"}) + b"\r\n"


def _closefd(talk: Talk) -> None:
    command: dict[str, Value] = {
        "execute": "closefd",
        "arguments": {"fdname": _NAME},
        "id": "close",
    }
    succeeded(talk.ask(command))


@case("fds.pass", name="getfd-first-byte", needs=("fds", "getfd", "closefd"))
def _get(probe: Probe) -> None:
    """Getfd takes the descriptor that comes with its message."""
    talk = probe.negotiated()
    with _descriptor() as fd:
        line = talk.send(_getfd(), [fd])
    succeeded(talk.reply(line))
    _closefd(talk)


@case(
    "fds.pass",
    "fds.any-byte",
    name="getfd",
    each={"middle": 20, "last-byte": -3},
    needs=("fds", "getfd", "closefd"),
)
def _get_later(probe: Probe, place: int) -> None:
    """Getfd takes the descriptor that rides on a later byte of its message."""
    talk = probe.negotiated()
    data = _getfd()
    with _descriptor() as fd:
        talk.send(data[:place])
        line = talk.send(data[place:], [fd])
    succeeded(talk.reply(line), requirement="fds.any-byte")
    _closefd(talk)


@case("fds.pass", "fds.any-byte", name="getfd-earlier", needs=("fds", "getfd", "closefd"))
def _get_earlier(probe: Probe) -> None:
    """Getfd takes a descriptor that came on white space before its message."""
    talk = probe.negotiated()
    with _descriptor() as fd:
        talk.send(b" ", [fd])
    line = talk.send(_getfd())
    succeeded(talk.reply(line), requirement="fds.any-byte")
    _closefd(talk)


@case("fds.pass", name="getfd-none", needs=("fds", "getfd", "closefd"))
def _get_none(probe: Probe) -> None:
    """Getfd without a descriptor is refused."""
    talk = probe.negotiated()
    refused(talk.reply(talk.send(_getfd())))
    talk.barrier()


@case("fds.pass", name="getfd-two", needs=("fds", "getfd", "closefd"))
def _get_two(probe: Probe) -> None:
    """Two descriptors in two messages go under their two names."""
    talk = probe.negotiated()
    for name in ("qmpconf-one", "qmpconf-two"):
        with _descriptor() as fd:
            command: dict[str, Value] = {
                "execute": "getfd",
                "arguments": {"fdname": name},
                "id": name,
            }
            succeeded(talk.reply(talk.say(command, [fd])))
    for name in ("qmpconf-one", "qmpconf-two"):
        command = {"execute": "closefd", "arguments": {"fdname": name}, "id": name}
        succeeded(talk.ask(command))


@case("fds.pass", name="add-fd", needs=("fds", "add-fd", "remove-fd"))
def _add(probe: Probe) -> None:
    """add-fd takes a descriptor, and gives its set and number; remove-fd takes it out again."""
    talk = probe.negotiated()
    with _descriptor() as fd:
        said = succeeded(talk.reply(talk.say({"execute": "add-fd", "id": "1"}, [fd])))
    result = said.result if isinstance(said.result, dict) else {}
    arguments: dict[str, Value] = {"fdset-id": result.get("fdset-id")}
    succeeded(talk.ask({"execute": "remove-fd", "arguments": arguments, "id": "2"}))


@case("fds.pass", name="add-fd-none", needs=("fds", "add-fd"))
def _add_none(probe: Probe) -> None:
    """add-fd without a descriptor is refused."""
    talk = probe.negotiated()
    refused(talk.ask({"execute": "add-fd", "id": "1"}))
