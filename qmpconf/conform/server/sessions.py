"""Connections: one client at a time, and what a half-closed session still gives."""

from __future__ import annotations

from qmpconf.conform.cases import case
from qmpconf.conform.probe import QUIET, Inconclusive, Probe, Unmet, refused, succeeded
from qmpconf.errors import TargetError

#: Seconds in which a second client must hear nothing.
_WAIT = 0.3
#: Seconds for which a client says nothing, twice.
_SILENCE = 1.2


@case("session.single", name="second-client")
def _single(probe: Probe) -> None:
    """A second client hears nothing until the first has gone, and is greeted then, or is served beside it."""
    first = probe.negotiated()
    try:
        second = probe.dial()
    except Inconclusive:
        first.barrier()
        return  # refused outright: it gets nothing, either
    first.barrier()  # the target has been at work since
    said = second.hear(_WAIT)
    if said is not None and second.greeting is None:
        raise Unmet("nothing for a second client, or a greeting", str(said), line=said.line)
    rule = "session.single"
    beside = second.greeting is not None
    if beside:
        second.settle(QUIET)
        if second.ended:
            raise Unmet("a session for a client that is greeted", "its end at once")
        gated = second.ask({"execute": "query-version", "id": "1"}, breaks=rule)
        refused(gated, "CommandNotFound")
        succeeded(second.ask({"execute": "qmp_capabilities", "id": "2"}, breaks=rule))
    succeeded(first.ask({"execute": "query-version", "id": "1"}, breaks=rule))
    first.close()
    if beside:
        succeeded(second.ask({"execute": "query-version", "id": "3"}, breaks=rule))
    if beside or second.ended:
        return
    second.hear()
    if second.greeting is None:
        raise Unmet("a greeting, once the first client has gone", "nothing")
    succeeded(second.ask({"execute": "qmp_capabilities", "id": "1"}, breaks=rule))


@case("session.single", name="first-is-not-disturbed")
def _undisturbed(probe: Probe) -> None:
    """Clients that come and go in the meantime do not disturb the session."""
    first = probe.negotiated()
    for _ in range(3):
        try:
            probe.target.connect(patient=False).close()
        except TargetError:
            break
    succeeded(first.ask({"execute": "query-version", "id": "1"}, breaks="session.single"))


@case("session.idle", name="silence", owns_silence=True, slow=True)
def _silence(probe: Probe) -> None:
    """A client may say nothing for a while, between two commands and in the middle of one."""
    talk = probe.negotiated()
    first, second = b'{"execute": "query-ver', b'sion", "id": "halves"}\n'
    for begun, rest in ((b"", first + second), (first, second)):
        talk.send(begun)
        if heard := [said for said in talk.quiet(min(_SILENCE, probe.patience)) if said.unfit]:
            raise Unmet("nothing that answers half a command", str(heard[0]), line=heard[0].line)
        if talk.ended:
            raise Unmet("a session that goes on", "its end", line=talk.latest)
        said = talk.reply(talk.send(rest))
        if (
            not said.ok
        ):  # where half of the command was forgotten, the other half has no id, and many faults
            follows = ("response.id-echo", "response.exactly-one")
            raise Unmet("success", str(said), line=said.line, follows=follows)


@case("session.half-close", name="pending", owns_silence=True)
def _half_close(probe: Probe) -> None:
    """After the client's end, what it has sent is answered, then the session ends."""
    talk = probe.negotiated()
    lines = [talk.say({"execute": "query-commands", "id": f"pending-{n}"}) for n in range(5)]
    talk.shut()
    answered = {said.answers for said in talk.rest()}
    missing = [line for line in lines if line not in answered]
    if missing:
        raise Unmet("5 responses", f"{5 - len(missing)}", line=missing[0])
    if not talk.ended:
        raise Unmet("the end of the session", f"nothing in {probe.patience:g} s")


@case("session.half-close", name="idle", owns_silence=True)
def _half_close_idle(probe: Probe) -> None:
    """A session without anything pending ends when the client's side does."""
    talk = probe.negotiated()
    talk.shut()
    talk.rest()
    if not talk.ended:
        raise Unmet("the end of the session", f"nothing in {probe.patience:g} s")


@case("session.half-close", name="at-once", owns_silence=True)
def _half_close_at_once(probe: Probe) -> None:
    """A client that goes before it has said anything does no harm."""
    talk = probe.dial()
    talk.shut()
    talk.rest()
    talk.close()
    again = probe.negotiated()
    again.barrier()


@case("session.half-close", name="partial", owns_silence=True)
def _half_close_partial(probe: Probe) -> None:
    """Half a command at the client's end is not carried out, and the next session is as ever."""
    talk = probe.negotiated()
    talk.send(b'{"execute": "query-version", "id": 1')
    talk.shut()
    for said in talk.rest():
        if said.ok:
            raise Unmet("no success for half a command", str(said), line=said.line)
    if not talk.ended:
        raise Unmet("the end of the session", f"nothing in {probe.patience:g} s")
    again = probe.connect()
    refused(again.ask({"execute": "query-version", "id": "1"}), "CommandNotFound")
