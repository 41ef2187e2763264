"""The guest agent: syncs, 0xFF, order, what is silent, freezing; and what it shares with a monitor.

None of these cases changes the guest, but for those that are marked.
"""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import QUIET, Probe, Talk, Unmet, nothing_more, refused, succeeded
from qmpconf.protocol.dialect import QGA
from qmpconf.protocol.messages import Sentinel, Success
from qmpconf.protocol.values import Value, dumps

_AGENT = QGA.name

NUMBERS = {"zero": 0, "one": 1, "negative": -5, "greatest": 2**63 - 1, "least": -(2**63)}


@case("agent.unasked", name="silent-client", dialect=_AGENT)
def _silent(probe: Probe) -> None:
    """A client that says nothing gets nothing."""
    talk = probe.dial()
    for said in talk.quiet(QUIET):
        raise Unmet("nothing", str(said), line=said.line)


@case("agent.sync-echo", each=NUMBERS, name="", dialect=_AGENT)
def _echo(probe: Probe, number: int) -> None:
    """guest-sync returns its integer."""
    talk = probe.dial()
    _returns(talk, "guest-sync", number)


@case("agent.sentinel", each=NUMBERS, name="", dialect=_AGENT, needs=("guest-sync-delimited",))
def _delimited(probe: Probe, number: int) -> None:
    """guest-sync-delimited returns its integer, behind a 0xFF."""
    talk = probe.dial()
    _returns(talk, "guest-sync-delimited", number)


@case("agent.sentinel", name="no-other", dialect=_AGENT, needs=("guest-sync-delimited",))
def _no_other(probe: Probe) -> None:
    """Before an error, and before responses to other commands, stands no 0xFF."""
    talk = probe.synced()
    wrong = {"execute": "guest-sync-delimited", "arguments": {"id": "no integer"}}
    for command in (wrong, {"execute": "guest-ping"}, {"execute": "guest-info"}):
        line = talk.say(command)
        for said in talk.until_answered(line):
            if isinstance(said.message, Sentinel):
                raise Unmet("no byte 0xFF", "one", line=said.line)


@case("agent.line-feed", name="every-message", dialect=_AGENT)
def _line_feed(probe: Probe) -> None:
    """Successes and errors end in a line feed."""
    talk = probe.synced()
    succeeded(talk.ask({"execute": "guest-ping"}))
    refused(talk.ask({"execute": "qmpconf-no-such-command"}))
    succeeded(talk.ask({"execute": "guest-ping"}))


@case("agent.answered", name="sent-ahead", dialect=_AGENT)
def _ahead(probe: Probe) -> None:
    """Commands that are sent ahead are answered in order, all of them before the sync behind them."""
    talk = probe.synced()
    ping = b'{"execute": "guest-ping", "id": "%d"}\n'
    sync = b'{"execute": "guest-sync", "arguments": {"id": 77}}\n'
    line = talk.send(b"".join(ping % number for number in range(20)) + sync)
    heard = [said.message for said in talk.until_answered(line)]
    got = [one.id for one in heard if isinstance(one, Success) and one.has_id]
    if got != [str(number) for number in range(20)]:
        raise Unmet("responses to 20 commands in their order", dumps(got).decode(), line=line)


#: What an earlier client may have left in the agent's parser.
HALVES = {
    "nothing": b"",
    "object": b'{"execute": "guest-ping"',
    "string": b'{"execute": "guest-pi',
    "nested": b'{"execute": "guest-ping", "id": [[[{"a": [',
    "keyword": b'{"execute": "guest-ping", "id": tru',
    "garbage": b"@@@ }]",
}


@case("recovery.reset-byte", each=HALVES, name="agent", owns_silence=True, dialect=_AGENT)
def _reset(probe: Probe, half: bytes) -> None:
    """Behind a 0xFF a sync is read from its beginning, whatever came before."""
    talk = probe.dial()
    talk.send(half)
    talk.send(b"\xff")
    talk.settle(QUIET)
    _returns(talk, "guest-sync", 4711)


@case("recovery.after-error", name="agent", owns_silence=True, dialect=_AGENT)
def _after_error(probe: Probe) -> None:
    """Malformed input does not end the session."""
    talk = probe.synced()
    for text in (b'{"execute": }\n', b"@@@\n", b"]\n"):
        talk.send(text)
        talk.settle(QUIET)
    _returns(talk, "guest-sync", 4712)


