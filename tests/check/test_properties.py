"""Open-ended arguments: what is typed by the trace, by a catalog of a real build, or by nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.checking import Outcome, check_trace
from qmpconf.check.properties import Judgement, is_open, judge
from qmpconf.check.property_source import Source, source_for
from qmpconf.check.told import NOTHING_TOLD, Told
from qmpconf.protocol.messages import Command, from_client
from qmpconf.schema.model import Source as Where
from qmpconf.schema.property_catalog import PropertyCatalog, beside
from qmpconf.schema.property_catalog import write as write_properties
from qmpconf.schema.select import Version
from qmpconf.schema.store import load_shipped, write
from tests.check.scripts import VERSION
from tests.check.scripts import write as write_trace

BUILDS = ("5.2.0", "7.2.22", "10.0.13", "11.1.3")
LATEST = "11.1.3"


def command(name: str, arguments: dict[str, Any]) -> Command:
    made = from_client(json.dumps({"execute": name, "arguments": arguments}).encode())
    assert isinstance(made, Command)
    return made


def judged(
    release: str | None, name: str, told: Told = NOTHING_TOLD, /, **arguments: Any
) -> Judgement:
    version = Version.parse(release) if release else None
    return judge(command(name, arguments), told, source_for(version), version)


def places(found: Judgement) -> tuple[list[Any], list[Any]]:
    """Where something is refused, and where something is deprecated."""
    return [one.problem.path[-1] for one in found.refused], [
        one.path[-1] for one in found.deprecated
    ]


NIC = {"driver": "virtio-net-pci", "netdev": "n0", "id": "nic0", "bus": "port0"}
#: Properties of a network card as strings, and what was meant.
STRINGS = {
    "vectors": ("10", 10),
    "bootindex": ("1", 1),
    "mq": ("on", True),
    "host_mtu": ("9000", 9000),
}


@pytest.mark.parametrize("release", BUILDS)
def test_strings_by_the_rule_of_each_release(release: str) -> None:
    found = judged(
        release, "device_add", **NIC, **{name: old for name, (old, _) in STRINGS.items()}
    )
    names = list(STRINGS)
    expected: dict[str, tuple[list[str], list[str]]] = {"5.2.0": ([], []), "7.2.22": ([], names)}
    assert places(found) == expected.get(release, (names, []))
    assert found.unjudged == found.probable == []


@pytest.mark.parametrize("release", BUILDS)
def test_values_of_the_right_type_are_fine_everywhere(release: str) -> None:
    right = {name: new for name, (_, new) in STRINGS.items()}
    for addr in ("0x5", "05.0", 5):
        found = judged(
            release, "device_add", **NIC, **right, addr=addr, mac="52:54:00:12:34:56",
            **{"disable-legacy": "on", "romfile": ""},
        )  # fmt: skip
        assert found == Judgement(used=True)


@pytest.mark.parametrize("release", ["7.2.22", LATEST])
def test_what_no_release_takes(release: str) -> None:
    found = judged(release, "device_add", **NIC, vectors="many", mq="perhaps", host_mtu=70000)
    assert places(found) == (["vectors", "mq", "host_mtu"], [])
    assert {one.source for one in found.refused} == {
        f"qemu-{release}, properties of virtio-net-pci"
    }
    first = found.refused[0].problem
    assert (first.expected, first.seen) == ("integer (uint32)", '"many"')
    assert first.message == "is not an integer: the property is of type uint32"


def test_values_that_are_ignored_are_deprecated() -> None:
    found = judged("7.2.22", "device_add", **NIC, vectors=None, mq=[], mac={})
    assert places(found) == ([], ["vectors", "mq", "mac"])
    assert "QEMU 6.2" in found.deprecated[0].source


@pytest.mark.parametrize("release", ["5.2.0", "7.2.22"])
def test_values_that_are_ignored_are_so_for_an_unknown_property_too(release: str) -> None:
    asked = {"driver": "virtio-blk", "iothread-vq-mapping": [{"iothread": "t0"}]}
    found = judged(release, "device_add", **asked)
    assert found.refused == []
    assert "ignores such values" in found.unjudged[0].text
    assert len(judged(release, "device_add", driver="virtio-blk", odd="x").refused) == 1
    assert judged(LATEST, "device_add", **asked) == Judgement(used=True)


def test_aliases_are_the_types_behind_them() -> None:
    assert places(judged(LATEST, "device_add", driver="virtio-net", mq="on")) == (["mq"], [])
    assert places(judged(LATEST, "device_add", driver="e1000e", bootindex="1")) == (
        ["bootindex"],
        [],
    )


def test_a_property_that_is_not_there() -> None:
    (one,) = judged("10.0.13", "device_add", driver="virtio-net-pci", vector=3).refused
    assert (one.problem.kind, one.problem.member) == ("unknown", "vector")
    assert one.problem.hint == "vectors"
    assert one.problem.message == "virtio-net-pci has no property 'vector'"


def test_a_property_that_only_another_release_lacks_is_not_judged() -> None:
    found = judged("8.1.0", "device_add", driver="virtio-net-pci", novelty=3)
    assert found.refused == []
    (gap,) = found.unjudged
    assert "not among those of virtio-net-pci in qemu-7.2.22" in gap.text


@pytest.mark.parametrize(
    ("driver", "more"),
    [("no-such-device", {}), ("virtio-net-ccw", {"devno": "fe.0.0001", "netdev": "0"})],
)
def test_types_that_nobody_knows_are_not_judged(driver: str, more: dict[str, Any]) -> None:
    for release in BUILDS:
        found = judged(release, "device_add", driver=driver, **more)
        assert len(found.unjudged) == 1
        assert repr(driver) in found.unjudged[0].text
        assert found.refused == found.deprecated == found.probable == []


def test_what_looks_wrong_probably_is() -> None:
    """A property of that name has that type in every type; a name that nobody has may be one."""
    asked = {"driver": "virtio-net-ccw", "bootindex": "1", "new-thing": "on", "serial": "12"}
    found = judged("10.0.13", "device_add", **asked)
    assert [one.problem.path[0] for one in found.probable] == ["bootindex", "new-thing"]
    assert "probably of type int32" in found.probable[0].problem.message
    found = judged("7.2.22", "device_add", **asked)
    assert places(found) == ([], ["bootindex", "new-thing"])
    assert judged("5.2.0", "device_add", **asked).deprecated == []
    assert len(judged("10.0.13", "device_add", **asked).unjudged) == 1


def test_without_a_version_a_string_is_deprecated_at_least() -> None:
    found = judged(None, "device_add", driver="virtio-net-pci", mq="on", unheard="x")
    assert places(found) == ([], ["mq"])
    assert len(found.unjudged) == 1


def test_object_add_was_typed_always() -> None:
    found = judged("5.2.0", "object-add", **{"qom-type": "iothread", "id": "t", "poll-max-ns": "9"})
    assert places(found) == (["poll-max-ns"], [])
    found = judged(
        "5.2.0", "object-add",
        **{"qom-type": "memory-backend-ram", "id": "m", "props": {"size": 1 << 20, "share": "on"}},
    )  # fmt: skip
    assert [one.problem.path for one in found.refused] == [("props", "share")]
    assert not is_open(load_shipped("qemu-7.2.22"), "object-add")
    assert is_open(load_shipped("qemu-5.2.0"), "object-add")


def test_options_of_old_network_backends_are_not_judged() -> None:
    assert is_open(load_shipped("qemu-1.1-dev-doc"), "netdev_add")
    found = judged("1.1", "netdev_add", type="user", id="n0", hostfwd="tcp::22-:22")
    (gap,) = found.unjudged
    assert "'user'" in gap.text
    assert judged("1.1", "netdev_add", type="user", id="n0").unjudged == []


@pytest.mark.parametrize("release", BUILDS)
def test_features_of_cpu_models(release: str) -> None:
    def expansion(**features: Any) -> Judgement:
        model = {"name": "qemu64", "props": features}
        return judged(release, "query-cpu-model-expansion", type="full", model=model)

    assert expansion(avx2=True, family=6) == Judgement(used=True)
    found = expansion(avx2="on", family="6")
    assert [one.problem.path for one in found.refused] == [
        ("model", "props", "avx2"),
        ("model", "props", "family"),
    ]
    assert len(expansion(vx=True).unjudged) == 1
    other = {"name": "z14", "props": {"vx": True}}
    assert (
        len(judged(release, "query-cpu-model-baseline", modela=other, modelb=other).unjudged) == 2
    )
    assert (
        judged(release, "query-cpu-model-expansion", type="full", model={"name": "z14"})
        == Judgement()
    )


# ── qom-set ──────────────────────────────────────────────────────────────────────────────────


def heard(*said: tuple[str, dict[str, Any], Any]) -> Told:
    told = Told()
    for line, (name, arguments, result) in enumerate(said, 10):
        told.heard(command(name, arguments), result, line)
    return told


def test_qom_set_is_typed_by_what_the_path_was_said_to_have() -> None:
    told = heard(("qom-list", {"path": "/lamp"}, [{"name": "bright", "type": "uint8"}]))
    asked = {"path": "/lamp", "property": "bright"}
    assert judged("7.2.22", "qom-set", told, **asked, value=3) == Judgement()
    (one,) = judged("7.2.22", "qom-set", told, **asked, value="3").refused
    assert one.problem.path == ("value",)
    assert (one.source, one.told) == ("qom-list, line 10", True)


@pytest.mark.parametrize(
    ("made", "path", "name"),
    [
        (("object-add", {"qom-type": "iothread", "id": "t0"}), "/objects/t0", "poll-max-ns"),
        (
            ("device_add", {"driver": "virtio-net", "id": "n0"}),
            "/machine/peripheral/n0",
            "bootindex",
        ),
        (("device_add", {"driver": "virtio-net", "id": "n0"}), "n0", "bootindex"),
    ],
)
def test_qom_set_is_typed_by_the_type_that_was_added(
    made: tuple[str, dict[str, Any]], path: str, name: str
) -> None:
    told = heard((*made, {}))
    assert judged("5.2.0", "qom-set", told, path=path, property=name, value=7).refused == []
    assert len(judged("5.2.0", "qom-set", told, path=path, property=name, value="7").refused) == 1


def test_qom_set_of_an_object_that_nobody_knows() -> None:
    asked = {"path": "/machine/peripheral/b0", "property": "guest-stats-polling-interval"}
    assert judged("7.2.22", "qom-set", **asked, value=5) == Judgement(used=True)
    found = judged("7.2.22", "qom-set", **asked, value="5")
    assert len(found.probable) == len(found.unjudged) == 1
    found = judged("7.2.22", "qom-set", path="/a", property="b", value={"c": 1})
    assert found.probable == []
    assert "'/a'" in found.unjudged[0].text


# ── what the server told ─────────────────────────────────────────────────────────────────────


def test_what_the_server_told_counts_before_any_catalog() -> None:
    mine = [{"name": "mq", "type": "str"}, {"name": "glow", "type": "bool"}]
    told = heard(("device-list-properties", {"typename": "virtio-net-pci"}, mine))
    found = judged(
        "10.0.13", "device_add", told, driver="virtio-net-pci", mq="on", glow="on", odd=1
    )
    assert [(one.problem.path[0], one.told) for one in found.refused] == [
        ("glow", True),
        ("odd", True),
    ]
    assert found.refused[0].source == "device-list-properties of virtio-net-pci, line 10"
    assert not found.used


def test_a_type_that_is_not_in_the_list_of_types() -> None:
    listed = [{"name": "lamp"}, {"name": "virtio-blk-ccw"}]
    told = heard(("qom-list-types", {"implements": "device"}, listed))
    (one,) = judged("10.0.13", "device_add", told, driver="lmap").refused
    assert one.problem.path == ("driver",)
    assert one.source == "qom-list-types, line 10"
    for driver in ("lamp", "virtio-blk"):  # an alias may be that of another type elsewhere
        assert judged("10.0.13", "device_add", told, driver=driver).refused == []
    part = heard(("qom-list-types", {"implements": "memory-backend"}, []))
    assert judged("10.0.13", "device_add", part, driver="lmap").refused == []


def test_what_is_remembered_is_bounded() -> None:
    budget = [10]
    told, other = Told(budget), Told(budget)
    lamp = [{"name": f"p{number}", "type": "bool"} for number in range(4)]
    for _ in range(5):  # the same again costs nothing
        told.heard(command("device-list-properties", {"typename": "lamp"}), lamp, 1)
    assert told.of_type("lamp") is not None
    assert budget == [5]
    other.heard(command("qom-list", {"path": "/a"}), lamp, 2)
    other.heard(command("qom-list", {"path": "/b"}), lamp, 3)
    assert other.of_object("/a") is not None
    assert other.of_object("/b") is None
    other.heard(command("device-list-properties", {"typename": "x" * 201}), [], 4)
    assert other.of_type("x" * 201) is None


#: What a command may hold: QEMU takes no half of a surrogate pair, and no non-character.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cn"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS, max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(CHARACTERS, max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from(
    ["driver", "qom-type", "id", "type", "props", "path", "property", "value", "mq", "typename", "x",
     "implements"]
) | st.text(CHARACTERS, max_size=4)  # fmt: skip


@settings(deadline=None)
@given(
    st.sampled_from(["device_add", "object-add", "netdev_add", "qom-set"]),
    st.dictionaries(KEYS, JSON | st.sampled_from(["virtio-net-pci", "iothread", "/objects/a"])),
    st.sampled_from([*BUILDS, "1.0", "", "20.0"]),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["device-list-properties", "qom-list-properties", "qom-list", "qom-list-types",
                 "device_add", "object-add"]
            ),
            st.dictionaries(KEYS, JSON),
            JSON,
        ),
        max_size=3,
    ),
)  # fmt: skip
def test_any_values_are_judged_in_some_way(
    name: str, arguments: dict[str, Any], release: str, said: list[Any]
) -> None:
    version = Version.parse(release)
    found = judge(command(name, arguments), heard(*said), source_for(version), version)
    for one in (*found.refused, *found.probable):
        assert one.problem.message
        assert one.source
    for path in (one.problem.path for one in found.refused):
        value: Any = arguments
        for part in path:
            value = value[part]


# ── as a check ───────────────────────────────────────────────────────────────────────────────


def session(tmp_path: Path, release: str, *script: str) -> Path:
    major, minor, micro = release.split(".")
    version = json.dumps(
        {
            "qemu": {"major": int(major), "minor": int(minor), "micro": int(micro)},
            "package": "other",
        }
    )
    greeting = '< {"QMP": {"version": ' + version + ', "capabilities": []}}'
    assert VERSION not in greeting
    path = tmp_path / "t.qmptrace"
    return write_trace(
        path, [greeting, '> {"execute": "qmp_capabilities"}', '< {"return": {}}', *script]
    )


def add(**arguments: Any) -> str:
    return "> " + json.dumps({"execute": "device_add", "arguments": arguments})


OK = '< {"return": {}}'


def error(text: str) -> str:
    return "< " + json.dumps({"error": {"class": "GenericError", "desc": text}})


def told_of(outcome: Outcome) -> list[tuple[str, str, int, str]]:
    found = (group.first for group in outcome.groups)
    told = [(one.severity, one.requirement, one.line, one.pointer) for one in found]
    judged = [one for one in told if not one[1].startswith("practice.")]
    return sorted(judged, key=lambda one: one[2])


def lacks(outcome: Outcome) -> list[tuple[str, int, int]]:
    return [(one.text, one.line, one.count) for one in outcome.unjudged if one.kind == "property"]


def test_a_warning_while_it_is_deprecated_and_an_error_where_it_is_refused(tmp_path: Path) -> None:
    path = session(tmp_path, "7.2.22", add(driver="virtio-net-pci", mq="on"), OK)
    place = (6, "/arguments/mq")
    found = check_trace(str(path))
    assert told_of(found) == [("warning", "compat.deprecated", *place)]
    assert found.schemas[-1] == "properties of qemu-7.2.22"
    for name in ("qemu-10.0.13", "qemu-11.1.3", "qemu-11.1.3-doc"):
        found = check_trace(str(path), name)
        assert told_of(found) == [("error", "schema.arguments", *place)]
        (group,) = found.groups
        assert (
            "elsewhere",
            "accepted in qemu-7.2.22 (deprecated), not in qemu-10.0.13",
        ) in group.first.more
    assert told_of(check_trace(str(path), "qemu-5.2.0")) == []


def test_the_reply_in_the_trace_types_them(tmp_path: Path) -> None:
    path = session(
        tmp_path, "10.0.13",
        '> {"execute": "device-list-properties", "arguments": {"typename": "lamp"}}',
        '< {"return": [{"name": "bright", "type": "uint8"}]}',
        add(driver="lamp", bright="9"), error("Parameter 'bright' expects uint64"),
    )  # fmt: skip
    found = check_trace(str(path))
    assert told_of(found) == [("error", "schema.arguments", 8, "/arguments/bright")]
    (group,) = found.groups
    assert group.first.source == "device-list-properties of lamp, line 7"
    assert group.first.answer.endswith("expects uint64")
    assert lacks(found) == []


def test_replies_to_what_was_asked_in_the_same_breath_count(tmp_path: Path) -> None:
    path = session(
        tmp_path, "10.0.13",
        '> {"execute": "device-list-properties", "arguments": {"typename": "lamp"}}',
        add(driver="lamp", bright="9"), add(driver="lamp", bright=9),
        '< {"return": [{"name": "bright", "type": "uint8"}]}',
        error("Parameter 'bright' expects uint64"),
    )  # fmt: skip
    assert ("error", "schema.arguments", 7, "/arguments/bright") in told_of(check_trace(str(path)))


def test_a_catalog_that_nobody_named_gives_way_to_what_the_server_takes(tmp_path: Path) -> None:
    script = [
        add(driver="virtio-net-pci", patched=1), OK,
        add(driver="virtio-net-pci", misspelt=1),
        error("Property 'virtio-net-pci.misspelt' not found"),
        add(driver="virtio-net-pci", elsewhere=1), error("Bus 'x' not found"),
        add(driver="virtio-net-pci", mq="on"), OK,
    ]  # fmt: skip
    assert told_of(check_trace(str(session(tmp_path, "10.0.13", *script)))) == [
        ("note", "schema.additions", 6, "/arguments/patched"),
        ("error", "schema.arguments", 8, "/arguments/misspelt"),
        ("note", "schema.additions", 12, "/arguments/mq"),
    ]


def test_what_is_not_judged_is_counted(tmp_path: Path) -> None:
    ccw = add(driver="virtio-blk-ccw", devno="fe.0.0001")
    found = check_trace(str(session(tmp_path, "7.2.22", ccw, OK, ccw, OK)))
    assert told_of(found) == []
    why = "device_add: the type 'virtio-blk-ccw' is not among those of qemu-7.2.22"
    assert lacks(found) == [(why, 6, 2)]
    (one,) = found.unjudged
    assert "schema fetch --properties" in one.advice


def test_a_guess_that_the_server_disproves_is_dropped(tmp_path: Path) -> None:
    path = session(tmp_path, "10.0.13", add(driver="virtio-blk-ccw", bootindex="1"), OK)
    found = check_trace(str(path))
    assert told_of(found) == []
    assert len(lacks(found)) == 1


def test_a_type_that_only_another_release_has(tmp_path: Path) -> None:
    path = session(tmp_path, "7.2.22", add(driver="sga"), OK)
    assert lacks(check_trace(str(path))) == []
    ((text, _, _),) = lacks(check_trace(str(path), "qemu-11.1.3"))
    assert text.endswith(
        "'sga' is not among those of qemu-11.1.3, but of qemu-7.2.22: it is gone, or in a module"
    )


def test_objects_that_the_client_made_are_of_their_type_everywhere(tmp_path: Path) -> None:
    path = session(
        tmp_path, "7.2.22",
        '> {"execute": "object-add", "arguments": {"qom-type": "iothread", "id": "t0"}}', OK,
        '> {"execute": "qom-set", "arguments": '
        '{"path": "/objects/t0", "property": "poll-max-ns", "value": true}}', error("no"),
    )  # fmt: skip
    for schema in ("auto", "qemu-7.2.22", "qemu-11.1.3"):
        found = check_trace(str(path), schema)
        assert ("error", "schema.arguments", 8, "/arguments/value") in told_of(found)
        assert lacks(found) == []


def test_a_guess_is_a_warning_at_most(tmp_path: Path) -> None:
    path = session(tmp_path, "10.0.13", add(driver="virtio-blk-ccw", bootindex="1"), error("no"))
    assert told_of(check_trace(str(path))) == [
        ("warning", "schema.property-type", 6, "/arguments/bootindex")
    ]


def test_a_property_that_the_server_had_listed_is_conditional(tmp_path: Path) -> None:
    listed = json.dumps([{"name": "x-old", "type": "bool"}])
    path = session(
        tmp_path, "7.2.22",
        '> {"execute": "device-list-properties", "arguments": {"typename": "virtio-net-pci"}}',
        '< {"return": ' + listed + "}",
        add(driver="virtio-net-pci", **{"x-old": True}), OK,
    )  # fmt: skip
    assert told_of(check_trace(str(path))) == []
    assert told_of(check_trace(str(path), "qemu-11.1.3")) == [
        ("note", "schema.conditional", 8, "/arguments/x-old")
    ]


def test_redacted_values_are_not_judged(tmp_path: Path) -> None:
    line = '> {"execute": "device_add", "arguments": {"driver": "virtio-net-pci", "mq": "***"}}'
    path = session(tmp_path, "10.0.13", line + '\t"redacted":["/arguments/mq"]', OK)
    assert told_of(check_trace(str(path))) == []


def test_a_users_catalog_brings_its_own_properties(tmp_path: Path) -> None:
    path = session(tmp_path, "7.2.22", add(driver="lamp", bright="9"), OK)
    mine = tmp_path / "mine.json.gz"
    write(load_shipped("qemu-10.0.13"), mine)
    assert told_of(check_trace(str(path), str(mine))) == [] or lacks(
        check_trace(str(path), str(mine))
    )
    lamp = PropertyCatalog(
        "mine", Where("introspection", version="10.0.13"), {"lamp": {"bright": "uint8"}}
    )
    write_properties(lamp, beside(mine))
    found = check_trace(str(path), str(mine))
    assert told_of(found) == [("error", "schema.arguments", 6, "/arguments/bright")]
    assert found.schemas[-1] == "properties of mine"


def test_the_source_is_chosen_as_the_schema_is() -> None:
    def fit(text: str) -> tuple[str, bool]:
        source = source_for(Version.parse(text))
        assert isinstance(source, Source)
        return source.catalog.name, source.same_release

    assert fit("7.2.0") == ("qemu-7.2.22", True)
    assert fit("8.0.0") == ("qemu-7.2.22", False)
    assert fit("10.1.0") == ("qemu-10.0.13", False)
    assert fit("2.12.0") == ("qemu-5.2.0", False)
