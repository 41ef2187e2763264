"""Requests: which members a command has, and that the server refuses all others."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Probe, Unmet, harmless_oob, refused, succeeded, without_id
from qmpconf.protocol.messages import Failure
from qmpconf.protocol.places import same

MEMBERS = {
    "empty": "{}",
    "no-command": '{"id": "seven"}',
    "only-arguments": '{"arguments": {}, "id": "seven"}',
    "unknown": '{"execute": "query-version", "id": "seven", "qmpconf-no-such-member": 1}',
    "unknown-null": '{"execute": "query-version", "id": "seven", "x": null}',
    "control": '{"execute": "query-version", "id": "seven", "control": {"run-oob": true}}',
    "both": '{"execute": "query-version", "exec-oob": "query-version", "id": "seven"}',
    "upper-case": '{"Execute": "query-version", "id": "seven"}',
    "response": '{"return": {}, "id": "seven"}',
    "event": '{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 1}}',
    "old-style": '{"command": "query-version", "id": "seven"}',
}

NAMES = {
    "number": "1",
    "null": "null",
    "bool": "true",
    "array": '["query-version"]',
    "object": '{"query-version": {}}',
}

ARGUMENTS = {
    "null": "null",
    "array": "[]",
    "string": '"x"',
    "empty-string": '""',
    "number": "0",
    "bool": "false",
}


@case("request.members", each=MEMBERS, name="")
def _members(probe: Probe, text: str) -> None:
    """Members other than those of a command are refused, with the id."""
    _refused(probe, text, "seven" if '"id"' in text else None)


@case("request.execute-string", each=NAMES, name="")
def _execute(probe: Probe, name: str) -> None:
    """A command's name that is not a string is refused, with the id."""
    _refused(probe, '{"execute": ' + name + ', "id": "seven"}', "seven")


@case("request.arguments-object", each=ARGUMENTS, name="")
def _arguments(probe: Probe, value: str) -> None:
    """Arguments that are not an object are refused, with the id."""
    _refused(
        probe, '{"execute": "query-version", "arguments": ' + value + ', "id": "seven"}', "seven"
    )


def _refused(probe: Probe, text: str, identity: str | None) -> None:
    talk = probe.negotiated()
    said = talk.ask(text)
    message = refused(said)
    if identity is not None and not (message.has_id and same(message.id, identity)):
        rule = "response.id-echo"
        raise Unmet(f"the id {identity}", str(said), line=said.line, requirement=rule)
    succeeded(talk.ask({"execute": "query-version", "id": "good"}))


@case("request.arguments-object", name="left-out")
def _left_out(probe: Probe) -> None:
    """Arguments that are left out mean {}."""
    talk = probe.negotiated()
    succeeded(talk.ask({"execute": "query-version", "id": "1"}))
    succeeded(talk.ask({"execute": "query-version", "arguments": {}, "id": "2"}))


@case("request.members", name="order")
def _order(probe: Probe) -> None:
    """The order of a command's members means nothing."""
    talk = probe.negotiated()
    succeeded(talk.ask('{"id": "1", "arguments": {}, "execute": "query-version"}'))
    succeeded(talk.ask('{"arguments": {}, "execute": "query-version", "id": "2"}'))


VALUES = {
    "number": b"1",
    "fraction": b"-1.5e3",
    "string": b'"query-version"',
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "array": b"[]",
    "batch": b'[{"execute": "query-version"}]',
}


@case("request.non-object", each=VALUES, name="")
def _non_object(probe: Probe, text: bytes) -> None:
    """A value that is not an object gets GenericError, without an id."""
    talk = probe.negotiated()
    talk.send(text + b"\r\n")
    said = talk.reply()
    refused(said, "GenericError")
    without_id(said)
    succeeded(talk.ask({"execute": "query-version", "id": "good"}))


@case("request.oob-negotiated", name="refused")
def _oob_refused(probe: Probe) -> None:
    """Without oob enabled, exec-oob is refused, with the id."""
    talk = probe.negotiated()
    said = talk.ask({"exec-oob": harmless_oob(probe), "id": "seven"})
    message = refused(said)
    if not (message.has_id and same(message.id, "seven")):
        raise Unmet("the id seven", str(said), line=said.line, requirement="response.id-echo")
    succeeded(talk.ask({"execute": "query-version", "id": "8"}))


UNKNOWN = {
    "name": "qmpconf-no-such-command",
    "empty": "",
    "upper-case": "QUERY-VERSION",
    "underscore": "query_version",
    "space": "query-version ",
    "prefix": "query-versio",
    "longer": "query-versions",
    "event": "STOP",
    "unicode": "qu\u00e9ry-version",
    "zero": "query-version\0",
    "long": "x" * 4000,
}


@case("request.unknown-command", each=UNKNOWN, name="")
def _unknown(probe: Probe, name: str) -> None:
    """A command that does not exist gets CommandNotFound."""
    talk = probe.negotiated()
    if "\0" in name:  # a parser may take no U+0000 (RFC 8259 9)
        refused(talk.ask({"execute": name, "id": "1"}), "CommandNotFound", "GenericError")
        return
    refused(talk.ask({"execute": name, "id": "1"}), "CommandNotFound")
    refused(talk.ask({"execute": name, "arguments": {"x": 1}, "id": "2"}), "CommandNotFound")
    succeeded(talk.ask({"execute": "query-version", "id": "3"}))


@case("request.strict-arguments", name="query-version-unknown", needs=("query-version",))
def _strict(probe: Probe) -> None:
    """An argument that a command does not have is refused."""
    talk = probe.negotiated()
    for arguments in ('{"x": 1}', '{"": null}', '{"execute": {}}'):
        said = talk.ask('{"execute": "query-version", "arguments": ' + arguments + ', "id": "1"}')
        if not isinstance(said.message, Failure):
            raise Unmet("an error", str(said), line=said.line)
