"""Which catalog a trace is checked against."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from qmpconf.check.basis import Basis
from qmpconf.check.checking import automatic, check, check_trace
from qmpconf.check.choice import Fixed
from qmpconf.check.collect import collect
from qmpconf.check.exercised import RULES
from qmpconf.protocol.dialect import QGA
from qmpconf.protocol.framing import Framer
from qmpconf.report import coverage as report
from qmpconf.schema.select import Version, of_product
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.writer import TraceWriter
from tests.check.scripts import GREETING, OPENING, VERSION, schema_entries, schema_reply, write

if TYPE_CHECKING:
    from pathlib import Path

ASK = '> {"execute": "query-qmp-schema"}'
BAD = ['> {"execute": "paint", "arguments": {"style": "plain", "colour": 5}}', "< {}"]
BAD[1] = '< {"error": {"class": "GenericError", "desc": "x"}}'

SEVEN = load_shipped("qemu-7.2.22").source.package
REAL = json.dumps({"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": SEVEN})


def opening(version: str) -> list[str]:
    return [line.replace(VERSION, version) for line in OPENING]


def outcome(path: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Which schemas were used, and the findings."""
    found = check(TraceReader(str(path)))
    return found.schemas, [(group.first.requirement, group.first.line) for group in found.groups]


def test_the_schema_reply_in_the_trace(tmp_path: Path) -> None:
    schemas, found = outcome(write(tmp_path / "t", [*OPENING, ASK, schema_reply(), *BAD]))
    assert schemas == ["the schema reply in line 7"]
    assert found == [("schema.arguments", 8)]


def test_a_reply_that_comes_last_counts_for_what_came_before(tmp_path: Path) -> None:
    schemas, found = outcome(write(tmp_path / "t", [*OPENING, *BAD, ASK, schema_reply()]))
    assert schemas == ["the schema reply in line 9"]
    assert ("schema.arguments", 6) in found


def test_a_reply_in_another_session_of_that_build_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*OPENING, ASK, schema_reply()], close="")
    lines = path.read_text().splitlines()
    again = write(tmp_path / "u", [*OPENING, *BAD], close="").read_text().splitlines()[1:]
    lines += [line.replace('"conn":1', '"conn":2') for line in again]
    path.write_text("\n".join(lines) + "\n")
    schemas, found = outcome(path)
    assert schemas == ["the schema reply in line 7"]
    assert ("schema.arguments", 12) in found


def test_a_reply_that_is_spread_over_lines(tmp_path: Path) -> None:
    """As `pretty=on` writes it: several raw records, one message."""
    path = write(tmp_path / "t", [*OPENING, ASK, schema_reply()], close="")
    lines = path.read_text().splitlines()
    for at in (2, 6):
        message = json.loads(lines[at])["msg"]
        record = {"t": 1.0, "conn": 1, "from": "server"}
        lines[at] = "\n".join(
            json.dumps({**record, "raw": part + "\r\n"})
            for part in json.dumps(message, indent=4).splitlines()
        )
    path.write_text("\n".join(lines) + "\n")
    schemas, _ = outcome(path)
    assert schemas[0].startswith("the schema reply in line ")


def test_the_very_build_is_shipped(tmp_path: Path) -> None:
    schemas, found = outcome(write(tmp_path / "t", opening(REAL)))
    assert schemas == [
        "qemu-7.2.22, introspected from this very build, qemu-system-x86_64 assumed (by the greeting in line 3)"
    ]
    assert found == []


def test_another_build_of_that_version(tmp_path: Path) -> None:
    schemas, _ = outcome(write(tmp_path / "t", opening(REAL.replace(SEVEN, "mine"))))
    assert schemas == [
        "qemu-7.2.22, of the same version, another build (by the greeting in line 3)"
    ]


TARGET = '> {"execute": "query-target", "id": 1}'


