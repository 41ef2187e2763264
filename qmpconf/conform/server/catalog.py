"""What a server says about itself: introspection, query-commands, and what is really there."""

from __future__ import annotations

import re

from qmpconf.conform.cases import case
from qmpconf.conform.dangerous import danger
from qmpconf.conform.probe import Inconclusive, NotApplicable, Probe, Unmet, refused
from qmpconf.conform.target import names_in
from qmpconf.protocol.messages import DOWNSTREAM
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import Version, select
from qmpconf.schema.store import commands_of, load_shipped, shipped

_DOWNSTREAM_START = re.compile(r"__")

#: The command by which a server describes itself (from 2.5 on).
_SCHEMA = "query-qmp-schema"

#: Commands that a client may try on any server, one after the other.
_MOST = 400


def _introspected(probe: Probe) -> Catalog:
    facts = probe.facts
    if facts.entries is None:
        raise NotApplicable("the target has no query-qmp-schema")
    if facts.schema_problem:
        raise Unmet("introspection that can be read", facts.schema_problem)
    if facts.catalog is None or facts.basis is None or not facts.basis.very_build:
        raise NotApplicable("the suite was told to use another schema")
    return facts.catalog


@case("schema.introspection", name="consistent")
def _consistent(probe: Probe) -> None:
    """Every type that the introspection refers to is there, and no name stands twice."""
    _introspected(probe)


@case("schema.introspection", name="stable")
def _stable(probe: Probe) -> None:
    """The introspection is the same when it is asked for again, in another session."""
    _introspected(probe)
    talk = probe.negotiated()
    said = talk.ask({"execute": _SCHEMA, "id": "1"})
    if said.result != probe.facts.entries:
        raise Unmet("the introspection of the first session", "another one", line=said.line)


@case("schema.introspection", name="query-commands")
def _query_commands(probe: Probe) -> None:
    """query-commands lists the commands of the introspection."""
    catalog = _introspected(probe)
    probe.need("query-commands")
    talk = probe.negotiated()
    said = talk.ask({"execute": "query-commands", "id": "1"})
    if not isinstance(said.result, list):
        raise Unmet("a list", str(said), line=said.line)
    names = names_in(said.result)
    listed, known = set(names), set(catalog.commands)
    if len(listed) < len(names):
        raise Unmet("each command once", "a command that stands twice", line=said.line)
    if odd := sorted(listed ^ known):
        raise Unmet(
            "the commands of query-qmp-schema",
            f"{', '.join(odd)} in one of the two alone",
            line=said.line,
        )


@case("schema.introspection", name="query-events", needs=("query-events",))
def _query_events(probe: Probe) -> None:
    """query-events (up to 5.2) lists the events of the introspection."""
    catalog = _introspected(probe)
    talk = probe.negotiated()
    said = talk.ask({"execute": "query-events", "id": "1"})
    if odd := sorted(set(names_in(said.result)) ^ set(catalog.events)):
        raise Unmet(
            "the events of query-qmp-schema", f"{', '.join(odd)} in one alone", line=said.line
        )


@case("request.unknown-command", name="not-listed")
def _not_listed(probe: Probe) -> None:
    """Commands of other releases that the target does not list get CommandNotFound."""
    listed = probe.facts.listed
    if listed is None:
        raise NotApplicable("the target has no query-commands")
    names: set[str] = set()
    for catalog in shipped():
        names |= commands_of(catalog)
    others = sorted(name for name in names - listed if not danger(name))[:_MOST]
    talk = probe.negotiated()
    lines = {talk.say({"execute": name, "id": name}): name for name in others}
    for said in talk.barrier():
        if said.answers in lines:
            refused(said, "CommandNotFound")


@case("compat.downstream-prefix", name="introspection")
def _downstream(probe: Probe) -> None:
    """What begins with __ begins with __ and a reversed domain name."""
    catalog = probe.facts.catalog
    if catalog is None or probe.facts.entries is None:
        raise NotApplicable("the target has no query-qmp-schema")
    names = {*catalog.commands, *catalog.events, *(probe.facts.listed or ())}
    for found in catalog.types.values():
        names |= {one.name for one in getattr(found, "members", ())}
        names |= {one.name for one in getattr(found, "values", ())}
    for name in sorted(names):
        if _DOWNSTREAM_START.match(name) and not DOWNSTREAM.match(name):
            raise Unmet("__, a reversed domain name and _", name)


@case("schema.command-offered", name="document")
def _document(probe: Probe) -> None:
    """The commands that the reference of this release documents are there.

    A server that describes itself, and names a release which could not, has a version of its own.
    """
    facts = probe.facts
    if len(facts.version) != 3:
        raise Inconclusive("the greeting gives no version")
    documents = [name for name in shipped() if name.endswith("-doc")]
    major, minor, micro = facts.version
    try:
        fit = select(Version(major, minor, micro, facts.package), facts.product, documents)
    except LookupError as error:
        raise NotApplicable(f"there is no documented catalog ({error})") from error
    if fit.distance:
        raise NotApplicable(f"the nearest documented catalog is {fit.name}")
    catalog = load_shipped(fit.name)
    if facts.entries is not None and _SCHEMA not in catalog.commands:
        raise NotApplicable(
            f"the target describes itself, which the server of {fit.name} could not"
        )
    missing = [
        name
        for name, one in catalog.commands.items()
        if name not in facts.commands and not one.facts.condition
    ]
    if missing:
        raise Unmet(f"every command of {fit.name}", f"no {', no '.join(missing)}")
