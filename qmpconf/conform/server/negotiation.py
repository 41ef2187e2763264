"""Capabilities negotiation: the gate, what may be enabled, and that it happens once."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Inconclusive, Probe, refused, succeeded
from qmpconf.protocol.values import Value

GATED: dict[str, dict[str, Value]] = {
    "query": {"execute": "query-version", "id": "1"},
    "list": {"execute": "query-commands", "id": "1"},
    "no-id": {"execute": "query-version"},
    "arguments": {"execute": "query-version", "arguments": {}, "id": "1"},
    "wrong-arguments": {"execute": "query-version", "arguments": {"x": 1}, "id": "1"},
    "unknown": {"execute": "qmpconf-no-such-command", "id": "1"},
    "empty-name": {"execute": "", "id": "1"},
}


@case("negotiation.gate", each=GATED, name="")
def _gate(probe: Probe, command: dict[str, Value]) -> None:
    """Before negotiation a command gets CommandNotFound; afterwards negotiation still works."""
    talk = probe.connect()
    refused(talk.ask(command), "CommandNotFound")
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "2"}))
    succeeded(talk.ask({"execute": "query-version", "id": "3"}))


@case("negotiation.gate", name="patient")
def _gate_patient(probe: Probe) -> None:
    """The gate holds for command after command."""
    talk = probe.connect()
    for number in range(5):
        refused(talk.ask({"execute": "query-version", "id": str(number)}), "CommandNotFound")
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "good"}))


def _enable(value: Value) -> dict[str, Value]:
    return {"enable": value}


BAD: dict[str, dict[str, Value]] = {
    "unknown": _enable(["qmpconf-no-such-capability"]),
    "unknown-after-known": _enable(["oob", "qmpconf-no-such-capability"]),
    "empty-name": _enable([""]),
    "number-in-list": _enable([1]),
    "null-in-list": _enable([None]),
    "string": _enable("oob"),
    "number": _enable(1),
    "null": _enable(None),
    "object": _enable({}),
    "bool": _enable(True),
    "unknown-argument": {"qmpconf-no-such-argument": 1},
    "unknown-beside-known": {"enable": [], "qmpconf-no-such-argument": 1},
}


@case("negotiation.bad-enable", each=BAD, name="")
def _bad_enable(probe: Probe, arguments: dict[str, Value]) -> None:
    """A capability or argument that is wrong is refused, and negotiation stays open."""
    talk = probe.connect()
    said = talk.ask({"execute": "qmp_capabilities", "arguments": arguments, "id": "1"})
    refused(said)
    refused(talk.ask({"execute": "query-version", "id": "2"}), "CommandNotFound")
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "3"}))
    succeeded(talk.ask({"execute": "query-version", "id": "4"}))


@case("negotiation.bad-enable", name="not-offered")
def _not_offered(probe: Probe) -> None:
    """A known capability that is not offered cannot be enabled."""
    if "oob" in probe.facts.offered:
        return
    talk = probe.connect()
    said = talk.ask({"execute": "qmp_capabilities", "arguments": _enable(["oob"]), "id": "1"})
    refused(said)


AGAIN: dict[str, dict[str, Value]] = {
    "plain": {},
    "arguments": {"arguments": {}},
    "enable-nothing": {"arguments": _enable([])},
    "enable-oob": {"arguments": _enable(["oob"])},
}


@case("negotiation.once", each=AGAIN, name="")
def _once(probe: Probe, more: dict[str, Value]) -> None:
    """A second qmp_capabilities gets CommandNotFound."""
    talk = probe.negotiated()
    refused(talk.ask({"execute": "qmp_capabilities", **more, "id": "1"}), "CommandNotFound")
    succeeded(talk.ask({"execute": "query-version", "id": "2"}))


@case("negotiation.enable-offered", name="empty-list")
def _enable_nothing(probe: Probe) -> None:
    """An empty list, and a list without repetition of what is offered, can be enabled."""
    talk = probe.connect()
    if not probe.facts.version:
        raise Inconclusive("the greeting gives no version")
    succeeded(talk.ask({"execute": "qmp_capabilities", "arguments": _enable([]), "id": "1"}))
    succeeded(talk.ask({"execute": "query-version", "id": "2"}))
