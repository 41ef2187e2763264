"""Recovery: after malformed input the session goes on, and 0xFF starts the parser anew."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import QUIET, Probe, Talk, Unmet, succeeded
from qmpconf.protocol.messages import Failure, Success

STORMS = {
    "once": b"@\n",
    "many-lines": b'{"execute": nonsense}\n' * 300,
    "stray-braces": b"}" * 300 + b"\n",
    "stray-brackets": b"]" * 300 + b"\n",
    "garbage": bytes(range(1, 0xFE)) * 4 + b"\n",
    "binary-zeros": bytes(500) + b"\n",
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "long-word": b"x" * 20_000 + b"\n",
}


@case("recovery.after-error", "recovery.reset-byte", each=STORMS, name="")
def _storms(probe: Probe, text: bytes) -> None:
    """After malformed input, however much, and a 0xFF a good command is answered."""
    talk = probe.negotiated()
    talk.send(text)
    talk.send(b"\xff\n")
    talk.settle(QUIET)
    good = talk.say({"execute": "query-version", "id": "good"})
    succeeded(talk.until_answered(good, breaks="recovery.reset-byte")[-1])


@case("recovery.after-error", name="negotiation", owns_silence=True)
def _negotiation(probe: Probe) -> None:
    """Malformed input before negotiation does not end the session, either."""
    talk = probe.connect()
    talk.send(b'{"execute": }\n@@@\n]\n')
    talk.settle(QUIET)
    good = talk.say({"execute": "qmp_capabilities", "id": "good"})
    succeeded(talk.until_answered(good)[-1])


@case("recovery.after-error", name="between-good-ones", owns_silence=True)
def _between(probe: Probe) -> None:
    """Good commands between malformed ones are all answered."""
    talk = probe.negotiated()
    for number in range(10):
        talk.send(b'{"bad" %d}\n' % number)
        talk.settle(QUIET)
        line = talk.say({"execute": "query-version", "id": str(number)})
        succeeded(talk.until_answered(line)[-1])


BEFORE = {
    "idle": b"",
    "object": b'{"execute": "query-version"',
    "string": b'{"execute": "query-ver',
    "escape": b'{"execute": "query\\',
    "unicode-escape": b'{"execute": "query\\u00',
    "nested": b'{"execute": "query-version", "id": [[[{"a": [',
    "number": b'{"execute": "query-version", "id": 12',
    "keyword": b'{"execute": "query-version", "id": tru',
    "character": b'{"execute": "\xe6\x97',
    "error": b"@@@ garbage",
    "single-quotes": b"{'execute': 'query",
}


@case("recovery.reset-byte", each=BEFORE, name="", owns_silence=True)
def _reset(probe: Probe, text: bytes) -> None:
    """Behind a 0xFF a command is read from its beginning, whatever came before."""
    talk = probe.negotiated()
    talk.send(text)
    talk.send(b"\xff")
    talk.settle(QUIET)
    _goes_on(talk)


@case("recovery.reset-byte", name="one-write", owns_silence=True)
def _one_write(probe: Probe) -> None:
    """A 0xFF between half a command and a good one works in one write, too."""
    talk = probe.negotiated()
    good = b'{"execute": "query-version", "id": "good"}\n'
    line = talk.send(b'{"execute": "query-version", "id": "bad\xff' + good)
    for said in talk.until_answered(line)[:-1]:
        if isinstance(said.message, Success):
            raise Unmet("no success for half a command", str(said), line=said.line)


@case("recovery.reset-byte", name="negotiation", owns_silence=True)
def _reset_negotiation(probe: Probe) -> None:
    """A client may begin with a 0xFF, before it negotiates."""
    talk = probe.connect()
    talk.send(b"\xff")
    good = talk.say({"execute": "qmp_capabilities", "id": "good"})
    succeeded(talk.until_answered(good)[-1])


@case("recovery.reset-byte", name="many", owns_silence=True)
def _many(probe: Probe) -> None:
    """A hundred resets are no worse than one."""
    talk = probe.negotiated()
    talk.send(b'\xff{"a": "\xff' * 50)
    _goes_on(talk)


def _goes_on(talk: Talk) -> None:
    good = talk.say({"execute": "query-version", "id": "good"})
    for said in talk.until_answered(good):
        if said.outcome not in ("event", "success") and not isinstance(said.message, Failure):
            raise Unmet("errors, then the response", str(said), line=said.line)
        if said.answers == good:
            succeeded(said)