@pytest.mark.parametrize(
    ("version", "architecture", "chosen"),
    [
        ((5, 0, 0), "aarch64", "qemu-5.0.0-aarch64, of the same version, another build"),
        ((5, 0, 0), "x86_64", "qemu-5.0.0, of the same version, another build"),
        ((5, 0, 0), "i386", "qemu-5.0.0, of the same version, another build"),
        # the release counts more, and it is said that it is another architecture's
        ((5, 1, 0), "aarch64", "qemu-5.1.0 of x86_64, of the same version, another build"),
    ],
)
def test_of_a_release_the_server_s_own_architecture(
    tmp_path: Path, version: tuple[int, int, int], architecture: str, chosen: str
) -> None:
    major, minor, micro = version
    greeted = json.dumps({"qemu": {"micro": micro, "minor": minor, "major": major}, "package": ""})
    told = f'< {{"return": {{"arch": "{architecture}"}}, "id": 1}}'
    schemas, found = outcome(write(tmp_path / "t", [*opening(greeted), TARGET, told]))
    assert schemas == [f"{chosen} (by the greeting in line 3)"]
    assert found == []


def test_a_build_of_another_architecture_is_not_the_very_build(tmp_path: Path) -> None:
    """Debian's package strings are the same for all of its emulators."""
    told = '< {"return": {"arch": "sh4"}, "id": 1}'
    schemas, _ = outcome(write(tmp_path / "t", [*opening(REAL), TARGET, told]))
    assert schemas == [
        "qemu-7.2.22 of x86_64, of the same version, another build (by the greeting in line 3)"
    ]


CPUS = '> {"execute": "query-cpus-fast", "id": 1}'


@pytest.mark.parametrize("arch", ["", '"arch": "x86", '])  # until 6.0, next to the target
@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        ("x86_64", "qemu-7.2.22, introspected from this very build"),
        ("i386", "qemu-7.2.22, introspected from this very build"),
        ("aarch64", "qemu-7.2.22-aarch64, introspected from this very build"),
        ("sh4", "qemu-7.2.22 of x86_64, of the same version, another build"),
    ],
)
def test_a_processor_says_the_architecture(
    tmp_path: Path, target: str, chosen: str, arch: str
) -> None:
    one = f'{{"cpu-index": 0, {arch}"thread-id": 9, "qom-path": "/x", "target": "{target}"}}'
    told = f'< {{"return": [{one}], "id": 1}}'
    schemas, _ = outcome(write(tmp_path / "t", [*opening(REAL), CPUS, told]))
    assert schemas == [f"{chosen} (by the greeting in line 3)"]


@pytest.mark.parametrize(
    ("program", "chosen"),
    [
        ("qemu-system-aarch64", "qemu-7.2.22-aarch64, introspected from this very build"),
        ("/usr/bin/qemu-system-x86_64", "qemu-7.2.22, introspected from this very build"),
        (
            "my-emulator",
            "qemu-7.2.22, introspected from this very build, qemu-system-x86_64 assumed",
        ),
    ],
)
def test_the_emulator_that_was_started_says_the_architecture(
    tmp_path: Path, program: str, chosen: str
) -> None:
    path = write(tmp_path / "t", opening(REAL))
    header, *rest = path.read_text().splitlines(keepends=True)
    meta = json.loads(header)
    meta["meta"] = {"spawn": f"{program} -M virt -qmp unix:{{socket}}"}
    path.write_text("".join((json.dumps(meta) + "\n", *rest)))
    schemas, _ = outcome(path)
    assert schemas == [f"{chosen} (by the greeting in line 3)"]


def test_a_version_that_nothing_fits(tmp_path: Path) -> None:
    schemas, _ = outcome(write(tmp_path / "t", opening(REAL.replace('"major": 7', '"major": 99'))))
    assert "releases away" in schemas[0]


def test_two_servers_in_one_trace(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*OPENING, ASK, schema_reply()], close="")
    lines = path.read_text().splitlines()
    again = write(tmp_path / "u", opening(REAL), close="").read_text().splitlines()[1:]
    lines += [line.replace('"conn":1', '"conn":2') for line in again]
    path.write_text("\n".join(lines) + "\n")
    schemas, _ = outcome(path)
    assert schemas == [
        "the schema reply in line 7",
        "qemu-7.2.22, introspected from this very build, qemu-system-x86_64 assumed (by the greeting in line 9)",
    ]


