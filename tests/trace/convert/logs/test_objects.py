"""Messages are found however they are quoted, and any text takes time in proportion to its length."""

from __future__ import annotations

import csv
import io
import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.trace.convert.logs.messages import held
from qmpconf.trace.convert.logs.objects import objects
from qmpconf.trace.convert.logs.quoting import of_literal, unescaped
from tests.usual import examples

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co")), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
COMMANDS = st.builds(
    lambda name, arguments: {"execute": name, "arguments": arguments},
    st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True),
    st.dictionaries(TEXTS, VALUES, max_size=3),
)


def found(text: bytes) -> list[object]:
    """The messages of a text."""
    return [
        json.loads(part.found.text)
        for one in objects(text)
        for part in held(one)
        if part.kind == "message"
    ]


def go_quoted(text: str) -> str:
    """As Go's %q writes it."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\\u00", r"\1\\x", json.dumps(text, ensure_ascii=False))


def as_csv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text, "other"])
    return out.getvalue()


WAYS = {
    "plain": lambda one: f"10:00 send {json.dumps(one)} to vm1",
    "in an array": lambda one: f"got [{json.dumps(one)}]",
    "escaped": lambda one: "msg=" + json.dumps(json.dumps(one)) + " pid=1",
    "twice": lambda one: "x " + json.dumps("y " + json.dumps(json.dumps(one))),
    "three times": lambda one: json.dumps(json.dumps("a " + json.dumps(json.dumps(one)))),
    "go": lambda one: "time=1 msg=" + go_quoted(json.dumps(one)) + " level=info",
    "python": lambda one: f"Send command: {one!r}",
    "python's text": lambda one: f"sending {json.dumps(one)!r}" if _fits(one) else f"{one!r}",
    "python's bytes": lambda one: f"sending {json.dumps(one).encode() + b'x'!r}".replace("x'", "'"),
    "python's line": lambda one: f"sending {(json.dumps(one) + chr(13) + chr(10)).encode()!r}",
    "in another object": lambda one: json.dumps({"level": "info", "sent": one, "ts": 1}),
    "as text of another": lambda one: json.dumps({"level": "info", "msg": f"> {json.dumps(one)}"}),
    "as bytes of another": lambda one: json.dumps(
        {"_PID": "7", "MESSAGE": list(f"send {json.dumps(one)}\r\n fd=-1".encode())}
    ),
    "pretty in a string": lambda one: json.dumps(json.dumps(one, indent=2)),
    "csv": lambda one: "1," + as_csv(json.dumps(one, ensure_ascii=False)),
}


def _fits(one: object) -> bool:
    """Whether Python's quoting of its JSON shows: the shell's looks the same otherwise."""
    return "\\" not in json.dumps(one)


@pytest.mark.parametrize("way", WAYS)
@given(command=COMMANDS)
@settings(max_examples=examples(60), deadline=None)
def test_a_message_is_found_however_it_is_quoted(way: str, command: object) -> None:
    line = WAYS[way](command)
    assert found(line.encode()) == [command], line


@given(
    st.lists(COMMANDS, min_size=1, max_size=4), st.sampled_from([" ", ", ", "} {", " '\" ", "\\"])
)
@settings(max_examples=examples(60), deadline=None)
def test_several_in_one_line(commands: list[object], between: str) -> None:
    text = between.join(json.dumps(one) for one in commands)
    assert found(text.encode()) == commands


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"{'a': True, 'b': None, 'c': (1, 2L), 'd': u'x', 'e': b'y', \"f\": 'it\\'s',}", None),
        (b"{'a': True, 'b': None, 'c': (1, 2L), 'd': u'x', 'e': b'y', 'f': \"it's\",}", b""),
        (b"{'a': <object>}", None),
        (b"{'a': set([1])}", None),
        (b"{'a': 'x}", None),
    ],
)
def test_python(text: bytes, expected: bytes | None) -> None:
    meant = of_literal(text)
    if expected is None:
        assert meant is None
    else:
        assert json.loads(meant or b"") == {
            "a": True, "b": None, "c": [1, 2], "d": "x", "e": "y", "f": "it's"
        }  # fmt: skip


@given(TEXTS)
def test_what_was_escaped_is_unescaped(text: str) -> None:
    assert unescaped(json.dumps(text)[1:-1].encode()) == text.encode()
    quoted = go_quoted(text)[1:-1]
    if "\\x" not in quoted:
        assert unescaped(quoted.encode()) == text.encode()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"level":"error","error":"it failed","ts":1}', []),
        ('{"error":{"code":404,"message":"not found"}}', []),
        ('{"event":"user logged in","timestamp":"2026-11-20"}', []),
        ('{"return": 0, "stdout": "x"}', ["doubtful"]),
        ('{"return": {}, "id": 1}', ["message"]),
        ('{"error": {"class": "GenericError", "desc": "x"}, "data": 1}', ["message"]),
        ('{"event": "STOP"}', ["message"]),
        ('{"event": "started"}', []),
        ('{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "started"}', ["message"]),
        ('{"execute": "x", "unknown": 1}', ["message"]),
        ('{"execute": "SELECT 1", "rows": 1}', []),
        ('{"execute": "stop"', ["broken"]),
        ('{\\"execute\\": "stop"}', ["broken"]),
        ('{"a": [1, {"b": "return"', []),
        ('{"seconds": X, "event": "STOP"}', ["broken"]),
        ("{}", []),
    ],
)
def test_what_is_a_message(text: str, kinds: list[str]) -> None:
    assert [part.kind for one in objects(text.encode()) for part in held(one)] == kinds


HOSTILE = [
    '{"',
    "{'",
    '{\\"',
    "'{\"",
    "\\'{\"",
    '{""',
    "{\\n",
    '{"a":',
    '[{"a":',
    '{"a":{',
    "\\",
    '\\"',
    "u'",
    "{\\u0022",
    '{"a": "\\u0022',
    "{'a': b'",
    "{ ",
    '"{\\"a\\": ',
    "}",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("end", ["", '"', "}", "'"])
def test_hostile_lines_take_linear_time(piece: str, end: str) -> None:
    def effort(size: int) -> float:
        text = (piece * size).encode()[:size] + end.encode()
        begin = time.process_time()
        for one in objects(text):
            for _ in held(one):
                pass
        return time.process_time() - begin

    effort(1000)
    small, large = min(effort(20_000) for _ in range(3)), effort(320_000)
    # Sixteen times the text; time that grows with its square would be 256 times.
    assert large < 0.05 + small * 80


@given(st.lists(st.sampled_from([*HOSTILE, "execute", ":", " ", "x", ",", "\n"])).map("".join))
@settings(max_examples=examples(200), deadline=None)
def test_any_text_can_be_searched(text: str) -> None:
    for one in objects(text.encode()):
        assert 0 <= one.at < one.end <= len(text)
        for part in held(one):
            assert part.kind in ("message", "doubtful", "broken")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (b'{"execute": "stop"}', ["message"]),
        (b'{"execute": ""}', ["message"]),
        (b'{"execute": false}', ["doubtful"]),
        (b'{"return": "no", "price": 3}', ["doubtful"]),
        (b'{"event": "http_request", "status": 200}', []),
        (b'{"error": "not found", "code": 404}', []),
        (b'{"level": "info", "return": {}}', []),
    ],
)
def test_what_other_programs_log_is_no_message(text: bytes, kinds: list[str]) -> None:
    assert [one.kind for found in objects(text) for one in held(found)] == kinds
