"""Input that is not JSON, or not UTF-8: it is refused, in both phases, and the session goes on."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import QUIET, Probe, Said, Talk, Unmet, refused, succeeded
from qmpconf.conform.talk import AFTER_ERROR
from qmpconf.protocol.messages import Failure, Success

_COMMAND = b'{"execute": "query-version", "id": %b}'

#: Text that is not JSON (RFC 8259).
TEXTS = {
    "leading-zero": _COMMAND % b"01",
    "minus-leading-zero": _COMMAND % b"-01",
    "plus": _COMMAND % b"+1",
    "nan": _COMMAND % b"NaN",
    "infinity": _COMMAND % b"Infinity",
    "minus-infinity": _COMMAND % b"-Infinity",
    "hexadecimal": _COMMAND % b"0x10",
    "bare-point": _COMMAND % b".5",
    "point-at-end": _COMMAND % b"5.",
    "bare-exponent": _COMMAND % b"1e",
    "bare-minus": _COMMAND % b"-",
    "upper-keyword": _COMMAND % b"True",
    "unknown-keyword": _COMMAND % b"nil",
    "trailing-comma": b'{"execute": "query-version", "id": 1,}',
    "trailing-comma-array": _COMMAND % b"[1,]",
    "leading-comma": b'{, "execute": "query-version"}',
    "double-comma": b'{"execute": "query-version",, "id": 1}',
    "missing-comma": b'{"execute": "query-version" "id": 1}',
    "missing-colon": b'{"execute" "query-version"}',
    "missing-value": b'{"execute": "query-version", "id": }',
    "equals-sign": b'{"execute"="query-version"}',
    "bare-name": b'{execute: "query-version"}',
    "number-as-name": b'{"execute": "query-version", 1: 1}',
    "comment": b"/* c */",
    "comment-inside": b'{"execute": /* c */ "query-version"}',
    "tab-in-string": _COMMAND % b'"a\tb"',
    "newline-in-string": _COMMAND % b'"a\nb"',
    "zero-in-string": _COMMAND % b'"a\0b"',
    "zero-byte": b"\0",
    "unknown-escape": _COMMAND % b'"\\x41"',
    "short-escape": _COMMAND % b'"\\u41"',
    "escape-no-hexadecimal": _COMMAND % b'"\\u00zz"',
    "mismatched-brackets": b'{"execute": "query-version", "id": [1}}',
    "stray-brace": b"}",
    "stray-bracket": b"]",
    "stray-comma": b",",
    "stray-colon": b":",
    "words": b"hello monitor",
    "template": _COMMAND % b"%s",
}

#: Bytes in a string that are not UTF-8 (a reset byte is another matter, see `recovery`).
SEQUENCES = {
    "continuation-alone": b"\x80",
    "first-of-two-alone": b"\xc3",
    "first-of-three-alone": b"\xe6\x97",
    "first-of-four-alone": b"\xf0\x9f\x98",
    "overlong-slash": b"\xc0\xaf",
    "overlong-zero": b"\xc0\x80",
    "overlong-three": b"\xe0\x80\xaf",
    "overlong-four": b"\xf0\x80\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "surrogate-pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "five-bytes": b"\xf8\x88\x80\x80\x80",
    "latin1": b"caf\xe9",
}

#: Escapes that are half a pair: JSON, which says that nobody knows what they mean (RFC 8259 8.2).
HALVES = {
    "escape-high-surrogate": b"\\ud83d",
    "escape-low-surrogate": b"\\ude00",
    "escape-swapped-pair": b"\\ude00\\ud83d",
    "escape-high-then-text": b"\\ud83dx",
    "escape-high-then-other": b"\\ud83d\\u0041",
}


@case("framing.json-strict", each=TEXTS, name="")
def _strict(probe: Probe, text: bytes) -> None:
    """Text that is not JSON gets an error, and no command in it is carried out."""
    _refused(probe.negotiated(), text)


@case("framing.json-strict", each=TEXTS, name="negotiation")
def _strict_negotiation(probe: Probe, text: bytes) -> None:
    """Before negotiation, too, text that is not JSON gets an error, and no success."""
    talk = probe.connect()
    _refused(talk, text.replace(b"query-version", b"qmp_capabilities"))
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "good"}))


@case("framing.utf8-in", each=SEQUENCES, name="")
def _utf8(probe: Probe, sequence: bytes) -> None:
    """A string that is not UTF-8 is refused."""
    _refused(probe.negotiated(), _COMMAND % (b'"' + sequence + b'"'))


@case("framing.utf8-in", "framing.surrogates", each=HALVES, name="")
def _surrogates(probe: Probe, sequence: bytes) -> None:
    """A string that holds half a surrogate pair is refused."""
    _refused(probe.negotiated(), _COMMAND % (b'"' + sequence + b'"'), "framing.surrogates")


@case("framing.utf8-in", name="name")
def _utf8_name(probe: Probe) -> None:
    """Invalid UTF-8 in the name of a member or of a command is refused."""
    talk = probe.negotiated()
    _refused(talk, b'{"execute": "query-version", "i\xff\xfed": 1}')
    _refused(talk, b'{"execute": "query-version\x80"}')


def _refused(talk: Talk, text: bytes, rule: str = "") -> None:
    """Send what must be refused, and a good command: errors in between, and nothing else.

    What is not refused breaks `rule`, else the case's first requirement.
    """
    line = talk.send(text + b"\n")
    talk.settle(QUIET)  # one that takes a read for a command is another question
    good = talk.say({"execute": "query-version", "id": "good"})
    heard: list[Said] = []
    lost: Unmet | None = None
    try:
        heard.extend(talk.each_until(good, breaks=AFTER_ERROR))
    except Unmet as unmet:
        lost = unmet
    before = [said for said in heard if said.answers != good]
    for said in before:
        if isinstance(said.message, Success):
            raise Unmet("an error", str(said), line=said.line, requirement=rule)
    refused = any(isinstance(said.message, Failure) for said in before)
    if lost is not None:
        lost.shown = refused and lost.requirement == AFTER_ERROR
        raise lost
    if not refused:
        raise Unmet("an error", "the next command's response", line=line, requirement=rule)


@case("framing.utf8-in", name="valid")
def _utf8_valid(probe: Probe) -> None:
    """Every kind of valid UTF-8 is taken, as bytes and as escapes."""
    talk = probe.negotiated()
    for text in ("\u00e9", "\u0800", "\ud7ff\ue000", "\U00010000\U0010fffd"):
        succeeded(talk.ask('{"execute": "query-version", "id": "%s"}' % text))  # noqa: UP031 - full of braces
        succeeded(talk.ask({"execute": "query-version", "id": text}))


@case("request.non-object", name="negotiation")
def _scalar_negotiation(probe: Probe) -> None:
    """A value that is not an object gets GenericError before negotiation, too."""
    talk = probe.connect()
    for text in (b"1\n", b"[]\n", b'"qmp_capabilities"\n'):
        talk.send(text)
        refused(talk.reply(), "GenericError")
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "good"}))