@case(
    "request.unknown-command",
    each={"agent": "guest-no-such", "agent-of-qmp": "qmp_capabilities"},
    name="",
    dialect=_AGENT,
)
def _unknown(probe: Probe, name: str) -> None:
    """A command that it does not have is refused as CommandNotFound."""
    refused(probe.synced().ask({"execute": name}), "CommandNotFound")


@case(
    "request.non-object",
    each={"array": "[]", "string": '"x"', "number": "1 "},
    name="agent",
    dialect=_AGENT,
)
def _non_object(probe: Probe, text: str) -> None:
    """What is not an object is refused."""
    refused(probe.synced().ask(text), "GenericError")


@case(
    "response.id-echo",
    each={"null": None, "string": "x", "object": {"a": [1, None]}},
    name="agent",
    dialect=_AGENT,
)
def _ids(probe: Probe, value: Value) -> None:
    """An id comes back with success and error."""
    talk = probe.synced()
    succeeded(talk.ask({"execute": "guest-ping", "id": value}))
    refused(talk.ask({"execute": "qmpconf-no-such-command", "id": value}))


PIECES = {
    "no-newline": [b'{"execute": "guest-ping", "id": "good"}'],
    "lines": [b'\n{"execute":\r\n "guest-ping",\n "id": "good"}\n'],
    "split": [b'{"execute": "guest-p', b'ing", "id": "good"}\n'],
    "together": [b'{"execute": "guest-info"}{"execute": "guest-ping", "id": "good"}\n'],
}


@case("framing.by-value", each=PIECES, name="agent", dialect=_AGENT)
def _pieces(probe: Probe, pieces: list[bytes]) -> None:
    """A command is read by its JSON, in whatever pieces it comes."""
    talk = probe.synced()
    line = 0
    for piece in pieces:
        line = talk.send(piece)
    succeeded(talk.until_answered(line)[-1])


@case("session.half-close", name="agent", dialect=_AGENT)
def _half_close(probe: Probe) -> None:
    """A client that ends its direction gets what it asked for."""
    talk = probe.synced()
    line = talk.say({"execute": "guest-ping"})
    talk.shut()
    succeeded(talk.reply(line))
    nothing_more(talk.rest(QUIET))


@case("agent.sync-echo", name="next-client", dialect=_AGENT)
def _next_client(probe: Probe) -> None:
    """What one client has left behind does not keep the next one from its sync."""
    first = probe.synced()
    first.send(b'{"execute": "guest-info"}\n{"execute": "guest-pi')
    first.close()
    talk = probe.dial()
    talk.send(b"\xff")
    _returns(talk, "guest-sync-delimited", 4713)


@case(
    "agent.silent", name="suspend", dialect=_AGENT, destructive=True, needs=("guest-suspend-ram",)
)
def _suspend(probe: Probe) -> None:
    """A guest that is suspended, and wakes up, goes on without a response to that."""
    talk = probe.synced()
    talk.say({"execute": "guest-suspend-ram"})
    _returns(talk, "guest-sync", 4714)


@case(
    "agent.frozen-refused",
    name="freeze",
    dialect=_AGENT,
    destructive=True,
    needs=("guest-fsfreeze-freeze", "guest-fsfreeze-thaw", "guest-get-time"),
)
def _freeze(probe: Probe) -> None:
    """Frozen, it takes what thaws it and little else; thawed, it goes on."""
    talk = probe.synced()
    frozen = succeeded(talk.ask({"execute": "guest-fsfreeze-freeze"})).result
    try:
        if frozen:
            succeeded(talk.ask({"execute": "guest-ping"}))
            refused(talk.ask({"execute": "guest-get-time"}), "CommandNotFound")
    finally:
        succeeded(talk.ask({"execute": "guest-fsfreeze-thaw"}))
    succeeded(talk.ask({"execute": "guest-get-time"}))


def _returns(talk: Talk, name: str, number: int) -> None:
    """Raises Unmet unless a sync returns its integer."""
    said = succeeded(talk.ask({"execute": name, "arguments": {"id": number}}))
    if said.result != number:
        raise Unmet(str(number), str(said), line=said.line)
