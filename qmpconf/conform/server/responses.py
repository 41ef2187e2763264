"""Responses: one for each command, in order, with its id, in one of two shapes."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import (
    QUIET,
    NotApplicable,
    Probe,
    Unmet,
    nothing_more,
    refused,
    succeeded,
    without_id,
)
from qmpconf.protocol.places import same
from qmpconf.protocol.values import dumps
from qmpconf.text import counted

#: Commands of a client that reads late: they, and their responses, are more than sockets keep.
LATE = 250

#: Seconds after which a server that takes nothing is taken for one that waits to be read.
STALLS = 0.5

IDS: dict[str, str] = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "negative": "-1",
    "large": "9007199254740993",
    "largest-signed": "9223372036854775807",
    "smallest-signed": "-9223372036854775808",
    "largest-unsigned": "18446744073709551615",
    "beyond-unsigned": "18446744073709551616",
    "fraction": "0.1",
    "whole-fraction": "1.0",
    "exponent": "1e3",
    "tiny": "1e-300",
    "empty-string": '""',
    "string": '"libvirt-17"',
    "digits": '"42"',
    "word-null": '"null"',
    "escapes": '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"',
    "long-string": '"' + "x" * 4000 + '"',
    "empty-array": "[]",
    "array": '[1, "two", null, [3.5, {}], true]',
    "empty-object": "{}",
    "object": '{"b": 1, "a": {"c": [null, {"d": "e"}]}}',
    "looks-like-error": '{"error": {"class": "GenericError", "desc": "x"}, "id": 1}',
}


#: JSON, and beyond what a parser need take.
_BEYOND = IDS["beyond-unsigned"]


@case("response.id-echo", each=IDS, name="success")
def _id_success(probe: Probe, text: str) -> None:
    """The id of a command that succeeds comes back, by value."""
    talk = probe.negotiated()
    said = talk.ask('{"execute": "query-version", "id": ' + text + "}")
    if text == _BEYOND and not said.ok:
        raise NotApplicable("the target refuses the number, as a parser may (RFC 8259 9)")
    succeeded(said)


@case("response.id-echo", each=IDS, name="error")
def _id_error(probe: Probe, text: str) -> None:
    """The id of a command that fails comes back, by value."""
    talk = probe.negotiated()
    refused(talk.ask('{"execute": "qmpconf-no-such-command", "id": ' + text + "}"))


@case(
    "response.id-echo",
    each={name: IDS[name] for name in ("null", "zero", "string", "object")},
    name="malformed",
)
def _id_malformed(probe: Probe, text: str) -> None:
    """The id of an object that is not a command comes back with its error."""
    talk = probe.negotiated()
    refused(talk.ask('{"id": ' + text + ', "qmpconf-no-such-member": 1}'))


@case("response.id-echo", name="negotiation")
def _id_negotiation(probe: Probe) -> None:
    """Ids come back in negotiation, with error and with success."""
    talk = probe.connect()
    refused(talk.ask({"execute": "query-version", "id": [1, None]}))
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": {"a": "b"}}))


@case("response.id-echo", name="equal-ids")
def _equal_ids(probe: Probe) -> None:
    """Commands with equal ids each get their response."""
    talk = probe.negotiated()
    last = talk.send(b'{"execute": "query-version", "id": 1}\n' * 5)
    heard = [said for said in talk.until_answered(last) if said.answers]
    if len(heard) != 5:
        raise Unmet("5 responses", f"{len(heard)}", line=last)


@case("response.id-absent", name="success")
def _no_id_success(probe: Probe) -> None:
    """A command without an id gets none with its success."""
    talk = probe.negotiated()
    talk.ask({"execute": "query-version", "id": "earlier"})
    without_id(succeeded(talk.ask({"execute": "query-version"})))


@case("response.id-absent", name="error")
def _no_id_error(probe: Probe) -> None:
    """A command without an id gets none with its error."""
    talk = probe.negotiated()
    talk.ask({"execute": "query-version", "id": "earlier"})
    for text in ('{"execute": "qmpconf-no-such-command"}', "{}", '{"execute": 1}'):
        said = talk.ask(text)
        refused(said)
        without_id(said)


@case("response.id-absent", name="parse-error")
def _no_id_parse_error(probe: Probe) -> None:
    """What cannot be read gets an error without an id, or with the one that was read before."""
    talk = probe.negotiated()
    talk.send(b'{"execute": "query-version", "id": 1 2}\n')
    for said in talk.until_answered(talk.say({"execute": "query-version", "id": "good"}))[:-1]:
        if said.outcome != "event" and not same(getattr(said.message, "id", None), 1):
            without_id(said)


@case("response.exactly-one", name="each")
def _each_one(probe: Probe) -> None:
    """Each of twenty commands, good and bad, gets one response, and nothing follows."""
    talk = probe.negotiated()
    names = ("query-version", "qmpconf-no-such-command")
    commands = [dumps({"execute": names[n % 2], "id": f"each-{n}"}) for n in range(20)]
    last = talk.send(b"\n".join(commands) + b"\n")
    heard = [said for said in talk.until_answered(last) if said.outcome != "event"]
    if len(heard) != 20:
        raise Unmet("20 responses", f"{len(heard)}", line=last)
    nothing_more(talk.quiet(QUIET))


ONES = {
    "success": b'{"execute": "query-version"}',
    "unknown-command": b'{"execute": "qmpconf-no-such-command"}',
    "not-a-command": b'{"qmpconf-no-such-member": [1, 2, {"execute": "query-version"}]}',
    "empty-object": b"{}",
    "array": b'[{"execute": "query-version"}, {"execute": "query-version"}]',
    "parse-error": b'{"execute" "query-version"}',
    "null-id": b'{"execute": "query-version", "id": null}',
}


@case("response.exactly-one", each=ONES, name="")
def _one(probe: Probe, text: bytes) -> None:
    """One message that is balanced JSON text gets one response."""
    talk = probe.negotiated()
    line = talk.send(text + b"\r\n")
    said = talk.hear()
    while said is not None and said.outcome == "event":
        said = talk.hear()
    if said is None:
        rule = "request.non-object" if text.startswith(b"[") else ""
        raise Unmet("one response", "none", line=line, requirement=rule)
    nothing_more(talk.quiet(QUIET))
    nothing_more(talk.barrier())


@case(
    "response.exactly-one",
    name="late-reader",
    needs=("query-commands",),
    slow=True,
    limit=60.0,
)
def _late_reader(probe: Probe) -> None:
    """A client that reads nothing until it has sent all, or can send no more, gets every response.

    A server may end such a session, to protect itself: that breaks a rule of limits, which is weaker,
    and it alone, although commands stay without a response, and a message without its end.
    """
    talk = probe.negotiated()
    pad = "x" * 1000
    commands = [dumps({"execute": "query-commands", "id": f"{n}-{pad}"}) for n in range(LATE)]
    last = talk.pile(b"\n".join(commands) + b"\n", STALLS)
    try:
        heard = talk.until_answered(last)
    except Unmet:
        if talk.ended:
            raise Unmet(
                "every response, once the client reads",
                "the end of the session",
                line=last,
                requirement="limits.size",
                follows=("response.exactly-one", "framing.object"),
            ) from None
        raise
    answered = sum(1 for said in heard if said.answers)
    if answered != LATE:
        raise Unmet(counted(LATE, "response"), f"{answered}", line=last)


@case("response.exactly-one", name="quit", needs=("quit",), destructive=True)
def _quit(probe: Probe) -> None:
    """Quit is answered, or the session ends; nothing else comes but events."""
    talk = probe.negotiated()
    line = talk.say({"execute": "quit", "id": "quit"})
    for said in talk.rest():
        if said.answers == line:
            succeeded(said)
        elif said.outcome != "event":
            raise Unmet("events and one response", str(said), line=said.line)
    if not talk.ended:
        raise Unmet("the end of the session", f"nothing in {probe.patience:g} s", line=line)


@case("response.members", name="shapes")
def _members(probe: Probe) -> None:
    """Successes and errors have return or error, and id; nothing else."""
    talk = probe.negotiated()
    succeeded(talk.ask({"execute": "query-version", "id": "1"}))
    succeeded(talk.ask({"execute": "query-version"}))
    refused(talk.ask({"execute": "qmpconf-no-such-command", "id": "2"}))
    refused(talk.ask({"execute": "qmpconf-no-such-command"}))
    refused(talk.ask("{}"))


@case("response.void", name="qmp-capabilities")
def _void(probe: Probe) -> None:
    """qmp_capabilities, which returns nothing, returns {}."""
    talk = probe.connect()
    said = succeeded(talk.ask({"execute": "qmp_capabilities", "id": "1"}))
    if said.result != {}:
        raise Unmet("{}", str(said), line=said.line)


@case("response.void", name="stop", needs=("stop",))
def _void_stop(probe: Probe) -> None:
    """stop, which returns nothing, returns {}."""
    talk = probe.negotiated()
    said = succeeded(talk.ask({"execute": "stop", "id": "1"}))
    if said.result != {}:
        raise Unmet("{}", str(said), line=said.line)


ERRORS: dict[str, bytes] = {
    "unknown-command": b'{"execute": "qmpconf-no-such-command", "id": "1"}',
    "unknown-argument": b'{"execute": "query-version", "arguments": {"x": 1}, "id": "1"}',
    "not-a-command": b'{"id": "1"}',
    "array": b"[]",
    "parse-error": b'{"a": }',
    "lexical-error": b"@",
}


@case("response.error-shape", "response.error-class", each=ERRORS, name="")
def _error_shape(probe: Probe, text: bytes) -> None:
    """An error has a class, one of five, and a description, and nothing else."""
    talk = probe.negotiated()
    talk.send(text + b"\r\n")
    breaks = "request.non-object" if text == b"[]" else ""
    message = refused(talk.reply(breaks=breaks), requirement=breaks)
    if not message.description:
        raise Unmet("a description", "an empty one")
    talk.barrier()


@case("response.error-class", name="negotiation")
def _error_class_negotiation(probe: Probe) -> None:
    """Errors before negotiation have one of the five classes, too."""
    talk = probe.connect()
    refused(talk.ask({"execute": "query-version", "id": "1"}))
    refused(talk.ask("{}"))


@case("response.in-order", name="mixed")
def _in_order(probe: Probe) -> None:
    """Successes and errors of pipelined commands come in the order of the commands."""
    talk = probe.negotiated()
    names = ("query-version", "qmpconf-no-such-command", "query-commands")
    commands = [
        dumps({"execute": names[number % 3], "id": f"order-{number}"}) for number in range(15)
    ]
    last = talk.send(b"\r\n".join(commands) + b"\r\n")
    lines = range(last - len(commands) + 1, last + 1)
    heard = [said for said in talk.until_answered(lines[-1]) if said.answers]
    for line, said in zip(lines, heard, strict=False):
        if said.answers != line:
            raise Unmet(
                f"the response to the command in line {line}",
                f"that to line {said.answers}",
                line=said.line,
            )


@case("response.in-order", name="long-and-short")
def _long_and_short(probe: Probe) -> None:
    """A short response does not overtake a long one."""
    probe.need("query-qmp-schema")
    talk = probe.negotiated()
    first = talk.say({"execute": "query-qmp-schema", "id": "long"})
    second = talk.say({"execute": "query-version", "id": "short"})
    answers = [said.answers for said in talk.until_answered(second) if said.answers]
    if answers != [first, second]:
        raise Unmet("the long response first", "the short one", line=second)
