"""Out-of-band execution: who may, that it overtakes, and how long the queue is."""

from __future__ import annotations

from collections.abc import Sequence

from qmpconf.conform.cases import case
from qmpconf.conform.probe import (
    Inconclusive,
    NotApplicable,
    Probe,
    Said,
    Talk,
    Unmet,
    refused,
    succeeded,
)
from qmpconf.protocol.values import Value

#: Commands that are harmless out of band: with these arguments they change nothing, whether they
#: succeed or fail.
HARMLESS: dict[str, dict[str, Value]] = {
    "query-yank": {},
    "migrate-pause": {},
    "migrate-recover": {"uri": "unix:/qmpconf/no/such/socket"},
}
#: Commands that take a server a while, and change nothing.
SLOW = ("query-qmp-schema", "query-commands", "query-version")
_QUEUED = 5

#: Tries that an out-of-band command has to overtake, seconds for which the others must keep the
#: client waiting in each of them for it to be a failure, and times of what five quick ones do.
_TRIES = 5
_MEASURABLE = 0.02
_SLOWER = 5.0


def _allowed(probe: Probe) -> tuple[str, dict[str, Value]]:
    catalog = probe.facts.catalog
    for name, arguments in HARMLESS.items():
        if name in probe.facts.commands:
            known = catalog.commands.get(name) if catalog else None
            if known is None or known.allow_oob:
                return name, arguments
    raise NotApplicable("the target has no harmless command that may be executed out of band")


def _forbidden(probe: Probe) -> str:
    """A harmless command that may not be executed out of band, as far as the target's schema says."""
    catalog = probe.facts.catalog
    for name in reversed(SLOW):
        known = catalog.commands.get(name) if catalog else None
        there = name == SLOW[-1] or probe.has(name)
        if there and not (known and known.allow_oob):
            return name
    raise NotApplicable("every harmless command of the target may be executed out of band")


def _out_of_band(probe: Probe, identity: str) -> dict[str, Value]:
    name, arguments = _allowed(probe)
    return {"exec-oob": name, "arguments": arguments, "id": identity}


def _in_band(count: int, name: str = SLOW[-1]) -> list[dict[str, Value]]:
    return [{"execute": name, "id": f"{name}-{number}"} for number in range(count)]


@case("oob.overtakes", name="queue", needs=("oob",), owns_silence=True)
def _overtakes(probe: Probe) -> None:
    """An out-of-band command behind five slow ones is answered before the last of them.

    Where they are not slow, there is nothing to overtake: what was answered when the command came
    is before it, however long it takes to be read.
    """
    slow = next((name for name in SLOW if probe.has(name)), SLOW[-1])
    tries = []
    for _ in range(_TRIES):
        talk = probe.negotiated("oob")
        pace, _ = _waited(talk, _in_band(_QUEUED))
        took, heard = _waited(talk, [*_in_band(_QUEUED, slow), _out_of_band(probe, "oob")])
        if sum(1 for said in heard[:-1] if said.answers) < _QUEUED:
            talk.barrier()
            return
        tries.append((took, took >= max(_MEASURABLE, _SLOWER * pace)))
        talk.close()
    least = min(took for took, _ in tries)
    if not all(measurable for _, measurable in tries):
        raise Inconclusive(
            f"in-band commands were carried out at once ({least * 1000:.0f} ms): nothing to overtake"
        )
    raise Unmet(
        "the response to the out-of-band command before that to the last of five in-band ones",
        f"it came last, and the server was waited for {least * 1000:.0f} ms or longer, in {_TRIES} tries",
        line=heard[-1].line,
    )


def _waited(talk: Talk, commands: Sequence[dict[str, Value]]) -> tuple[float, list[Said]]:
    """For how many seconds the server was waited for until the last of these commands was answered, and what came.

    The time in which what it has said is read does not count.
    """
    before = talk.waited
    heard = talk.until_answered(talk.say_all(commands)[-1])
    return talk.waited - before, heard


@case("oob.overtakes", name="answered", needs=("oob",))
def _answered(probe: Probe) -> None:
    """An out-of-band command is understood once oob is enabled."""
    talk = probe.negotiated("oob")
    said = talk.ask(_out_of_band(probe, "oob"))
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
    name = _forbidden(probe)
    talk = probe.negotiated("oob")
    refused(talk.ask({"exec-oob": name, "id": "1"}))
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
    lines = talk.say_all([*_in_band(7), _out_of_band(probe, "oob")])
    talk.reply(lines[-1])
    talk.barrier()


@case("oob.queue", name="many", needs=("oob",), owns_silence=True)
def _many(probe: Probe) -> None:
    """Forty commands at once, in band and out of band, are all answered: none is dropped."""
    talk = probe.negotiated("oob")
    commands = _in_band(36)
    for place in (30, 20, 10, 0):
        commands.insert(place, _out_of_band(probe, f"oob-{place}"))
    for _ in talk.replies(talk.say_all(commands)):
        pass


@case("oob.id", name="without", needs=("oob",))
def _without_id(probe: Probe) -> None:
    """With oob enabled, in-band commands work with an id, and their responses keep their order."""
    talk = probe.negotiated("oob")
    for number in range(3):
        succeeded(talk.ask({"execute": "query-version", "id": str(number)}))
