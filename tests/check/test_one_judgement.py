"""`check --schema NAME` and `--schema all` cannot contradict each other: held against each other.

For each call of a trace and each catalog: the matrix says "no" where the check has an error of the
client about that call, "conditional" where it says so, "not judged" where that is reported, "yes"
where there is nothing of the kind; and the signs show the same kinds of errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import traces
from qmpconf.check.basis import Basis
from qmpconf.check.calls import REFUSED, Standing
from qmpconf.check.checker import Checker
from qmpconf.check.matrix import Judges
from qmpconf.check.unjudged import Lacks, Unjudged
from qmpconf.findings import Finding
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.model import Catalog, Source
from qmpconf.schema.select import of_product
from qmpconf.schema.store import load_shipped
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Close, Gap, Open, Shut
from tests.check.scripts import GREETING, schema_entries
from tests.check.test_exercised import CLIENT, SERVER
from tests.usual import examples

FOLDER = Path(traces.__file__).parent
CORPUS = sorted(path.name for path in FOLDER.glob("*.qmptrace*"))

Items = Sequence[Open | Item | Gap | Shut | Close]

#: What the check says about a call, and how the matrix has it.
SAID = {
    "schema.command-known": Standing.COMMAND_UNKNOWN,
    "schema.oob-allowed": Standing.OOB_REFUSED,
    "schema.conditional": Standing.CONDITIONAL,
    "schema.looked-up": Standing.CONDITIONAL,
    "schema.property-type": Standing.NOT_JUDGED,
    "schema.built-in": Standing.BUILT_IN,
    "compat.unstable": Standing.UNSTABLE,
    "compat.deprecated": Standing.DEPRECATED,
}


class Everything(Lacks):
    """Keeps each lack apart, by its line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: set[int] = set()
        self.refused: set[int] = set()

    def add(self, kind, text, advice="", line=0, count=1) -> None:  # type: ignore[no-untyped-def]
        super().add(kind, text, advice, line, count)
        if kind in ("call", "property"):
            (self.refused if text.endswith(f"({REFUSED})") else self.lines).add(line)


def by_check(items: Items, basis: Basis) -> dict[int, Standing]:
    """How each call stands, by its line, as the findings and lacks of a check tell."""
    checker = Checker("t", lambda *_: basis)
    checker.lacks = lacks = Everything()
    found: dict[int, Standing] = {}
    for one in checker.check(items):
        standing = standing_of(one)
        if standing is not None:
            found[one.line] = max(standing, found.get(one.line, standing))
    for line in lacks.lines:
        found[line] = max(Standing.NOT_JUDGED, found.get(line, Standing.NOT_JUDGED))
    for line in lacks.refused:
        assert found.get(line, Standing.WORKS) < Standing.CONDITIONAL
        found[line] = Standing.NOT_JUDGED
    return found


def standing_of(finding: Finding) -> Standing | None:
    if finding.requirement == "schema.arguments":
        if finding.message.startswith("member"):
            missing = finding.message.endswith("is missing")
            return Standing.ARGUMENT_MISSING if missing else Standing.ARGUMENT_UNKNOWN
        if " has no property " in finding.message:
            return Standing.ARGUMENT_UNKNOWN
        return Standing.VALUE_REFUSED
    if finding.requirement == "schema.document" and finding.pointer.startswith("/arguments"):
        return Standing.NOT_JUDGED
    return SAID.get(finding.requirement)


def by_matrix(items: Items, bases: dict[str, Basis]) -> dict[str, dict[int, Standing]]:
    """How each call stands, by its line, as the matrix has it."""
    found: dict[str, dict[int, Standing]] = {name: {} for name in bases}
    for call in Judges(bases).calls(items):
        for name, verdict in call.verdicts.items():
            standing, _ = verdict.stands(refused=call.refused)
            known = found[name].get(call.line, standing)
            found[name][call.line] = max(standing, known)
    return found


def agree(items: Items, bases: dict[str, Basis]) -> None:
    for name, stands in by_matrix(items, bases).items():
        told = by_check(items, bases[name])
        assert set(told) <= set(stands), name
        for line, standing in stands.items():
            assert told.get(line, Standing.WORKS) is standing, (name, line)


#: One of each kind, older and newer than what was recorded.
NAMES = ("qemu-1.6.2-doc", "qemu-5.2.0", "qemu-7.2.22-doc", "qemu-11.1.3")


@cache
def shipped(product: str) -> dict[str, Basis]:
    names = NAMES if product == "qemu" else of_product(product)[::3]
    return {name: Basis(load_shipped(name), named=True) for name in names}


@pytest.mark.parametrize("name", CORPUS)
def test_both_views_agree_on_the_corpus(name: str) -> None:
    product = "qemu-storage-daemon" if "storage" in name else "qemu"
    agree(list(TraceReader(str(FOLDER / name)).items()), shipped(product))


