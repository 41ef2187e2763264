"""The upgrade question: a catalog that the user named, and a server of another release recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from qmpconf.check import rules
from qmpconf.check.basis import Basis
from qmpconf.check.checking import check, findings
from qmpconf.check.choice import Fixed
from qmpconf.check.practice import NOTHING
from qmpconf.schema.model import Catalog, Command, Source
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import OPENING, write

if TYPE_CHECKING:
    from pathlib import Path

    from qmpconf.check.practice import NOTHING
    from qmpconf.findings import Finding
from qmpconf.check.checking import Outcome

OK = '< {"return": {}}'
REFUSED = '< {"error": {"class": "GenericError", "desc": "x"}}'
NOT_FOUND = '< {"error": {"class": "CommandNotFound", "desc": "x"}}'


def call(name: str, **arguments: object) -> str:
    return "> " + json.dumps({"execute": name, "arguments": arguments})


def reply(result: object) -> str:
    return "< " + json.dumps({"return": result})


def opening(version: str = "7.2.0", capabilities: str = "") -> list[str]:
    major, minor, micro = version.split(".")
    numbers = f'{{"major": {major}, "minor": {minor}, "micro": {micro}}}'
    greeting = (
        f'< {{"QMP": {{"version": {{"qemu": {numbers}, "package": ""}},'
        f' "capabilities": [{capabilities}]}}}}'
    )
    return [greeting, *OPENING[1:]]


def outcome(path: Path, script: list[str], against: str | Catalog) -> Outcome:
    catalog = load_shipped(against) if isinstance(against, str) else against
    return check(TraceReader(str(write(path, script))), Fixed(catalog), practice=NOTHING)


def of_client(found: Outcome) -> list[Finding]:
    return [one.first for one in found.groups if one.first.blame == "client"]


@pytest.mark.parametrize("answer", [OK, REFUSED, NOT_FOUND, None])
def test_a_command_that_the_named_catalog_lacks_is_an_error_whatever_was_answered(
    tmp_path: Path, answer: str | None
) -> None:
    script = [*opening("5.2.0"), call("migrate_set_speed", value=1), *([answer] if answer else [])]
    found = outcome(tmp_path / "t", script, "qemu-11.1.3")
    (error,) = [one.first for one in found.groups]
    assert (error.requirement, error.severity, error.blame) == (
        "schema.command-known",
        "error",
        "client",
    )
    assert (error.line, error.pointer) == (6, "/execute")
    assert error.more == (
        ("elsewhere", "known in qemu-5.2.0 (deprecated), not in qemu-6.0.0"),
        ("instead", "migrate-set-parameters"),
    )
    assert error.hint == ""
    assert not found.unjudged


#: What is wrong with a call in 11.1.3: its place, how the message begins, who else takes it.
WRONG: dict[str, tuple[str, str, str, str]] = {
    "argument": (
        call("migrate", uri="tcp:0:4444", detach=True),
        "/arguments/detach",
        "member 'detach' is unknown here",
        "known in qemu-10.0.13, not in qemu-11.1.3",
    ),
    "argument deep inside": (
        call(
            "netdev_add",
            type="stream",
            id="n",
            addr={"type": "unix", "path": "x"},
            reconnect=1,
        ),
        "/arguments/reconnect",
        "member 'reconnect' is unknown here",
        "known in qemu-10.0.13 (deprecated), not in qemu-11.1.3",
    ),
    "value": (
        call(
            "migrate-set-capabilities", capabilities=[{"capability": "zero-blocks", "state": True}]
        ),
        "/arguments/capabilities/0/capability",
        '"zero-blocks" is none of the',
        "accepted in qemu-10.0.13 (deprecated), not in qemu-11.1.3",
    ),
    "mandatory argument": (
        call("cxl-inject-dram-event", path="/x", log="informational", flags=0, dpa=0).replace(
            '"flags": 0', '"flags": 0, "descriptor": 0, "type": 0, "transaction-type": 0'
        ),
        "/arguments",
        "member 'sub-type' is missing",
        "mandatory in qemu-11.1.3, not in qemu-10.0.13",
    ),
    "type": (
        call("block_resize", device="d", size="1M"),
        "/arguments/size",
        "is not an integer",
        "",
    ),
    "typing error": (
        call("block_resize", devise="d", size=1),
        "/arguments/devise",
        "member 'devise' is unknown here",
        "",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_named_catalog_does_not_accept_is_an_error(tmp_path: Path, case: str) -> None:
    sent, pointer, message, elsewhere = WRONG[case]
    found = of_client(outcome(tmp_path / "t", [*opening(), sent, OK], "qemu-11.1.3"))
    error = next(one for one in found if one.severity == "error")
    assert error.requirement == "schema.arguments"
    assert error.pointer == pointer
    assert error.message.startswith(message)
    assert dict(error.more).get("elsewhere", "") == elsewhere


def test_a_call_that_was_refused_is_not_judged_where_it_fits(tmp_path: Path) -> None:
    script = [*opening(), call("migrate_set_speed", value=1), NOT_FOUND, call("cont"), REFUSED]
    found = outcome(tmp_path / "t", script, "qemu-5.2.0")
    assert [one.first.severity for one in found.groups] == ["warning"]  # it is deprecated there
    assert [(one.kind, one.text, one.line) for one in found.unjudged] == [
        ("call", "migrate_set_speed (refused when recorded)", 6),
        ("call", "cont (refused when recorded)", 8),
    ]


def test_without_a_named_catalog_nobody_asks_about_refused_calls(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*opening("7.2.22"), call("cont"), REFUSED])
    assert not check(TraceReader(str(path))).unjudged


COMPRESS = call(
    "migrate-set-capabilities", capabilities=[{"capability": "compress", "state": False}]
)
LISTED = reply(
    [{"capability": "compress", "state": False}, {"capability": "xbzrle", "state": True}]
)


def test_what_a_reply_had_listed_is_conditional(tmp_path: Path) -> None:
    script = [*opening(), call("query-migrate-capabilities"), LISTED, COMPRESS, OK]
    (note,) = of_client(outcome(tmp_path / "t", script, "qemu-10.0.13"))
    assert (note.requirement, note.severity, note.line) == ("schema.conditional", "note", 8)
    assert note.message.endswith("conditional: query-migrate-capabilities had offered it")
    assert dict(note.more)["offered"] == "query-migrate-capabilities, line 7"


@pytest.mark.parametrize(
    "script",
    [
        [COMPRESS, OK, call("query-migrate-capabilities"), LISTED],
        [call("query-migrate-capabilities"), COMPRESS, LISTED, OK],
        [call("query-migrate-capabilities"), reply([{"capability": "xbzrle"}]), COMPRESS, OK],
        [call("query-migrate-capabilities"), reply(["compress", {"capability": 5}]), COMPRESS, OK],
        [call("qom-list-types"), reply([{"name": "compress"}]), COMPRESS, OK],
    ],
    ids=["later", "not answered yet", "not listed", "another shape", "another list"],
)
def test_what_no_reply_had_listed_by_then_is_an_error(tmp_path: Path, script: list[str]) -> None:
    errors = of_client(outcome(tmp_path / "t", [*opening(), *script], "qemu-10.0.13"))
    assert [one.requirement for one in errors] == ["schema.arguments"]


def test_another_session_may_have_asked_but_no_other_server(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t", [*opening(), call("query-migrate-capabilities"), LISTED], close="client"
    )
    probe = path.read_text().splitlines()[:-1]
    for version, severity in (("7.2.0", "note"), ("8.0.0", "error")):
        use = write(tmp_path / "u", [*opening(version), COMPRESS, OK]).read_text().splitlines()
        lines = [one.replace('"conn":1', '"conn":2') for one in use[1:]]
        both = tmp_path / "both"
        both.write_text("\n".join([*probe, *lines]) + "\n")
        found = check(TraceReader(str(both)), Fixed(load_shipped("qemu-10.0.13"))).groups
        assert [one.first.severity for one in found if one.first.blame == "client"] == [severity]


def test_the_list_of_commands_makes_a_command_conditional(tmp_path: Path) -> None:
    listed = reply([{"name": "migrate_set_speed"}])
    script = [*opening("5.2.0"), call("query-commands"), listed, call("migrate_set_speed", value=1)]
    (note,) = of_client(outcome(tmp_path / "t", [*script, OK], "qemu-11.1.3"))
    assert (note.requirement, note.severity) == ("schema.conditional", "note")


SCHEMA = reply(
    [
        {"meta-type": "command", "name": "migrate_set_speed", "arg-type": "0", "ret-type": "0"},
        {"meta-type": "command", "name": "migrate", "arg-type": "1", "ret-type": "0"},
        {"meta-type": "object", "name": "0", "members": []},
        {"meta-type": "object", "name": "1", "members": [{"name": "detach", "type": "bool"}]},
    ]
)


def test_the_whole_schema_is_a_weak_offer_of_a_command_and_none_of_an_argument(
    tmp_path: Path,
) -> None:
    script = [
        *opening("5.2.0"),
        call("query-qmp-schema"),
        SCHEMA,
        call("migrate_set_speed", value=1),
        OK,
        call("migrate", uri="x", detach=True),
        OK,
    ]
    error, warning = of_client(outcome(tmp_path / "t", script, "qemu-11.1.3"))
    assert (warning.requirement, warning.severity) == ("schema.looked-up", "warning")
    assert "conditional if the client reads the schema" in warning.message
    assert (error.requirement, error.pointer) == ("schema.arguments", "/arguments/detach")
    assert dict(error.more)["unless"].endswith("(the reply in line 7)")


def test_what_the_greeting_offers_may_be_enabled(tmp_path: Path) -> None:
    script = opening(capabilities='"oob"')
    script[1] = call("qmp_capabilities", enable=["oob"])
    (note,) = of_client(outcome(tmp_path / "t", script, older()))
    assert (note.requirement, note.pointer) == ("schema.conditional", "/arguments/enable")
    assert dict(note.more)["offered"] == "the greeting, line 3"


def older() -> Catalog:
    """A server from before there were capabilities to enable."""
    commands = {"qmp_capabilities": Command("qmp_capabilities")}
    return Catalog("qemu-2.6.0", Source("introspection", version="2.6.0"), commands, {}, {})


def fragment(partial: str = "", form: str = "man-roff") -> Catalog:
    commands = {"stop": Command("stop"), "qmp_capabilities": Command("qmp_capabilities")}
    source = Source("document", version="2.9-dev", form=form, partial=partial)
    return Catalog("qemu-2.9-doc", source, commands, {}, {})


@pytest.mark.parametrize(
    ("catalog", "texts"),
    [
        (
            fragment("24 of the commands"),
            [
                "cont (qemu-2.9-doc does not describe it: 24 of the commands)",
                "stop /arguments/x (qemu-2.9-doc does not describe it: 24 of the commands)",
            ],
        ),
        (
            fragment(form="qmp-commands.txt"),
            [
                "cont (qemu-2.9-doc does not describe it)",
                "stop /arguments/x (qemu-2.9-doc does not describe it)",
            ],
        ),
        (fragment(), []),
    ],
    ids=["partial", "written by hand", "whole"],
)
def test_what_a_catalog_need_not_describe_is_not_judged(
    tmp_path: Path, catalog: Catalog, texts: list[str]
) -> None:
    script = [*opening("2.9.0"), call("cont"), OK, call("stop", x=1), OK]
    found = outcome(tmp_path / "t", script, catalog)
    assert [(one.kind, one.text) for one in found.unjudged] == [("call", one) for one in texts]
    assert len(of_client(found)) == 2 - len(texts)


def test_a_named_catalog_of_the_very_build_blames_both(tmp_path: Path) -> None:
    catalog = load_shipped("qemu-7.2.22")
    basis = Basis(catalog, named=True, very_build=True)
    path = write(tmp_path / "t", [*opening(), call("no-such"), OK, call("stop", x=1), OK])
    found = check(TraceReader(str(path)), lambda *_: basis).groups
    assert sorted((one.first.requirement, one.first.blame) for one in found) == [
        ("request.strict-arguments", "server"),
        ("request.unknown-command", "server"),
        ("schema.arguments", "client"),
        ("schema.command-known", "client"),
    ]


def test_redacted_values_are_not_judged(tmp_path: Path) -> None:
    sent = call("block_resize", device="d", size="x") + '\t"redacted":["/arguments/size"]'
    assert of_client(outcome(tmp_path / "t", [*opening(), sent, OK], "qemu-11.1.3")) == []


def test_of_a_call_with_many_flaws_only_the_first_look_at_other_releases(tmp_path: Path) -> None:
    sent = call("migrate", uri="x", detach=True, **{f"a{number}": 1 for number in range(30)})
    found = of_client(outcome(tmp_path / "t", [*opening(), sent, OK], "qemu-11.1.3"))
    assert len(found) == 31
    assert [one.pointer for one in found if one.more] == ["/arguments/detach"]


def test_what_waits_for_too_long_is_told_as_if_it_had_not_been_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_MOST_BAD", 2)
    sent = [call("stop", x=number) for number in range(3)]
    path = write(tmp_path / "t", [*opening("8.0.0"), *sent, OK, OK, OK])
    found = [one for one in findings(TraceReader(str(path))) if one.subject == "stop"]
    assert sorted((one.line, one.requirement) for one in found) == [
        (6, "schema.arguments"),
        (7, "schema.additions"),
        (8, "schema.additions"),
    ]
