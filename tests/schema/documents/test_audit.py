"""The document audit: what is wrong in a document's examples, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qmpconf.findings import Finding
from qmpconf.schema.documents.audit import audit, grouped, place_of
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.model import Event, Member, Object
from tests.schema.documents import samples

HEAD = """\
query-lamp
----------

Return a json-object with the following information:

- "level": how bright (json-int)
- "room": a json-object containing:
    - "name": its name (json-string)
    - "floor": where it is (json-int, optional)
    - "wall_total": how many (json-int, optional)
- "kind": what it is (json-string, optional)
         - Possible values: "led", "tube"

"""

GOOD = '"level": 1, "room": { "name": "a" }'


def found(example: str, head: str = HEAD) -> list[Finding]:
    findings = audit(compile_document(f"Lamps\n-----\n\n{head}Example:\n\n{example}\n"))
    return [one for one in findings if one.requirement.startswith("document.example")]


def told(example: str, head: str = HEAD) -> list[tuple[str, str]]:
    return [
        (one.requirement.removeprefix("document.example."), one.pointer)
        for one in found(example, head)
    ]


def reply(members: str) -> str:
    return '-> { "execute": "query-lamp" }\n<- { "return": { ' + members + " } }"


def test_a_document_without_flaws_has_no_findings() -> None:
    assert told(reply(GOOD)) == []


@pytest.mark.parametrize(
    ("members", "findings"),
    [
        ('"level": "1", "room": { "name": "a" }', [("wrong-type", "/level")]),
        ('"level": 1.0, "room": { "name": "a" }', [("wrong-type", "/level")]),
        ('"room": { "name": "a" }', [("missing-member", "")]),
        (GOOD + ', "kind": "gas"', [("wrong-value", "/kind")]),
        (GOOD + ', "smell": 1', [("undocumented-member", "/smell")]),
        ('"level": 1, "room": { "nmae": "a" }', [("misnamed-member", "/room/nmae")]),
        ('"level": 1, "room": { "title": "a" }', [("missing-member", "/room"), ("undocumented-member", "/room/title")]),
        ('"level": 1, "room": { "names": "a" }', [("misnamed-member", "/room/names")]),
        ('"level": 1, "room": { "name": "a", "wall-total": 2 }', [("misnamed-member", "/room/wall-total")]),
        ('"room": { "name": "a", "level": 1 }', [("misplaced-member", "/room/level")]),
        (GOOD + ', "floor": 1', [("misplaced-member", "/floor")]),
        (GOOD + ",", [("not-json", "")]),
        ('"level": 1 "room": { "name": "a" }', [("not-json", "")]),
        ('"level": "1" "room": { "name": "a" }', [("wrong-type", "/level"), ("not-json", "")]),
        ("'level': 1, \"room\": { \"name\": \"a\" }", [("not-json", "")]),
        ('"level": 1, ...', []),
        ('"level": 1, "room": { ... }', []),
    ],
)  # fmt: skip
def test_each_kind_of_flaw(members: str, findings: list[tuple[str, str]]) -> None:
    assert told(reply(members)) == findings


@pytest.mark.parametrize(
    ("example", "findings"),
    [
        ('-> { "execute": "query-lamp" }', ["no-reply"]),
        ('<- { "return": { ' + GOOD + " } }", ["no-command"]),
        ('-> { "execute": "query-lump" }\n<- { "return": {} }', ["unknown-command", "missing-member"]),
        ('-> { "exec": "query-lamp" }\n<- { "error": {} }', ["not-a-message"]),
        ("-> [ 1 ]", ["not-a-message"]),
        ('-> { "execute": "query-lamp" }\n<- { "reply": {} }', ["not-a-message"]),
        ('-> { "execute": "query-lamp" }\n<- { "error": { "class": "X", "desc": "y" } }', []),
        ('-> { "execute": "query-lamp", "arguments": { "a": 1 } }\n<- { "error": {} }', []),
        ('-> { "execute": "query-lamp", "id": 1 }\n<- { "event": "A" }', ["no-reply"]),
    ],
)  # fmt: skip
def test_each_kind_of_wrong_message(example: str, findings: list[str]) -> None:
    assert sorted(rule for rule, _ in told(example)) == sorted(findings)


@pytest.mark.parametrize(
    ("event", "findings"),
    [
        ('"event": "GLOW", "data": { "n": 1 }, "timestamp": {}', []),
        ('"event": "GLOW", "data": { "n": 1 }', [("missing-member", "timestamp")]),
        ('"event": "GLOW", "data": { "n": "1" }, "timestamp": {}', [("wrong-type", "/n")]),
        ('"event": "GLOW", "timestamp": {}', [("missing-member", "")]),
        ('"event": "DIM", "timestamp": {}', [("unknown-event", "")]),
    ],
)
def test_events_are_checked_where_the_document_describes_any(
    event: str, findings: list[tuple[str, str]]
) -> None:
    text = f"Lamps\n-----\n\n{HEAD}Example:\n\n{reply(GOOD)}\n\n<- {{ {event} }}\n"
    compilation = compile_document(text)
    types = {**compilation.catalog.types, "glow": Object((Member("n", "int"),))}
    events = {"GLOW": Event("GLOW", "glow")}
    catalog = replace(compilation.catalog, types=types, events=events)
    assert [
        (one.requirement.removeprefix("document.example."), one.pointer)
        for one in audit(replace(compilation, catalog=catalog))
    ] == findings


def test_a_command_of_another_section_may_be_shown() -> None:
    other = '-> { "execute": "lamp-prepare" }\n<- { "return": {} }\n'
    assert told(other + reply(GOOD)) == []


def test_arguments_are_checked_as_well() -> None:
    head = 'lamp-on\n-------\n\nArguments:\n\n- "n": which (json-int)\n\n'
    assert told('-> { "execute": "lamp-on" }\n<- { "return": {} }', head) == [
        ("missing-member", "")
    ]
    assert told('-> { "execute": "lamp-on", "n": 1 }\n<- { "return": {} }', head) == [
        ("misplaced-member", "n"),
    ]


def test_a_finding_has_the_line_of_the_very_member() -> None:
    example = (
        '-> { "execute": "query-lamp" }\n<- { "return": {\n     "level": 1,\n'
        '     "room": {\n       "name": 3 } } }'
    )
    text = f"Lamps\n-----\n\n{HEAD}Example:\n\n{example}\n"
    (finding,) = audit(compile_document(text))
    assert text.split("\n")[finding.line - 1].strip() == '"name": 3 } } }'
    blamed = samples.blamed(text)
    (finding,) = (one for one in audit(compile_document(blamed)) if "example" in one.requirement)
    assert blamed.split("\n")[finding.line - 1].strip() == '"name": 3 } } }'


def test_a_finding_in_a_document_of_one_line_has_a_column() -> None:
    shown = reply(GOOD + ', "smell": 1')
    text = samples.collapsed(f"Lamps\n-----\n\n{HEAD}Example:\n\n{shown}")
    findings = [one for one in audit(compile_document(text)) if "example" in one.requirement]
    assert [text[one.column - 1 :][:10] for one in findings] == ['"smell": 1']
    assert place_of(findings[0]) == f"1:{findings[0].column}"


def test_equal_findings_are_one_group() -> None:
    once = reply(GOOD + ', "smell": 1')
    groups = grouped(found(once + "\n" + once))
    assert len(groups) == 1
    assert len(groups[0].places) == 2


def test_the_sample_document_has_only_the_flaws_that_it_was_given() -> None:
    findings = audit(compile_document(samples.PLAIN))
    assert [one for one in findings if one.requirement.startswith("document.example")] == []