def sample(keep: Callable[[str], bool], *, kind: str = "introspection", partial: str = "") -> Basis:
    entries = [
        one for one in schema_entries() if one["meta-type"] != "command" or keep(str(one["name"]))
    ]
    whole = compile_introspection(entries, name="sample", version="7.0.0")
    form = "" if kind == "introspection" else kind
    source = Source("document" if form else "introspection", form=form, partial=partial)
    catalog = Catalog("sample", source, whole.commands, whole.events, whole.types)
    return Basis(catalog, named=True)


SAMPLES = {
    "all": sample(lambda _: True),
    "few": sample(lambda name: name in ("qmp_capabilities", "paint")),
    "by hand": sample(lambda name: name == "paint", kind="qmp-commands.txt"),
    "manual": sample(lambda name: name == "paint", kind="man-roff"),
    "partial": sample(lambda name: name == "paint", kind="man-roff", partial="a part"),
}

MORE_CLIENT = [
    *CLIENT,
    b'{"execute": "stir"}',
    b'{"execute": "paint", "arguments": {"style": "none", "colour": "a", "x": 1}}',
    b'{"execute": "paint", "arguments": {"style": "plain"}}',
    b'{"execute": "paint", "arguments": {"style": "gilded"}}',
    b'{"exec-oob": "stir", "arguments": {"x": 1}, "id": 4}',
    b'{"execute": "stir", "arguments": {"x": 1, "x": 2}}',
]
MORE_SERVER = [
    *SERVER,
    GREETING.replace('"major": 7', '"major": 8')[2:].encode(),
    b'{"error": {"class": "CommandNotFound", "desc": "x"}}\r\n',
]
SPEAKS = st.sampled_from(MORE_CLIENT).map(lambda data: ("client", data)) | st.sampled_from(
    MORE_SERVER
).map(lambda data: ("server", data))
#: Commands without an id, and answers without one.
PAIRS = st.tuples(
    st.sampled_from([one for one in MORE_CLIENT if b'"execute": "' in one and b'"id"' not in one]),
    st.sampled_from([one for one in MORE_SERVER if one.startswith(b'{"') and b'"id"' not in one]),
).map(lambda pair: [("client", pair[0]), ("server", pair[1])])
#: A client asks what there is, and gets the answer.
ASKS = st.sampled_from(
    [
        (
            b'{"execute": "query-commands"}',
            b'{"return": [{"name": "stir"}, {"name": "none"}, 5]}\r\n',
        ),
        (
            b'{"execute": "query-qmp-schema"}',
            b'{"return": [{"meta-type": "command", "name": "stir"}, {"meta-type": "enum"}]}\r\n',
        ),
    ]
).map(lambda pair: [("client", pair[0]), ("server", pair[1])])
HAPPENS = st.sampled_from([("gap", b"client"), ("gap", b"server"), ("close", b""), ("open", b"")])
#: Most sessions are negotiated, and most commands answered.
BEGIN = [("server", SERVER[0]), ("client", CLIENT[0]), ("server", SERVER[1])]


def items_of(said: Iterable[tuple[str, bytes, int]], redacted: bool) -> Items:
    items: list[Open | Item | Gap | Shut | Close] = []
    framers: dict[tuple[str, int], Framer] = {}
    for line, (who, data, conn) in enumerate(said, 2):
        if who == "gap":
            items.append(Gap(line, 0.0, conn, data.decode(), 0))  # type: ignore[arg-type]
        elif who == "close":
            items.append(Close(line, 0.0, conn, "client"))
            framers = {key: one for key, one in framers.items() if key[1] != conn}
        elif who == "open":
            items.append(Open(line, 0.0, conn))
            framers = {key: one for key, one in framers.items() if key[1] != conn}
        else:
            limits = CLIENT_LIMITS if who == "client" else SERVER_LIMITS
            framer = framers.setdefault((who, conn), Framer(limits))
            hidden = ("/arguments/style",) if redacted else ()
            for frame in framer.feed(data):
                items.append(Item(line, 0.0, conn, who, frame, redacted=hidden))  # type: ignore[arg-type]
    return items


#: What a reply had offered, in another session.
OFFERED = [
    (
        [
            ("client", b'{"execute": "query-commands"}'),
            ("server", b'{"return": [{"name": "stir"}]}'),
        ],
        1,
    ),
    ([("client", b'{"execute": "stir"}'), ("server", b'{"return": []}')], 2),
]


@example(said=OFFERED, redacted=False)
@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            PAIRS | PAIRS | (SPEAKS | HAPPENS).map(lambda one: [one]), st.sampled_from([1, 2])
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_both_views_agree_on_whatever_is_said(
    said: list[tuple[list[tuple[str, bytes]], int]], redacted: bool
) -> None:
    spoken = [(who, data, conn) for conn in (1, 2) for who, data in BEGIN]
    spoken += [(who, data, conn) for several, conn in said for who, data in several]
    agree(items_of(spoken, redacted), SAMPLES)


def test_a_lack_is_an_unjudged_call() -> None:
    lacks = Everything()
    lacks.add("call", "x", line=3)
    lacks.add("call", f"x ({REFUSED})", line=4)
    assert next(iter(lacks)) == Unjudged("call", "x", "", 3)
    assert (lacks.lines, lacks.refused) == ({3}, {4})
