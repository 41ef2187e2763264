"""Cases out of the target's catalog: every safe query, and wrong arguments for every command.

The catalog is the target's own introspection where it has one.  Against another one (a document, a
shipped catalog of a near version) what the server takes beyond it is not a breach, and such cases
come out as inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice

from qmpconf.conform.cases import Case
from qmpconf.conform.dangerous import danger
from qmpconf.conform.deep import Wrong, deep_arguments, plan
from qmpconf.conform.instances import UNKNOWN_ARGUMENT, Impossible, arguments, misfits
from qmpconf.conform.probe import Inconclusive, Probe, Said, Talk, Unmet
from qmpconf.conform.target import Facts
from qmpconf.protocol.dialect import of_product
from qmpconf.protocol.messages import Failure, Success, brief, brief_pair
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog, Command
from qmpconf.schema.walk import shape_of

#: What must be the same before and after a command that was refused.
STATE = (
    "query-status",
    "query-name",
    "query-chardev",
    "query-named-block-nodes",
    "query-jobs",
    "query-iothreads",
)

#: Requirements whose cases look at nothing but the answers that they get.
OF_CATALOG = frozenset({"schema.return", "request.strict-arguments"})

#: The one command that cannot be called in command mode.
_NEGOTIATE = "qmp_capabilities"

#: Wrong arguments that are tried of one command, at most.
_MOST = 40


def catalog_cases(facts: Facts) -> Iterator[Case]:
    """The cases for the commands that the target has and its catalog describes."""
    catalog = facts.catalog
    if catalog is None:
        return
    names = sorted(catalog.commands.keys() & (facts.commands or catalog.commands.keys()))
    names = [name for name in names if name != _NEGOTIATE]
    # What may be called goes first: each type is shown by one command.
    deep = plan(catalog, sorted(names, key=lambda name: bool(danger(name))))
    for name in names:
        command = catalog.commands[name]
        why = danger(name)
        if _is_query(catalog, command):
            yield Case(
                f"schema.return/{name}",
                ("schema.return",),
                f"What {name} returns is what its schema says",
                partial(_query, name),
                destructive=bool(why),
            )
        yield Case(
            f"request.strict-arguments/{name}",
            ("request.strict-arguments",),
            f"Wrong arguments of {name} are refused, and change nothing",
            partial(_wrong, command),
            destructive=bool(why),
        )
        if name in deep:
            yield Case(
                f"request.strict-arguments/{name}-deep",
                ("request.strict-arguments",),
                f"Wrong members inside of the arguments of {name} are refused, and change nothing",
                partial(_wrong_inside, command, deep[name]),
                destructive=bool(why),
                slow=True,
            )


def _is_query(catalog: Catalog, command: Command) -> bool:
    safe = of_product(catalog.source.product).safe or ("query-*", "x-query-*")
    if not any(fnmatchcase(command.name, one) for one in safe):
        return False
    if not command.arguments:
        return True
    return not any(
        not one.optional for one in shape_of(catalog, command.arguments).members.values()
    )


# --- queries -------------------------------------------------------------------------------------


def _query(name: str, probe: Probe) -> None:
    talk = probe.ready()
    said = talk.ask({"execute": name, "id": name})
    _dispatched(said, name)


def _dispatched(said: Said, name: str) -> None:
    """Raises Unmet when a command that is listed is not there."""
    message = said.message
    if isinstance(message, Failure) and message.error_class == "CommandNotFound":
        raise Unmet(
            f"{name}, which the target lists",
            str(said),
            line=said.line,
            requirement="schema.introspection",
        )


# --- wrong arguments -----------------------------------------------------------------------------


def wrong_arguments(catalog: Catalog, command: Command) -> Iterator[Wrong]:
    """Missing, unknown and wrongly typed arguments of a command."""
    if not command.arguments:
        yield Wrong("an unknown argument", {UNKNOWN_ARGUMENT: 1})
        return
    shape = shape_of(catalog, command.arguments)
    try:
        good = arguments(catalog, command.arguments)
    except Impossible:
        good = {}
    required = [one.name for one in shape.members.values() if not one.optional]
    for name in required:
        left = {key: value for key, value in good.items() if key != name}
        yield Wrong(f"{name} is missing", left)
    if not shape.open:
        # Where something is required, it is left out: nobody may carry this out.
        yield Wrong("an unknown argument", {UNKNOWN_ARGUMENT: 1})
    for one in shape.members.values():
        for why, value in misfits(catalog, one.type):
            yield Wrong(f"{one.name}: {why}", {**good, one.name: value})


def _wrong(command: Command, probe: Probe) -> None:
    _all_refused(command, probe, lambda catalog: islice(wrong_arguments(catalog, command), _MOST))


def _wrong_inside(command: Command, types: Sequence[str], probe: Probe) -> None:
    _all_refused(command, probe, lambda catalog: deep_arguments(catalog, command.arguments, types))


def _all_refused(
    command: Command, probe: Probe, make: Callable[[Catalog], Iterator[Wrong]]
) -> None:
    """Call a command with each of the wrong arguments: errors, and the same state as before."""
    catalog = probe.facts.catalog
    basis = probe.facts.basis
    if catalog is None or basis is None:
        raise Inconclusive("there is no catalog")
    talk = probe.ready()
    before = _state(probe, talk)
    answered: list[tuple[Said, Wrong]] = []
    for number, wrong in enumerate(make(catalog)):
        message: dict[str, Value] = {
            "execute": command.name,
            "arguments": wrong.arguments,
            "id": f"wrong-{number}",
        }
        # One by one: what a server does with several at once is another question.
        answered.append((talk.ask(message), wrong))
    after = _state(probe, talk)
    for said, wrong in answered:
        _dispatched(said, command.name)
        if isinstance(said.message, Success):
            told = f"{wrong.why} in {brief(wrong.arguments)}"
            if not basis.very_build:
                raise Inconclusive(f"taken, against {catalog.name}: {told}")
            raise Unmet(f"an error: {told}", str(said), line=said.line)
    for name, value in before.items():
        if after.get(name) != value:
            was, now = brief_pair(value, after.get(name), 200)
            raise Unmet(f"the same answer to {name} as before: {was}", now, line=talk.latest)


def _state(probe: Probe, talk: Talk) -> dict[str, Value]:
    """What the target says of its state."""
    return {
        name: talk.ask({"execute": name, "id": f"state-{name}"}).result
        for name in STATE
        if probe.has(name)
    }
