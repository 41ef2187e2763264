"""The greeting: it comes by itself, first, once, and says version and capabilities."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import (
    QUIET,
    Inconclusive,
    Probe,
    Talk,
    Unmet,
    harmless_oob,
    refused,
    succeeded,
)
from qmpconf.protocol.messages import DOWNSTREAM, Greeting


@case("greeting.unsolicited", name="silent-client", owns_silence=True)
def _unsolicited(probe: Probe) -> None:
    """A client that says nothing is greeted."""
    talk = probe.dial()
    talk.hear()
    if talk.greeting is None:
        seen = "the end of the session" if talk.ended else f"nothing in {probe.patience:g} s"
        raise Unmet("a greeting", seen)


@case("greeting.first", name="first-and-once")
def _first(probe: Probe) -> None:
    """The greeting is the first message, and does not come again."""
    talk = probe.dial()
    said = talk.hear()
    if said is not None and talk.greeting is not said:
        raise Unmet("the greeting", str(said), line=said.line)
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "1"}))
    for said in talk.barrier():
        if said.outcome == "greeting":
            raise Unmet("one greeting", "a second one", line=said.line)


@case("greeting.first", name="hasty-client")
def _hasty(probe: Probe) -> None:
    """A client that writes before it has read the greeting gets the greeting first."""
    talk = probe.dial()
    line = talk.say({"execute": "qmp_capabilities", "id": "1"})
    said = talk.hear()
    if said is None or talk.greeting is not said:
        raise Unmet("the greeting", str(said) if said else "nothing", line=said.line if said else 0)
    succeeded(talk.reply(line))


@case("greeting.shape", name="members")
def _shape(probe: Probe) -> None:
    """The greeting has a version of three integers, a package and a list of capabilities."""
    probe.connect()


@case("greeting.shape", name="query-version", needs=("query-version",))
def _query_version(probe: Probe) -> None:
    """The greeting's version is what query-version returns."""
    talk = probe.negotiated()
    said = succeeded(talk.ask({"execute": "query-version", "id": "1"}))
    told = probe.facts.greeting["QMP"]
    version = told.get("version") if isinstance(told, dict) else None
    if said.result != version:
        raise Unmet(f"the version of the greeting, {version}", f"{said.result}", line=said.line)


@case("greeting.each-session", name="reconnect")
def _reconnect(probe: Probe) -> None:
    """Ten sessions, one after the other, each begin alike: the same greeting, then the gate."""
    told = []
    for _ in range(10):
        talk = _greeted_again(probe)
        if talk.greeting is not None:
            told.append((talk.greeting.message.value, talk.greeting.line))
        said = talk.ask({"execute": "query-commands", "id": "1"})
        refused(said, "CommandNotFound")
        succeeded(talk.ask({"execute": "qmp_capabilities", "id": "2"}))
        succeeded(talk.ask({"execute": "query-version", "id": "3"}))
        talk.close()
    for value, line in told:
        if value != told[0][0]:
            raise Unmet("the greeting of the first session", f"{value}", line=line)


def _greeted_again(probe: Probe) -> Talk:
    """A session of a server that has greeted before; silence breaks the rule."""
    if not probe.facts.greeting:
        return probe.connect()
    talk = probe.dial()
    said = talk.hear()
    if said is None:
        seen = "the end of the session" if talk.ended else f"nothing in {probe.patience:g} s"
        raise Unmet("a greeting, as in an earlier session", seen)
    if talk.greeting is None:
        raise Inconclusive(f"no greeting to begin with: got {said}")
    return talk


LEFT = {
    "object": b'{"execute": "query-version", "id": [1, {"a": ',
    "string": b'{"execute": "query-ver',
    "escape": b'{"execute": "query-version\\u00',
    "character": b'{"execute": "\xe6\x97',
    "error": b"@@@ no JSON",
}


@case("greeting.each-session", each=LEFT, name="fresh-parser", owns_silence=True)
def _fresh_parser(probe: Probe, text: bytes) -> None:
    """What a session left half-sent does not meet the next one."""
    talk = probe.negotiated()
    talk.send(text)
    talk.close()
    talk = probe.connect()
    succeeded(talk.ask({"execute": "qmp_capabilities", "id": "1"}))
    succeeded(talk.ask({"execute": "query-version", "id": "2"}))


@case("greeting.each-session", name="no-oob-left")
def _no_oob_left(probe: Probe) -> None:
    """A capability that one session enabled is not enabled in the next one."""
    if "oob" in probe.facts.offered:
        probe.negotiated("oob").close()
    else:
        probe.negotiated().close()
    talk = probe.negotiated()
    refused(talk.ask({"exec-oob": harmless_oob(probe), "id": "1"}))


@case("capabilities.known", name="offered")
def _capabilities(probe: Probe) -> None:
    """Every capability that is offered is oob, or has a downstream prefix, and stands there once."""
    talk = probe.connect()
    greeting = talk.greeting.message if talk.greeting else None
    names = greeting.capabilities if isinstance(greeting, Greeting) else ()
    for name in names:
        if name != "oob" and not DOWNSTREAM.match(name):
            raise Unmet("oob, or a downstream name", repr(name))
    if len(set(names)) < len(names):
        raise Unmet("each capability once", ", ".join(names))


@case("capabilities.known", name="can-be-enabled")
def _can_be_enabled(probe: Probe) -> None:
    """Every capability that is offered can be enabled, alone and with the others."""
    offered = probe.facts.offered
    for names in [[name] for name in offered] + [list(reversed(offered))]:
        talk = probe.connect()
        arguments = {"enable": names} if names else {}
        succeeded(talk.ask({"execute": "qmp_capabilities", "arguments": arguments, "id": "1"}))
        talk.close()


@case("negotiation.no-events", name="quiet")
def _quiet(probe: Probe) -> None:
    """After an event-rich session, the next one sees no event before negotiation is done."""
    talk = probe.negotiated()
    if probe.has("stop", "cont"):
        for name in ("stop", "cont", "stop"):
            talk.ask({"execute": name, "id": name})
    talk.close()
    talk = probe.connect()
    for said in talk.quiet(QUIET):
        if said.outcome == "event":
            raise Unmet("no event before negotiation", str(said), line=said.line)
