"""Out-of-band execution: who may, that it overtakes, and how long the queue is."""

from __future__ import annotations

import time

from qmpconf.conform.cases import case
from qmpconf.conform.probe import (
    Inconclusive,
    NotApplicable,
    Probe,
    Talk,
    Unmet,
    refused,
    succeeded,
)
from qmpconf.protocol.values import Value, dumps
from qmpconf.text import counted

#: Commands that are harmless out of band: with these arguments they change nothing, whether they
#: succeed or fail.
HARMLESS: dict[str, dict[str, Value]] = {
    "query-yank": {},
    "migrate-pause": {},
    "migrate-recover": {"uri": "unix:/qmpconf/no/such/socket"},
}
#: Commands that take a server a while, and change nothing.
SLOW = ("query-qmp-schema", "query-commands", "query-version")

#: Tries that an out-of-band command has to overtake, and seconds that the others must take then
#: for it to be a failure.
_TRIES = 5
_MEASURABLE = 0.02


def _allowed(probe: Probe) -> tuple[str, dict[str, Value]]:
    catalog = probe.facts.catalog
    for name, arguments in HARMLESS.items():
        if name in probe.facts.commands:
            known = catalog.commands.get(name) if catalog else None
            if known is None or known.allow_oob:
                return name, arguments
    raise NotApplicable("the target has no harmless command that may be executed out of band")


def _out_of_band(probe: Probe, identity: str) -> bytes:
    name, arguments = _allowed(probe)
    return dumps({"exec-oob": name, "arguments": arguments, "id": identity})


@case("oob.overtakes", name="queue", needs=("oob",), owns_silence=True)
def _overtakes(probe: Probe) -> None:
    """An out-of-band command behind five slow ones is answered before the last of them."""
    slow = next((name for name in SLOW if probe.has(name)), SLOW[-1])
    took = 0.0
    for _ in range(_TRIES):
        talk = probe.negotiated("oob")
        overtook, seconds, line = _race(talk, slow, _out_of_band(probe, "oob"))
        if overtook:
            return
        took = max(took, seconds)
        talk.close()
    if took < _MEASURABLE:
        raise Inconclusive(
            f"in-band commands were carried out at once ({took * 1000:.0f} ms): nothing to overtake"
        )
    raise Unmet(
        "the response to the out-of-band command before that to the last of five in-band ones",
        f"it came last, {took * 1000:.0f} ms after it was sent, in {_TRIES} tries",
        line=line,
    )


def _race(talk: Talk, slow: str, oob: bytes) -> tuple[bool, float, int]:
    """Whether `oob` overtook five `slow` commands, and after how many seconds it was answered."""
    queue = [dumps({"execute": slow, "id": f"slow-{number}"}) for number in range(5)]
    start = time.monotonic()
    line = talk.send(b"\n".join([*queue, oob]) + b"\n")
    before = talk.until_answered(line)
    seconds = time.monotonic() - start
    slow_ones = [said for said in before[:-1] if said.answers]
    talk.barrier()
    return len(slow_ones) < len(queue), seconds, before[-1].line


@case("oob.overtakes", name="answered", needs=("oob",))
def _answered(probe: Probe) -> None:
    """An out-of-band command is understood once oob is enabled."""
    talk = probe.negotiated("oob")
    said = talk.reply(talk.send(_out_of_band(probe, "oob") + b"\n"))
    name, arguments = _allowed(probe)
    if not arguments and name.startswith("query-"):
        succeeded(said)
    succeeded(talk.ask({"execute": "query-version", "id": "1"}))


@case("request.strict-arguments", name="out-of-band", needs=("oob",))
def _bad_arguments(probe: Probe) -> None:
    """An out-of-band command with wrong arguments is refused, with its id."""
    name, _ = _allowed(probe)
    talk = probe.negotiated("oob")
    arguments: dict[str, Value] = {"qmpconf-no-such-argument": 1}
    refused(talk.ask({"exec-oob": name, "arguments": arguments, "id": "bad"}))
    talk.barrier()


@case("oob.allowed-only", name="query-version", needs=("oob",))
def _allowed_only(probe: Probe) -> None:
    """exec-oob of a command that does not allow it is refused."""
    talk = probe.negotiated("oob")
    refused(talk.ask({"exec-oob": "query-version", "id": "1"}))
    succeeded(talk.ask({"execute": "query-version", "id": "2"}))


@case("oob.allowed-only", name="unknown-command", needs=("oob",))
def _oob_unknown(probe: Probe) -> None:
    """exec-oob of a command that does not exist gets CommandNotFound."""
    talk = probe.negotiated("oob")
    refused(talk.ask({"exec-oob": "qmpconf-no-such-command", "id": "1"}), "CommandNotFound")
    succeeded(talk.ask({"execute": "query-version", "id": "2"}))


@case("oob.queue", name="eight", needs=("oob",), owns_silence=True)
def _eight(probe: Probe) -> None:
    """With seven in-band commands in flight, an out-of-band command is still answered."""
    talk = probe.negotiated("oob")
    queue = [dumps({"execute": "query-version", "id": str(number)}) for number in range(7)]
    line = talk.send(b"\n".join([*queue, _out_of_band(probe, "oob")]) + b"\n")
    talk.reply(line)
    talk.barrier()


@case("oob.queue", name="many", needs=("oob",), owns_silence=True)
def _many(probe: Probe) -> None:
    """Forty commands at once, in band and out of band, are all answered: none is dropped."""
    talk = probe.negotiated("oob")
    commands = [dumps({"execute": "query-version", "id": str(number)}) for number in range(36)]
    for place in (30, 20, 10, 0):
        commands.insert(place, _out_of_band(probe, f"oob-{place}"))
    talk.send(b"\n".join(commands) + b"\n")
    heard = talk.barrier()
    answered = sum(1 for said in heard if said.answers)
    answered += sum(1 for said in talk.quiet(0.05) if said.answers)
    if answered != len(commands):
        raise Unmet(counted(len(commands), "response"), f"{answered}")


@case("oob.id", name="without", needs=("oob",))
def _without_id(probe: Probe) -> None:
    """With oob enabled, in-band commands work with an id, and their responses keep their order."""
    talk = probe.negotiated("oob")
    for number in range(3):
        succeeded(talk.ask({"execute": "query-version", "id": str(number)}))
