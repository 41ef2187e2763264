"""Framing and encoding: what the server's bytes look like, and how it cuts what it reads."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import NotApplicable, Probe, Unmet, refused, succeeded
from qmpconf.protocol.messages import Failure
from qmpconf.protocol.places import same
from qmpconf.protocol.values import dumps
from qmpconf.text import counted


@case("framing.object", name="replies")
def _replies(probe: Probe) -> None:
    """Greeting, success and errors are objects."""
    talk = probe.negotiated()
    talk.barrier()
    talk.ask({"execute": "qmpconf-no-such-command", "id": "1"})
    talk.ask("{}")


@case("framing.crlf", name="replies")
def _crlf(probe: Probe) -> None:
    """Greeting, success and errors end in CR LF."""
    talk = probe.negotiated()
    talk.ask({"execute": "qmpconf-no-such-command", "id": "1"})
    talk.ask("{}")
    talk.ask({"execute": "query-commands", "id": "2"})
    talk.barrier()


TEXTS = {
    "latin": "h\u00e9llo",
    "bmp": "\u65e5\u672c\u8a9e",
    "astral": "\U0001f600 \U00010000 \U0010fffd",
    "delete": "a\x7fb",
    "control": "\b\f\n\r\t\x01\x1f",
    "quotes": "\"'\\/",
    "zero": "a\x00b",
}


@case("framing.ascii", each=TEXTS, name="id")
def _ascii_id(probe: Probe, text: str) -> None:
    """An id comes back in ASCII, the same by value."""
    talk = probe.negotiated()
    said = talk.ask({"execute": "query-version", "id": text})
    if "\0" in text and not said.ok:
        raise NotApplicable("the target takes no U+0000, as a parser may (RFC 8259 9)")
    succeeded(said, requirement="response.id-echo")


@case("framing.ascii", each={name: TEXTS[name] for name in ("latin", "bmp", "astral")}, name="raw")
def _ascii_raw(probe: Probe, text: str) -> None:
    """Text that was sent as plain UTF-8 comes back in ASCII."""
    talk = probe.negotiated()
    line = talk.say('{"execute": "query-version", "id": "%s"}' % text)  # noqa: UP031 - full of braces
    succeeded(talk.reply(line), requirement="response.id-echo")


@case("framing.ascii", name="error")
def _ascii_error(probe: Probe) -> None:
    """An error that quotes what was sent does so in ASCII."""
    talk = probe.negotiated()
    refused(talk.ask('{"execute": "qmpconf-\u00e9-\u65e5-\U0001f600", "id": "1"}'))


@case("framing.valid-json", name="numbers", each={"huge": b"1e400", "minus-huge": b"-1e400"})
def _numbers(probe: Probe, number: bytes) -> None:
    """A number beyond all doubles is answered in valid JSON, whatever it is taken for."""
    talk = probe.negotiated()
    talk.send(b'{"execute": "query-version", "id": ' + number + b"}\r\n")
    talk.hear()
    talk.barrier()


@case("framing.valid-json", name="strings")
def _strings(probe: Probe) -> None:
    """Quotes, backslashes and control characters are escaped, in ids and in errors."""
    talk = probe.negotiated()
    odd = "".join(map(chr, range(1, 0x20))) + '"\\/\x7f\u2028\ufffd'
    succeeded(talk.ask({"execute": "query-version", "id": odd}))
    refused(talk.ask({"execute": odd, "id": "1"}))


# --- how the server cuts what it reads -----------------------------------------------------------

PAIR = b'{"execute": "query-version", "id": "1"}', b'{"execute": "query-version", "id": "2"}'

WRITES = {
    "one-line": [b" ".join(PAIR) + b"\r\n"],
    "no-space": [b"".join(PAIR) + b"\n"],
    "two-lines": [b"\r\n".join(PAIR) + b"\r\n"],
    "no-newline": list(PAIR),
    "line-feed": [one + b"\n" for one in PAIR],
    "carriage-return": [one + b"\r" for one in PAIR],
    "blank-lines": [b"\r\n\r\n \t" + PAIR[0] + b"\n\n\n\r\n" + PAIR[1] + b"\r\n"],
    "several-lines": [one.replace(b" ", b"\r\n\t ") + b"\r\n" for one in PAIR],
    "spaces": [one.replace(b" ", b" " * 50).replace(b",", b" , ") + b"\r\n" for one in PAIR],
    "split": [PAIR[0][:13], PAIR[0][13:] + PAIR[1][:25], PAIR[1][25:] + b"\r\n"],
    "split-string": [PAIR[0][:16], PAIR[0][16:] + b"\r\n", PAIR[1]],
    "split-after": [PAIR[0] + b"\r", b"\n" + PAIR[1] + b"\r", b"\n"],
}


@case("framing.by-value", each=WRITES, name="", owns_silence=True)
def _writes(probe: Probe, writes: list[bytes]) -> None:
    """Two commands are answered, however they are spread over lines and writes."""
    talk = probe.negotiated()
    for data in writes:
        talk.send(data)
    for number in (1, 2):
        said = talk.reply()
        if not said.ok:
            raise Unmet(f"success for command {number} of 2", str(said), line=said.line)


@case("framing.by-value", name="byte-by-byte", owns_silence=True)
def _byte_by_byte(probe: Probe) -> None:
    """Commands whose bytes come one by one are answered."""
    talk = probe.negotiated()
    talk.slowly(b"".join(PAIR))
    succeeded(talk.reply())
    succeeded(talk.reply())


@case("framing.by-value", name="split-character", owns_silence=True)
def _split_character(probe: Probe) -> None:
    """A character whose bytes come in several writes is read as one."""
    talk = probe.negotiated()
    data = '{"execute": "query-version", "id": "\u00e9\u65e5\U0001f600\\n"}'.encode()
    line = talk.slowly(data)
    said = succeeded(talk.reply(line))
    if not same(getattr(said.message, "id", None), "\u00e9\u65e5\U0001f600\n"):
        raise Unmet("the same characters", str(said), line=said.line)


@case("framing.by-value", name="negotiation", owns_silence=True)
def _merged_negotiation(probe: Probe) -> None:
    """A command in the same write as qmp_capabilities is answered."""
    talk = probe.connect()
    line = talk.send(b'{"execute":"qmp_capabilities"}{"execute":"query-version","id":2}\n')
    succeeded(talk.reply(line))


@case("framing.by-value", name="pipelined", owns_silence=True)
def _pipelined(probe: Probe) -> None:
    """Forty commands in one write are all answered."""
    talk = probe.negotiated()
    commands = [dumps({"execute": "query-version", "id": str(number)}) for number in range(40)]
    last = talk.send(b"\n".join(commands) + b"\n")
    answers = [said for said in talk.until_answered(last) if said.answers]
    if len(answers) != len(commands):
        raise Unmet(counted(len(commands), "response"), f"{len(answers)}", line=last)


# --- text that is tolerated, or not ----------------------------------------------------------------


@case("framing.dialect", name="input")
def _dialect(probe: Probe) -> None:
    """Strings in single quotes are taken or refused, and never sent."""
    talk = probe.negotiated()
    talk.send(b"{'execute': 'query-version', 'id': 'it\\'s'}\r\n")
    talk.hear(0.3)
    talk.barrier()


DUPLICATES = {
    "command": '{"execute": "query-version", "execute": "query-version"}',
    "id": '{"execute": "query-version", "id": "1", "id": "2"}',
    "arguments": '{"execute": "query-version", "arguments": {}, "arguments": {}}',
    "nested": '{"execute": "query-version", "id": {"a": [{"b": 1, "b": 1}]}}',
    "escaped": '{"execute": "query-version", "i\\u0064": 1, "id": "2"}',
}


@case("framing.duplicate-member", each=DUPLICATES, name="")
def _duplicates(probe: Probe, text: str) -> None:
    """A member that stands twice is refused."""
    talk = probe.negotiated()
    line = talk.say(text)
    said = talk.reply()
    if not isinstance(said.message, Failure):
        raise Unmet("an error", str(said), line=said.line or line)
    talk.barrier()