def test_a_reply_that_does_not_list_its_own_command_is_not_whole(tmp_path: Path) -> None:
    entries = [one for one in schema_entries() if one["name"] != "query-qmp-schema"]
    reply = "< " + json.dumps({"return": entries})
    status = ['> {"execute": "query-status"}', '< {"return": {"status": "x"}}']
    schemas, found = outcome(write(tmp_path / "t", [*opening(REAL), ASK, reply, *status]))
    assert schemas[0].startswith("qemu-7.2.22, introspected from this very build")
    assert schemas[0].endswith(
        "; the schema reply in line 7 is not whole: it does not list query-qmp-schema itself)"
    )
    assert ("request.unknown-command", 8) not in found


@pytest.mark.parametrize(
    ("version", "missing", "product"),
    [
        (REAL, "query-status", "qemu-storage-daemon-7.2.22, introspected from this very build (by"),
        (REAL, "query-spice", "qemu-7.2.22, introspected"),  # which may not be built
        (VERSION.replace("7", "4"), "query-status", "qemu-4.0"),  # when there was no daemon
    ],
)
def test_a_storage_daemon_shows_in_what_it_lacks(
    tmp_path: Path, version: str, missing: str, product: str
) -> None:
    error = f'{{"class": "CommandNotFound", "desc": "The command {missing} has not been found"}}'
    asked = [f'> {{"execute": "{missing}"}}', f'< {{"error": {error}}}']
    schemas, found = outcome(write(tmp_path / "t", [*opening(version), *asked]))
    assert schemas[0].startswith(product)
    is_daemon = "daemon" in product
    assert ("as line 7 says, it has no query-status" in schemas[0]) == is_daemon
    assert (("schema.command-known", 6) in found) == is_daemon


def test_a_malformed_reply_is_passed_over(tmp_path: Path) -> None:
    reply = '< {"return": [{"meta-type": "tuple", "name": "x"}]}'
    schemas, _ = outcome(write(tmp_path / "t", [*opening(REAL), ASK, reply]))
    assert schemas[0].startswith(
        "qemu-7.2.22, introspected from this very build, qemu-system-x86_64 assumed"
    )
    assert schemas[0].endswith("; the schema reply in line 7 is malformed)")


@pytest.mark.parametrize(
    "greeting",
    [
        '< {"QMP": {"version": "0.12", "capabilities": []}}',
        '< {"QMP": []}',
        '< {"event": "QMP"}',
        '< {"QMP": {}}',
    ],
)
def test_without_a_version_the_wire_alone_is_checked(tmp_path: Path, greeting: str) -> None:
    schemas, _ = outcome(write(tmp_path / "t", [greeting, *OPENING[1:]]))
    assert schemas == []


def test_the_storage_daemon_shows_in_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "t", opening(REAL))
    text = path.read_text()
    path.write_text(text.replace('"meta":{}', '"meta":{"server":"qemu-storage-daemon --x"}'))
    schemas, _ = outcome(path)
    assert schemas[0].startswith("qemu-storage-daemon-7.2.22, introspected from this very build")


def test_compressed_traces(tmp_path: Path) -> None:
    path = write(tmp_path / "t", [*OPENING, ASK, schema_reply()])
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert outcome(path)[0] == ["the schema reply in line 7"]


def test_a_named_catalog_is_of_the_very_build_only_for_it(tmp_path: Path) -> None:
    choose = Fixed(load_shipped("qemu-7.2.22"))
    extra = ['> {"execute": "stop"}', '< {"return": {"new": 1}}']
    for version, requirement in ((REAL, "response.void"), (VERSION, "schema.additions")):
        path = write(tmp_path / "t", [*opening(version), *extra])
        (group,) = check(TraceReader(str(path)), choose).groups
        assert group.first.requirement == requirement


