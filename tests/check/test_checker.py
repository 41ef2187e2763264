"""Sessions with one defect each: found once, at the right line and place, the right side blamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qmpconf.check.basis import Basis
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.store import load_shipped
from tests.check.scripts import FIRST, GREETING, OPENING, basis, checked, schema_entries, write

if TYPE_CHECKING:
    from pathlib import Path

STAMP = '"timestamp": {"seconds": 1, "microseconds": 2}'
GOOD = [
    *OPENING,
    '> {"execute": "paint", "arguments": {"style": "plain", "colour": "red"}, "id": "a-1"}',
    '< {"return": {}, "id": "a-1"}',
    '> {"execute": "mix", "arguments": {"what": {"parts": [{"size": 1}]}, "names": ["x"]}}',
    '< {"event": "DRIED", "data": {"colour": "red"}, ' + STAMP + "}",
    '< {"return": {"size": 18446744073709551615, "extra": {"a": 1.0}}}',
    '< {"event": "SPILT", ' + STAMP + "}",
    '> {"execute": "device_add", "arguments": {"driver": "d", "anything": [1]}}',
    '< {"error": {"class": "GenericError", "desc": "no such driver"}}',
    '> {"execute": "quit"}',
    '< {"return": {}}',
    '< {"event": "SHUTDOWN", ' + STAMP + "}",
]

#: What is wrong: (messages behind the opening, [(requirement, blame, line - FIRST, pointer)]).
DEFECTS: dict[str, tuple[list[str], list[tuple[str, str, int, str]]]] = {
    # arguments
    "unknown argument": (
        [
            '> {"execute": "paint", "arguments": {"style": "plain", "color": "red"}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "client", 0, "/arguments/color")],
    ),
    "missing argument": (
        [
            '> {"execute": "paint", "arguments": {"style": "plain"}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "client", 0, "/arguments")],
    ),
    "arguments left out": (
        ['> {"execute": "mix"}', '< {"error": {"class": "GenericError", "desc": "x"}}'],
        [
            ("schema.arguments", "client", 0, "/arguments"),
            ("schema.arguments", "client", 0, "/arguments"),
        ],
    ),
    "wrong type deep inside": (
        [
            (
                '> {"execute": "mix", "arguments": {"what": {"parts": [{}, {"size": 1.0}]},'
                ' "names": []}}'
            ),
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "client", 0, "/arguments/what/parts/1/size")],
    ),
    "unknown value of a tag": (
        [
            '> {"execute": "paint", "arguments": {"style": "plian", "colour": "red"}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "client", 0, "/arguments/style")],
    ),
    "integer beyond 64 bits": (
        [
            (
                '> {"execute": "paint", "arguments":'
                ' {"style": "plain", "colour": "", "layers": 18446744073709551616}}'
            ),
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "client", 0, "/arguments/layers")],
    ),
    "arguments that a pointer must escape": (
        [
            '> {"execute": "stir", "arguments": {"a/b~c": 1}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [
            ("schema.arguments", "client", 0, "/arguments/a~1b~0c"),
            ("compat.deprecated", "client", 0, "/execute"),
        ],
    ),
    "bad arguments that were taken": (
        ['> {"execute": "quit", "arguments": {"now": true}}', '< {"return": {}}'],
        [
            ("schema.arguments", "client", 0, "/arguments/now"),
            ("request.strict-arguments", "server", 1, ""),
        ],
    ),
    "an argument that stands twice": (
        [
            '> {"execute": "paint", "arguments": {"style": "bare", "style": "bare"}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.member-once", "client", 0, "/arguments/style")],
    ),
    "a member that stands twice deep inside": (
        [
            '> {"execute": "mix", "arguments": {"what": null, "names": []}}',
            '< {"return": {"extra": [{"a": {}, "a": {}}]}}',
        ],
        [("schema.member-once", "server", 1, "/return/extra/0/a")],
    ),
    "a member of the request that stands twice": (
        [
            '> {"execute": "quit", "execute": "quit"}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("request.members", "client", 0, "/execute")],
    ),
    # commands
    "unknown command": (
        [
            '> {"execute": "point"}',
            '< {"error": {"class": "CommandNotFound", "desc": "x"}}',
        ],
        [("schema.command-known", "client", 0, "/execute")],
    ),
    "command that introspection hides": (
        ['> {"execute": "secret"}', '< {"return": {}}'],
        [("request.unknown-command", "server", 1, "")],
    ),
    "deprecated command": (
        ['> {"execute": "stir"}', '< {"return": []}'],
        [("compat.deprecated", "client", 0, "/execute")],
    ),
    "deprecated value": (
        ['> {"execute": "paint", "arguments": {"style": "gilded"}}', '< {"return": {}}'],
        [("compat.deprecated", "client", 0, "/arguments/style")],
    ),
    "unstable member": (
        [
            (
                '> {"execute": "paint", "arguments":'
                ' {"style": "striped", "width": "wide", "ratio": 1, "x-old": true}}'
            ),
            '< {"return": {}}',
        ],
        [("compat.unstable", "client", 0, "/arguments/x-old")],
    ),
    # what the server sends
    "undocumented return member": (
        [
            '> {"execute": "mix", "arguments": {"what": null, "names": []}}',
            '< {"return": {"parts": [{"sise": 1}]}}',
        ],
        [("schema.return", "server", 1, "/return/parts/0/sise")],
    ),
    "return of the wrong type": (
        ['> {"execute": "mix", "arguments": {"what": null, "names": []}}', '< {"return": []}'],
        [("schema.return", "server", 1, "/return")],
    ),
    "a return where there is none": (
        ['> {"execute": "quit"}', '< {"return": {"ok": true}}'],
        [("response.void", "server", 1, "/return/ok")],
    ),
    "event data of the wrong type": (
        ['< {"event": "DRIED", "data": {"colour": 5}, ' + STAMP + "}"],
        [("schema.event-data", "server", 0, "/data/colour")],
    ),
    "event without its data": (
        ['< {"event": "DRIED", ' + STAMP + "}"],
        [("schema.event-data", "server", 0, "/data")],
    ),
    "event with data that it has not": (
        ['< {"event": "SPILT", "data": {"a": 1}, ' + STAMP + "}"],
        [("schema.event-data", "server", 0, "/data/a")],
    ),
    "unknown event": (
        ['< {"event": "SPILLED", ' + STAMP + "}"],
        [("schema.event-known", "server", 0, "/event")],
    ),
    "event data that are not an object": (
        ['< {"event": "DRIED", "data": [], ' + STAMP + "}"],
        [("event.shape", "server", 0, "/data")],
    ),
    "event without a name": (
        ['< {"event": 5, ' + STAMP + "}"],
        [("event.shape", "server", 0, "/event")],
    ),
    # the wire
    "wrong id": (
        ['> {"execute": "quit", "id": 1}', '< {"return": {}, "id": 2}'],
        [("response.id-echo", "server", 1, "/id")],
    ),
    "no response": (
        ['> {"execute": "mix", "arguments": {"what": null, "names": []}}'],
        [],
    ),
    "a response to nothing": (
        ['< {"return": {}}'],
        [("response.exactly-one", "server", 0, "")],
    ),
    "no CR LF": (
        ['> {"execute": "quit"}', '< {"return": {}}\t"end":"\\n"'],
        [("framing.crlf", "server", 1, "")],
    ),
    "unknown member of a request": (
        [
            '> {"execute": "quit", "argument": {}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("request.members", "client", 0, "/argument")],
    ),
    "arguments that are not an object": (
        [
            '> {"execute": "paint", "arguments": []}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("request.arguments-object", "client", 0, "/arguments")],
    ),
    "a command that is not a string": (
        ['> {"execute": 5}', '< {"error": {"class": "GenericError", "desc": "x"}}'],
        [("request.execute-string", "client", 0, "/execute")],
    ),
    "an error of an unknown class": (
        ['> {"execute": "quit"}', '< {"error": {"class": "Oops", "desc": "x"}}'],
        [("response.error-class", "server", 1, "/error/class")],
    ),
    "a second negotiation": (
        ['> {"execute": "qmp_capabilities"}', '< {"return": {}}'],
        [("negotiation.once", "server", 1, "")],
    ),
}


def placed(path: Path) -> list[tuple[str, str, int, str]]:
    return [(one.requirement, one.blame, one.line, one.pointer) for one in checked(path)]


def test_a_correct_session_has_no_findings(tmp_path: Path) -> None:
    assert checked(write(tmp_path / "t", GOOD)) == []


def test_a_correct_session_that_was_cut_off_has_none(tmp_path: Path) -> None:
    for length in range(len(GOOD)):
        assert checked(write(tmp_path / "t", GOOD[:length], close="")) == []


@pytest.mark.parametrize("case", DEFECTS)
def test_each_defect_is_found_once_at_its_place(tmp_path: Path, case: str) -> None:
    script, expected = DEFECTS[case]
    found = placed(write(tmp_path / "t", OPENING + script))
    assert found == [(name, blame, FIRST + at, where) for name, blame, at, where in expected]


#: All but the one that a response behind it would mend.
LASTING = [case for case in DEFECTS if case != "no response"]


@pytest.mark.parametrize("case", LASTING)
def test_a_defect_in_a_long_session_is_still_found_alone(tmp_path: Path, case: str) -> None:
    script, expected = DEFECTS[case]
    whole = GOOD[:-3] + script + GOOD[3:-3]
    found = placed(write(tmp_path / "t", whole))
    first = len(GOOD) - 3 + 3
    assert found == [(name, blame, first + at, where) for name, blame, at, where in expected]


def test_before_negotiation(tmp_path: Path) -> None:
    script = [
        GREETING,
        '> {"execute": "quit"}',
        '< {"error": {"class": "CommandNotFound", "desc": "x"}}',
        *OPENING[1:],
    ]
    assert placed(write(tmp_path / "t", script)) == [("negotiation.client-first", "client", 4, "")]


def test_enabling_what_was_not_offered_is_one_finding(tmp_path: Path) -> None:
    script = [
        GREETING.replace('"oob"', ""),
        '> {"execute": "qmp_capabilities", "arguments": {"enable": ["oop"]}}',
        '< {"error": {"class": "GenericError", "desc": "x"}}',
        *OPENING[1:],
    ]
    assert placed(write(tmp_path / "t", script)) == [
        ("negotiation.enable-offered", "client", 4, "/arguments/enable/0")
    ]


def test_out_of_band(tmp_path: Path) -> None:
    script = [
        GREETING,
        '> {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}',
        '< {"return": {}}',
        '> {"exec-oob": "quit", "id": 1}',
        '< {"error": {"class": "GenericError", "desc": "x"}, "id": 1}',
        '> {"exec-oob": "no-such", "id": 2}',
        '< {"error": {"class": "CommandNotFound", "desc": "x"}, "id": 2}',
    ]
    assert placed(write(tmp_path / "t", script)) == [
        ("schema.oob-allowed", "client", FIRST, "/exec-oob"),
        ("schema.command-known", "client", FIRST + 2, "/exec-oob"),
    ]


def test_what_a_finding_tells(tmp_path: Path) -> None:
    (found,) = checked(write(tmp_path / "t", OPENING + DEFECTS["unknown argument"][0]))
    assert found.level == "MUST"
    assert found.severity == "error"
    assert found.path == str(tmp_path / "t")
    assert found.session == 1
    assert found.subject == "paint"
    assert found.message == "member 'color' is unknown here"
    assert found.expected == "one of the members style, node-name, colour, layers"
    assert found.seen == "'color': \"red\""
    assert found.source == "sample, paint"
    assert found.hint == "colour"
    (unknown,) = checked(write(tmp_path / "t", OPENING + DEFECTS["unknown command"][0]))
    assert unknown.hint == "paint"
    (wire,) = checked(write(tmp_path / "t", OPENING + DEFECTS["no CR LF"][0]))
    assert wire.source == "spec 2.1"
    assert wire.message == "Every server message ends in CR LF"


NEWER: dict[str, tuple[list[str], list[tuple[str, str, str]]]] = {
    "member": (
        [
            '> {"execute": "mix", "arguments": {"what": null, "names": []}}',
            '< {"return": {"parts": [{"sise": 1}], "shape": "round"}}',
        ],
        [
            ("schema.additions", "note", "/return/parts/0/sise"),
            ("schema.additions", "note", "/return/shape"),
        ],
    ),
    "event": (
        ['< {"event": "FADED", ' + STAMP + "}"],
        [("schema.additions", "note", "/event")],
    ),
    "event data": (
        ['< {"event": "SPILT", "data": {"litres": 1}, ' + STAMP + "}"],
        [("schema.additions", "note", "/data/litres")],
    ),
    "command": (
        ['> {"execute": "varnish"}', '< {"return": {"a": 1}}'],
        [("schema.additions", "note", "")],
    ),
    "command that it refuses for other reasons": (
        ['> {"execute": "varnish"}', '< {"error": {"class": "GenericError", "desc": "x"}}'],
        [("schema.additions", "note", "")],
    ),
    "command gone": (
        [
            '> {"execute": "stir"}',
            '< {"error": {"class": "CommandNotFound", "desc": "x"}}',
        ],
        [
            ("compat.deprecated", "warning", "/execute"),
            ("schema.command-offered", "warning", "/error/class"),
        ],
    ),
    "wrong type stays an error": (
        [
            '> {"execute": "mix", "arguments": {"what": null, "names": []}}',
            '< {"return": {"size": "1"}}',
        ],
        [("schema.return", "error", "/return/size")],
    ),
    "arguments that it takes": (
        ['> {"execute": "quit", "arguments": {"now": true}}', '< {"return": {}}'],
        [("schema.additions", "note", "/arguments/now")],
    ),
    "arguments that it refuses": (
        [
            '> {"execute": "quit", "arguments": {"now": true}}',
            '< {"error": {"class": "GenericError", "desc": "x"}}',
        ],
        [("schema.arguments", "error", "/arguments/now")],
    ),
    "arguments that it does not answer": (
        ['> {"execute": "quit", "arguments": {"now": true}}'],
        [("schema.arguments", "error", "/arguments/now")],
    ),
    "a value that it takes": (
        ['> {"execute": "paint", "arguments": {"style": "new"}}', '< {"return": {}}'],
        [("schema.additions", "note", "/arguments/style")],
    ),
    "a type that it takes is an error of the client alone": (
        [
            '> {"execute": "paint", "arguments": {"style": "plain", "colour": 5}}',
            '< {"return": {}}',
        ],
        [("schema.arguments", "error", "/arguments/colour")],
    ),
}


@pytest.mark.parametrize("case", NEWER)
def test_a_server_that_is_not_of_that_build(tmp_path: Path, case: str) -> None:
    script, expected = NEWER[case]
    found = checked(write(tmp_path / "t", OPENING + script), basis(very_build=False))
    assert [(one.requirement, one.severity, one.pointer) for one in found] == expected


#: What a server says with values of enumerations that its schema, or that of 7.2.22, does not have.
NEW_VALUES = [
    '> {"execute": "query-status"}',
    '< {"return": {"status": "hibernated", "singlestep": false, "running": true}}',
    '> {"execute": "query-migrate-capabilities"}',
    '< {"return": [{"capability": "events", "state": true}, {"capability": "tele", "state": true}]}',
    '< {"event": "SHUTDOWN", "data": {"guest": true, "reason": "whim"}, ' + STAMP + "}",
    '> {"execute": "block-commit", "arguments": {"device": "d", "on-error": "shrug"}}',
    '< {"return": {}}',
]


def test_values_that_an_enumeration_lacks_are_notes_about_another_build(tmp_path: Path) -> None:
    one = Basis(load_shipped("qemu-7.2.22"), very_build=False)
    found = checked(write(tmp_path / "t", OPENING + NEW_VALUES), one)
    assert [(one.requirement, one.severity, one.pointer) for one in found] == [
        ("schema.additions", "note", "/return/status"),
        ("schema.additions", "note", "/return/1/capability"),
        ("schema.additions", "note", "/data/reason"),
        ("schema.additions", "note", "/arguments/on-error"),
    ]


def test_values_that_an_enumeration_lacks_are_errors_about_the_very_build(tmp_path: Path) -> None:
    one = Basis(load_shipped("qemu-7.2.22"), very_build=True)
    found = checked(write(tmp_path / "t", OPENING + NEW_VALUES), one)
    assert [(one.requirement, one.severity, one.blame, one.pointer) for one in found] == [
        ("schema.return", "error", "server", "/return/status"),
        ("schema.return", "error", "server", "/return/1/capability"),
        ("schema.event-data", "error", "server", "/data/reason"),
        ("schema.arguments", "error", "client", "/arguments/on-error"),
        ("request.strict-arguments", "error", "server", ""),
    ]


def test_another_type_or_a_missing_member_is_an_error_about_any_build(tmp_path: Path) -> None:
    """Only what may be new in another build is a note."""
    script = ['> {"execute": "query-status"}', '< {"return": {"status": 5, "running": true}}']
    one = Basis(load_shipped("qemu-7.2.22"), very_build=False)
    found = checked(write(tmp_path / "t", OPENING + script), one)
    assert {(one.requirement, one.severity, one.pointer) for one in found} == {
        ("schema.return", "error", "/return/status"),
        ("schema.return", "error", "/return"),
    }


def test_redacted_values_are_not_judged_but_names_are(tmp_path: Path) -> None:
    script = [
        *OPENING,
        (
            '> {"execute": "mix", "arguments": {"what": 5, "names": [7], "x": 1}}'
            '\t"redacted":["/arguments/what","/arguments/names/0","/arguments/x"]'
        ),
        '< {"error": {"class": "GenericError", "desc": "x"}}',
    ]
    assert placed(write(tmp_path / "t", script)) == [
        ("schema.arguments", "client", FIRST, "/arguments/x")
    ]


def test_an_integer_too_long_for_python_is_shown_cut(tmp_path: Path) -> None:
    number = "9" * 5000
    wrong = f'"layers": {number}, "x": [{number}]'
    script = (
        f'> {{"execute": "paint", "arguments": {{"style": "plain", "colour": "red", {wrong}}}}}'
    )
    found = checked(write(tmp_path / "t", [*OPENING, script]))
    assert {one.pointer for one in found} == {"/arguments/layers", "/arguments/x"}
    assert all("999" in str(one.seen) and len(str(one.seen)) < 200 for one in found)


def test_an_unknown_command_without_an_answer(tmp_path: Path) -> None:
    script = [*OPENING, '> {"execute": "point"}']
    assert placed(write(tmp_path / "t", script)) == [
        ("schema.command-known", "client", FIRST, "/execute")
    ]
    assert checked(write(tmp_path / "t", script), basis(very_build=False)) == []


def test_a_server_that_does_not_answer_after_a_half_close(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t", [*OPENING, '> {"execute": "paint", "arguments": {"style": "bare"}}'], ""
    )
    shut = '{"t":9.0,"conn":1,"shut":"client"}\n'
    for close, expected in (
        ('{"t":9.0,"conn":1,"close":"client"}', [("session.half-close", "server", FIRST, "")]),
        ('{"t":9.0,"conn":1,"close":"client","error":"reset"}', []),
        ('{"t":9.0,"conn":1,"close":"server"}', [("response.exactly-one", "server", FIRST, "")]),
        ('{"t":9.0,"conn":1,"close":"recorder"}', []),
    ):
        whole = tmp_path / "whole"
        whole.write_text(path.read_text() + shut + close + "\n")
        assert placed(whole) == expected


@pytest.mark.parametrize(
    "answer", ['{"return": {}}', '{"error": {"class": "GenericError", "desc": "x"}}', ""]
)
def test_a_schema_reply_need_not_name_the_command_that_negotiates(
    tmp_path: Path, answer: str
) -> None:
    # The replies of QEMU 2.5 to 2.7 do not; the specification defines the command (section 4).
    left = [one for one in schema_entries() if one["name"] != "qmp_capabilities"]
    catalog = compile_introspection(left, name="sample", version="2.5.0", package="")
    script = [GREETING, '> {"execute": "qmp_capabilities"}']
    script += [f"< {answer}"] if answer else []
    found = checked(write(tmp_path / "t.qmptrace", script, ""), Basis(catalog, very_build=True))
    assert [one.requirement for one in found if one.severity != "note"] == []


def test_sessions_are_kept_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "t", OPENING, close="")
    lines = path.read_text().splitlines()
    more = [line.replace('"conn":1', '"conn":2') for line in lines[1:]]
    bad = '{"t":1.0,"conn":2,"from":"client","msg":{"execute": "quit", "arguments": {"a": 1}}}'
    path.write_text("\n".join([*lines, *more, bad]) + "\n")
    (found,) = checked(path)
    assert (found.session, found.line) == (2, 10)
