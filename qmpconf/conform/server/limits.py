"""Limits: how deep a message may nest and how long it may be, and that more is not a catastrophe."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import Probe, Unmet, succeeded
from qmpconf.protocol.messages import Failure, Success
from qmpconf.protocol.places import same
from qmpconf.text import counted

#: Servers that read byte by byte need three seconds for a mebibyte, more on a busy machine.
_SLOW = 60.0
_RATE = 50_000  # bytes a second


@case(
    "limits.nesting",
    each={"ten": 10, "hundred": 100, "thousand": 1000},
    name="taken",
    owns_silence=True,
)
def _taken(probe: Probe, levels: int) -> None:
    """Values that nest up to 1024 levels are taken."""
    talk = probe.negotiated()
    nest = b"[" * levels + b"]" * levels
    line = talk.send(b'{"execute": "query-version", "id": ' + nest + b"}\n")
    succeeded(talk.reply(line))


@case(
    "limits.nesting",
    each={"arrays": (b"[", b"]"), "objects": (b'{"a":', b"}")},
    name="refused",
    owns_silence=True,
)
def _refused(probe: Probe, brackets: tuple[bytes, bytes]) -> None:
    """What nests deeper is answered in one way or the other, and the session goes on."""
    talk = probe.negotiated()
    nest = brackets[0] * 1100 + b"1" + brackets[1] * 1100
    talk.send(b'{"execute": "query-version", "id": ' + nest + b"}\n")
    good = talk.say({"execute": "query-version", "id": "good"})
    heard = talk.until_answered(good)[:-1]
    if not any(isinstance(said.message, Success | Failure) for said in heard):
        raise Unmet("an error for the nested value", "nothing")


@case("limits.nesting", name="brackets", owns_silence=True)
def _brackets(probe: Probe) -> None:
    """Three thousand brackets that are opened, and closed again, do no harm."""
    talk = probe.negotiated()
    talk.send(b"[" * 3000 + b"]" * 3000 + b"\n")
    talk.until_answered(talk.say({"execute": "query-version", "id": "good"}))


@case(
    "limits.size",
    each={"9-kib": 9 << 10, "100-kib": 100 << 10},
    name="string",
    owns_silence=True,
    limit=_SLOW,
)
def _string(probe: Probe, size: int) -> None:
    """A command with a long string is taken, and the string comes back whole."""
    _long(probe, size)


@case("limits.size", name="string-1-mib", owns_silence=True, slow=True, limit=_SLOW)
def _mebibyte(probe: Probe) -> None:
    """A command of a mebibyte is taken."""
    _long(probe, 1 << 20)


def _long(probe: Probe, size: int) -> None:
    talk = probe.negotiated()
    text = "0123456789abcdef" * (size // 16)
    line = talk.say({"execute": "query-version", "id": text})
    said = succeeded(talk.reply(line, more=size / _RATE))
    if not same(getattr(said.message, "id", None), text):
        raise Unmet(f"an id of {counted(len(text), 'character')}", "another one", line=said.line)


@case("limits.size", name="tokens", owns_silence=True, slow=True, limit=_SLOW)
def _tokens(probe: Probe) -> None:
    """More than 2 Mi tokens get an answer of some kind, and the session goes on."""
    talk = probe.negotiated()
    talk.send(b'{"execute": "query-version", "id": [' + b"," * (2 << 20))
    talk.send(b"\xff\n")
    good = talk.say({"execute": "query-version", "id": "good"})
    succeeded(talk.until_answered(good, more=(2 << 20) / _RATE)[-1])


@case("limits.size", name="many-members", owns_silence=True, limit=_SLOW)
def _many_members(probe: Probe) -> None:
    """An id that is an array of ten thousand numbers comes back whole."""
    talk = probe.negotiated()
    line = talk.say({"execute": "query-version", "id": list(range(10_000))})
    succeeded(talk.reply(line, more=60_000 / _RATE))


@case("limits.size", name="pipelined-100-kib", owns_silence=True, limit=_SLOW)
def _pipelined(probe: Probe) -> None:
    """Two thousand commands in one write are all answered, however many bytes they are."""
    talk = probe.negotiated()
    last = talk.send(b"".join(b'{"execute": "query-version", "id": %d}\n' % n for n in range(2000)))
    answered = sum(1 for said in talk.until_answered(last, more=100_000 / _RATE) if said.answers)
    if answered != 2000:
        raise Unmet("2000 responses", f"{answered}", line=last)