def test_a_server_older_than_the_catalog_may_lack_members(tmp_path: Path) -> None:
    ask = ['> {"execute": "query-status"}', '< {"return": {"running": true, "status": "running"}}']
    choose = Fixed(load_shipped("qemu-7.2.22"))
    older = VERSION.replace('"minor": 0', '"minor": 1')
    newer = VERSION.replace('"major": 7', '"major": 8')
    for version, requirement, severity in (
        (older, "schema.not-yet", "note"),
        (newer, "schema.return", "error"),
        (REAL, "schema.return", "error"),
    ):
        path = write(tmp_path / "t", [*opening(version), *ask])
        (group,) = check(TraceReader(str(path)), choose).groups
        assert group.first.message == "member 'singlestep' is missing"
        assert (group.first.requirement, group.first.severity) == (requirement, severity)


def test_documents_do_not_tell_what_may_be_sent_out_of_band(tmp_path: Path) -> None:
    script = [
        opening(REAL)[0],
        '> {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}',
        '< {"return": {}}',
        '> {"exec-oob": "query-yank", "id": 1}',
        '< {"return": [], "id": 1}',
    ]
    path = write(tmp_path / "t", script)
    assert list(check(TraceReader(str(path)), Fixed(load_shipped("qemu-7.2.22-doc"))).groups) == []


def test_automatic_reads_the_whole_trace_once(tmp_path: Path) -> None:
    chosen = automatic(TraceReader(str(write(tmp_path / "t", [GREETING]))))
    assert chosen.used == []
    assert chosen(1, 0) is not None
    assert len(chosen.used) == 1


def test_an_agent_that_does_not_say_its_version_is_held_against_the_newest(tmp_path: Path) -> None:
    path = str(tmp_path / "t.qmptrace")
    with TraceWriter(path) as writer:
        writer.open(1)
        writer.frames(1, "client", Framer().feed(b'\xff{"execute":"guest-ping"}\n'))
        writer.frames(1, "server", Framer().feed(b'{"return": {}}\n'))
        writer.close(1, "client")
    outcome = check_trace(path)
    why = "the newest that ships (no reply to guest-info names the server's version)"
    assert outcome.schemas == [f"{of_product('qemu-ga')[-1]}, {why}"]
    # Its coverage is that of its own catalog, and of the requirements that an agent has.
    found = collect(TraceReader(path))
    assert found.dialects == ("qga",)
    assert [one.catalog for one in found.catalogs] == [of_product("qemu-ga")[-1]]
    counted = report.requirements(found)
    assert counted.all == sum(QGA.has(one) for one in RULES)
    assert 0 < counted.exercised < counted.all


def test_a_named_catalog_keeps_its_version_towards_any_server() -> None:
    catalog = load_shipped("qemu-7.2.22")
    other = Version.parse("10.0.0", "")
    assert Basis(catalog, named=True).towards(other).version == Version.parse(
        catalog.source.version, catalog.source.package
    )
    assert Basis(catalog).towards(other).version == other


def test_a_session_without_a_greeting_is_of_the_version_at_its_address(tmp_path: Path) -> None:
    """Another server in the same recording has another version."""
    script = []
    for conn, address, version in ((1, "a", VERSION), (2, "b", REAL)):
        lines = write(tmp_path / "one", opening(version)).read_text().splitlines()[1:]
        script += [{**json.loads(line), "conn": conn} for line in lines]
        for record in script:
            if record["conn"] == conn and "open" in record:
                record["open"]["server"] = f"unix:{address}"
    asked = {"execute": "query-status"}
    script.append({"t": 9, "conn": 3, "open": {"client": "unix:c", "server": "unix:b"}})
    script.append({"t": 9, "conn": 3, "from": "server", "gap": 10})
    script.append({"t": 9, "conn": 3, "from": "client", "msg": asked})
    head = (tmp_path / "one").read_text().splitlines()[0]
    path = tmp_path / "t"
    path.write_text("\n".join([head, *map(json.dumps, script)]) + "\n")
    found = check(TraceReader(str(path)))
    assert not [one for one in found.unjudged if one.kind == "schema"], found.unjudged
