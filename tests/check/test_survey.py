"""What a trace says about its servers, wherever and however it says it."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.checking import automatic, check, look_through, utterance
from qmpconf.check.choice import Automatic
from qmpconf.check.survey import MOST_REPLIES, Utterance, may_tell, of_file, survey
from qmpconf.schema.select import Version
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import schema_entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PAINT = {"execute": "paint", "arguments": {"style": "plain", "colour": 5}}
REFUSED = {"error": {"class": "GenericError", "desc": "x"}}
SCHEMA: dict[str, Any] = {"return": schema_entries()}
#: Another server: it has one more event.
OTHER = {"return": [*schema_entries(), {"meta-type": "event", "name": "BELL", "arg-type": "0"}]}


def version(major: int, minor: int, micro: int = 0, package: str = "sample") -> dict[str, Any]:
    numbers = {"major": major, "minor": minor, "micro": micro}
    return {"qemu": numbers, "package": package}


def greeting(major: int, minor: int, micro: int = 0) -> dict[str, Any]:
    return {"QMP": {"version": version(major, minor, micro), "capabilities": []}}


def record(conn: int, message: Any, **members: Any) -> str:
    sender = "client" if {"execute", "exec-oob"} & set(message) else "server"
    text = json.dumps({"t": 0.0, "conn": conn, "from": sender, **members})
    return text if members else f'{text[:-1]},"msg":{json.dumps(message)}}}'


def trace(path: Path, lines: Iterable[str], **meta: Any) -> TraceReader:
    """A trace; its first record is line 2."""
    head = {"qmptrace": 1, "started": "2026-11-20T05:17:00.000000Z", "recorder": "x", "meta": meta}
    path.write_text("\n".join([json.dumps(head), *lines]) + "\n")
    return TraceReader(str(path))


def session(conn: int, *messages: Any) -> list[str]:
    return [record(conn, one) for one in messages]


def judged(reader: TraceReader) -> tuple[list[str], list[int], list[str]]:
    """Which schemas were used; lines with bad arguments; why sessions were not judged."""
    found = check(reader)
    lines = [one.first.line for one in found.groups if one.first.requirement == "schema.arguments"]
    return found.schemas, lines, [one.text for one in found.unjudged if one.kind == "schema"]


def test_a_reply_counts_without_a_greeting_and_without_its_command(tmp_path: Path) -> None:
    schemas, lines, _ = judged(trace(tmp_path / "t", session(1, SCHEMA, PAINT, REFUSED)))
    assert (schemas, lines) == (["the schema reply in line 2"], [3])


def test_a_reply_counts_for_a_session_that_says_nothing(tmp_path: Path) -> None:
    lines = [*session(1, PAINT, REFUSED), *session(2, SCHEMA)]
    schemas, wrong, _ = judged(trace(tmp_path / "t", lines))
    assert schemas == [
        "the schema reply in line 4, of another session",
        "the schema reply in line 4",
    ]
    assert wrong == [2]


def test_a_reply_of_another_version_does_not_count(tmp_path: Path) -> None:
    lines = [*session(1, greeting(9, 2), PAINT, REFUSED), *session(2, greeting(9, 1), SCHEMA)]
    schemas, wrong, _ = judged(trace(tmp_path / "t", lines))
    assert wrong == []
    assert schemas[0].startswith("qemu-9.2.0, of the same version, another build")


def test_each_server_has_its_own_reply(tmp_path: Path) -> None:
    bell = {"event": "BELL", "timestamp": {"seconds": 1, "microseconds": 1}}
    lines = [*session(1, greeting(9, 1), SCHEMA, bell), *session(2, greeting(9, 2), OTHER, bell)]
    found = check(trace(tmp_path / "t", lines))
    assert found.schemas == ["the schema reply in line 3", "the schema reply in line 6"]
    wrong = [
        one.first.line for one in found.groups if one.first.requirement == "schema.event-known"
    ]
    assert wrong == [4]


def test_two_builds_of_one_version_are_told_apart_by_their_address(tmp_path: Path) -> None:
    def opened(conn: int, server: str) -> str:
        ends = {"client": "x", "server": server}
        return json.dumps({"t": 0.0, "conn": conn, "open": ends}, separators=(",", ":"))

    lines = [
        *(opened(1, "unix:a"), *session(1, greeting(9, 1), SCHEMA)),
        *(opened(2, "unix:b"), *session(2, greeting(9, 1), OTHER)),
        *(opened(3, "unix:b"), *session(3, greeting(9, 1), PAINT, REFUSED)),
        *(opened(4, "unix:c"), *session(4, greeting(9, 1), PAINT, REFUSED)),
    ]
    schemas, _, _ = judged(trace(tmp_path / "t", lines))
    assert schemas[:2] == ["the schema reply in line 4", "the schema reply in line 7"]
    assert schemas[2].endswith("; 2 different schema replies are in the trace)")


def test_a_session_that_may_be_of_several_servers_is_not_judged(tmp_path: Path) -> None:
    lines = [
        *session(1, greeting(9, 1), SCHEMA),
        *session(2, greeting(9, 2)),
        *session(3, PAINT, REFUSED),
    ]
    _, wrong, lacks = judged(trace(tmp_path / "t", lines))
    assert wrong == []
    (lack,) = lacks
    assert "does not name its server, and the trace has several (9.1.0, 9.2.0)" in lack


def test_the_greeting_counts_more_than_query_version_and_that_than_the_name(tmp_path: Path) -> None:
    meta = {"converted": {"from": "caps_5.2.0_x86_64.replies", "format": "replies"}}
    for messages, words in (
        ([greeting(7, 2, 22), {"return": version(10, 0, 13)}], "qemu-7.2.22, .*by the greeting"),
        (
            [{"return": version(10, 0, 13)}],
            "qemu-10.0.13, .*by the reply to query-version in line 2",
        ),
        ([PAINT], "qemu-5.2.0, of the same version, .*the file's name, caps_5.2.0_x86_64.replies"),
    ):
        reader = trace(tmp_path / "t", session(1, *messages), **meta)
        (sentence,), _, _ = judged(reader)
        assert re.search(words, sentence), sentence


def test_without_anything_the_session_is_not_judged(tmp_path: Path) -> None:
    found = check(trace(tmp_path / "t", [*session(1, PAINT, REFUSED), *session(2, PAINT)]))
    assert found.schemas == []
    (lack,) = found.unjudged
    assert (lack.kind, lack.line, lack.count) == ("schema", 2, 2)
    assert lack.text == (
        "no schema could be chosen: neither a greeting nor a reply to query-version names the "
        "server's version"
    )
    assert "--schema NAME" in lack.advice


@pytest.mark.parametrize("form", ["raw", "b64", "parts"])
def test_a_reply_in_any_form_of_record(tmp_path: Path, form: str) -> None:
    text = json.dumps(SCHEMA, indent=4) + "\r\n"
    if form == "parts":  # cut inside of every word that could be looked for
        parts = [text[at : at + 3] for at in range(0, len(text), 3)]
        lines = [record(1, SCHEMA, raw=part) for part in parts]
    elif form == "raw":
        lines = [record(1, SCHEMA, raw=text)]
    else:
        lines = [record(1, SCHEMA, b64=base64.b64encode(text.encode()).decode())]
    schemas, wrong, _ = judged(trace(tmp_path / "t", [*lines, *session(1, PAINT, REFUSED)]))
    (schema,) = schemas
    assert int(schema.removeprefix("the schema reply in line ")) in (len(lines), len(lines) + 1)
    assert wrong == [len(lines) + 2]


def test_a_reply_that_is_cut_off_is_named(tmp_path: Path) -> None:
    text = json.dumps(SCHEMA)[:400]
    gap = '{"t":0.0,"conn":1,"from":"server","gap":0}'
    for first, start in (([greeting(7, 2, 22)], 3), ([], 2)):
        lines = [*session(1, *first), record(1, SCHEMA, raw=text), gap]
        schemas, _, lacks = judged(trace(tmp_path / "t", lines))
        (sentence,) = schemas or lacks
        assert f"the schema reply in line {start} is cut off" in sentence


def test_entries_that_are_none_are_malformed(tmp_path: Path) -> None:
    bad = {"return": [{"meta-type": "tuple", "name": "x"}, 5]}
    _, _, (lack,) = judged(trace(tmp_path / "t", session(1, bad)))
    assert "the schema reply in line 2 is malformed; neither" in lack


def test_a_second_greeting_in_a_session_begins_another_server(tmp_path: Path) -> None:
    lines = session(1, greeting(9, 1), SCHEMA, greeting(7, 2, 22), PAINT, REFUSED)
    schemas, wrong, _ = judged(trace(tmp_path / "t", lines))
    assert [one.partition(",")[0] for one in schemas] == [
        "the schema reply in line 3",
        "qemu-7.2.22",
    ]
    assert wrong == []


def test_query_version_in_the_middle_of_a_session_counts_for_all_of_it(tmp_path: Path) -> None:
    stop = {"execute": "stop", "arguments": {"now": True}}
    lines = session(1, stop, REFUSED, {"return": version(7, 2, 22)})
    schemas, wrong, _ = judged(trace(tmp_path / "t", lines))
    assert schemas[0].startswith("qemu-7.2.22, of the same version, another build (by the reply")
    assert wrong == [2]


@pytest.mark.parametrize(
    ("name", "form", "found"),
    [
        ("caps_7.2.0_x86_64.replies", "replies", (7, 2, 0)),
        ("caps_10.0.0_aarch64.replies", "replies", (10, 0, 0)),
        ("caps_8.0.0_x86_64+hvf.replies", "replies", (8, 0, 0)),
        ("caps_2.12.0.x86_64.replies", "replies", (2, 12, 0)),
        ("qemu-7.2-full.replies", "replies", (7, 2, 0)),
        ("qemu-system-x86_64-9.1.2.log", "transcript", (9, 1, 2)),
        ("qemu_v10.0.txt", "transcript", (10, 0, 0)),
        ("libvirt-9.0-qemu-7.2-all.log", "libvirt", (7, 2, 0)),
        ("caps_7.2.0.txt", "transcript", None),
        ("libvirtd-9.0.0.log", "libvirt", None),
        ("qemu-7.2-to-10.0-qemu-10.0.txt", "transcript", None),
        ("qemu-2024.11.20.log", "transcript", None),
        ("qemu-10.0.0.5.log", "transcript", None),
        ("qemu.qmp.log", "transcript", None),
        ("my7.2.replies", "replies", None),
        ("", "replies", None),
    ],
)
def test_the_version_in_a_files_name(
    name: str, form: str, found: tuple[int, int, int] | None
) -> None:
    named = of_file({"converted": {"from": name, "format": form}})
    assert (named and named.version) == (found and Version(*found))


def test_what_a_text_says_counts_more_than_its_name() -> None:
    says = {"line": 2, "text": "Connected to QEMU 9.2.0", "version": "9.2.0"}
    named = of_file({"converted": {"from": "qemu-7.2.txt", "format": "qmp-shell", "says": says}})
    assert named is not None
    assert named.version == Version(9, 2, 0)
    assert named.sentence == "by line 2 of the converted text, 'Connected to QEMU 9.2.0'"


@pytest.mark.parametrize("says", [None, [], {"line": 2}, {"line": 1, "text": "x", "version": "x"}])
def test_what_no_text_says_leaves_the_name(says: object) -> None:
    named = of_file({"converted": {"from": "qemu-7.2.txt", "format": "log", "says": says}})
    assert named is not None
    assert named.by == "name"


def test_a_recorder_that_asked_for_the_version(tmp_path: Path) -> None:
    meta = {"trace-log": "vm.log", "query-version": version(7, 2, 22)}
    schemas, _, _ = judged(trace(tmp_path / "t", session(1, PAINT, REFUSED), **meta))
    assert [one.rpartition(" (")[2] for one in schemas] == ["as the machine answered the recorder)"]
    trace(tmp_path / "t", session(1, greeting(9, 1), PAINT), **meta)
    schemas, _, _ = judged(TraceReader(str(tmp_path / "t")))
    assert "by the greeting in line 2" in schemas[0]


@pytest.mark.parametrize("meta", [{}, {"converted": None}, {"converted": {"from": 5}}, {"a": "b"}])
def test_a_trace_that_was_not_converted_has_no_files_name(meta: dict[str, Any]) -> None:
    assert of_file(meta) is None


def test_no_number_of_replies_takes_more_than_some_memory() -> None:
    def said() -> Iterable[Utterance]:
        for number in range(MOST_REPLIES * 3):
            entry = {"meta-type": "event", "name": f"E{number}", "arg-type": "0"}
            yield Utterance(number, number, json.dumps({"return": [entry]}).encode())

    found = survey(said())
    assert len(found.replies) == MOST_REPLIES
    assert found.left_out == MOST_REPLIES * 2


def test_equal_replies_count_as_one(tmp_path: Path) -> None:
    lines = [line for conn in range(1, 40) for line in session(conn, {**SCHEMA, "id": f"[{conn}]"})]
    found = look_through(trace(tmp_path / "t", lines))
    assert len(found.replies) == 1
    assert Automatic(found)(39, 40).sentence == "the schema reply in line 2"  # type: ignore[union-attr]


_SAID = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(
            [
                json.dumps(SCHEMA),
                json.dumps(OTHER),
                json.dumps(SCHEMA)[:300],
                '{"return":[{"meta-type":1}]}',
                json.dumps(greeting(7, 2)),
                json.dumps(greeting(9, 0)),
                '{"QMP":[]}',
                json.dumps({"return": version(8, 1)}),
                '{"return":{"qemu":{"micro":"x"}}}',
                json.dumps(PAINT),
                "{meta-type",
            ]
        ),
    ),
    max_size=12,
)


@settings(deadline=None)  # the first choice loads a catalog
@given(_SAID, st.integers(0, 12))
def test_whatever_was_said_there_is_a_choice_or_a_reason(
    said: list[tuple[int, str]], n: int
) -> None:
    """Also for a session and a line of which nothing is known; and a second call says the same."""
    found = survey(
        Utterance(line, conn, text.encode()) for line, (conn, text) in enumerate(said, 2)
    )
    choose = Automatic(found)
    for conn in range(1, 5):
        first = choose(conn, n)
        assert (getattr(first, "sentence", "") or getattr(first, "advice", "")) != ""
        assert choose(conn, n) is first
    digests = {one.schema for _, one in found if one.schema}
    assert digests <= found.replies.keys()


def test_the_quick_way_and_the_thorough_way_find_the_same(tmp_path: Path) -> None:
    lines = [*session(1, greeting(9, 1), SCHEMA), *session(2, {"return": version(9, 2)}, OTHER)]
    quick = look_through(trace(tmp_path / "q", lines))
    thorough = look_through(trace(tmp_path / "t", [*lines, record(3, SCHEMA, raw="{")]))
    assert quick.stretches == thorough.stretches
    assert quick.replies == thorough.replies
    assert automatic(trace(tmp_path / "q", lines))(2, 4) is not None


#: What both sides say, also what means something only to one of them.
_BOTH = st.sampled_from(
    [
        SCHEMA,
        OTHER,
        greeting(7, 2),
        greeting(9, 0),
        {"return": version(8, 1)},
        {"return": {"arch": "aarch64"}},
        {"return": {"arch": "s390x"}, "id": "x" * 400},
        {"return": [{"cpu-index": 0, "target": "riscv64"}]},
        {"return": [{"cpu-index": 0, "qom-path": "x" * 3000, "target": "ppc64"}]},
        {"return": {"version": "8.2.0", "supported_commands": [{"name": "guest-ping"}]}},
        {"return": {}, "micro": 1},
        {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "X", "data": {"micro": 1}},
        {"execute": "guest-ping"},
        {"execute": "guest-info", "id": 1},
        {"execute": "device_add", "arguments": {"id": "guest-1"}},
        {"execute": "query-version"},
        PAINT,
    ]
)
#: How a line of a trace may be written.
_SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), _BOTH, _SEPARATORS), max_size=12))
def test_lines_that_are_left_out_tell_nothing(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, Any, tuple[str, str]]]
) -> None:
    lines = []
    for conn, message, separators in said:
        sender = "client" if "execute" in message else "server"
        line = {"t": 0.5, "conn": conn, "from": sender, "msg": message}
        lines.append(json.dumps(line, separators=separators))
    reader = trace(tmp_path_factory.mktemp("survey") / "t", lines)
    whole = survey(one for record in reader.records() if (one := utterance(record)) is not None)
    found = look_through(reader)
    assert found.stretches == whole.stretches
    assert found.replies == whole.replies
    assert found.versions == whole.versions
    assert found.of_agents == whole.of_agents
    assert found.agents == whole.agents


def test_most_lines_of_a_recording_need_no_look(tmp_path: Path) -> None:
    lines = [*session(1, greeting(9, 1), PAINT, {"return": {}}, {"return": [{"name": "x"}]})]
    trace(tmp_path / "t", lines)
    assert [may_tell(line.encode()) for line in lines] == [True, False, False, False]
