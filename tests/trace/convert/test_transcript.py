"""Texts as people write them: what is read, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.trace.convert.converting import convert
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Open
from tests.trace.convert.test_lines import read as records_of

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": []}}'
)

SYNTAX = '{"error": {"class": "GenericError", "desc": "JSON parse error"}}'


def read(tmp_path: Path, text: str, name: str = "transcript") -> list[str]:
    """Messages with arrows, gaps, and where sessions begin."""
    (tmp_path / "text").write_text(text)
    trace = str(tmp_path / "text.qmptrace")
    convert(str(tmp_path / "text"), trace, from_format=name, overwrite=True)
    found = []
    for item in TraceReader(trace).items():
        if isinstance(item, Open):
            found.append(f"session {item.conn}")
        elif isinstance(item, Item) and item.frame.data.strip():
            arrow = "->" if item.sender == "client" else "<-"
            found.append(f"{arrow} {item.frame.data.decode()}")
        elif isinstance(item, Gap) and item.messages:
            found.append(f"gap {item.sender}")
    blamed = [
        one.first.requirement
        for one in check_trace(trace, "none").groups
        if one.first.severity == "error" and not one.first.requirement.startswith("request.")
    ]
    assert blamed in ([], ["greeting.first"])
    return found


CASES = {
    "shell": (
        """$ echo '{"execute":"query-kvm"}' | nc -U s\n{"return": 1}\n""",
        ["session 1", '-> {"execute":"query-kvm"}', '<- {"return": 1}'],
    ),
    "virsh": (
        """# virsh qemu-monitor-command vm1 "{\\"execute\\":\\"stop\\"}"\n{"id":"libvirt-3","return":{}}""",
        [
            "session 1",
            '-> {"execute":"stop","id":"libvirt-3"}',
            '<- {"id":"libvirt-3","return":{}}',
        ],
    ),
    "html": (
        "<pre>-&gt; {&quot;execute&quot;: &quot;stop&quot;}\n&lt;- {&quot;return&quot;: {}}</pre>",
        ["session 1", '-> {"execute": "stop"}', '<- {"return": {}}'],
    ),
    "spaces that do not break": (
        'S:\u00a0{"return":\u00a0{"a":\u00a0"x\u00a0y"}}\nC:\u00a0{"execute":\u00a0"stop"}\nS:\u00a0{"return":\u00a0{}}\n',
        [
            "session 1",
            "gap client",
            '<- {"return": {"a": "x y"}}',
            '-> {"execute": "stop"}',
            '<- {"return": {}}',
        ],
    ),
    "some typographic quotes": (
        '-> {“execute”: "stop”, "id": 1}\n<- {“return”: {}, "id": 1}',
        ["session 1", '-> {"execute": "stop", "id": 1}', '<- {"return": {}, "id": 1}'],
    ),
    "typographic quotes of a string": (
        '-> {"execute": "stop", "arguments": {"a": "a “word”, and"}}\n<- {"return": {}}',
        [
            "session 1",
            '-> {"execute": "stop", "arguments": {"a": "a “word”, and"}}',
            '<- {"return": {}}',
        ],
    ),
    "inline code": (
        'After `{"execute": "stop"}` comes `{"return": {}}`, not { "foo": 1 }.',
        ["session 1", '-> {"execute": "stop"}', '<- {"return": {}}'],
    ),
    "malformed input": (
        '-> {"execute": "x"}\n<- {"return": 1}\n-> a\n<- ' + SYNTAX,
        ["session 1", '-> {"execute": "x"}', '<- {"return": 1}', "-> a", f"<- {SYNTAX}"],
    ),
    "a command is left out": (
        '-> {"execute": "x"}\n<- {"return": 1}\n<- {"return": 2}\n-> {"execute": "y"}\n<- {"return": 3}',
        [
            *("session 1", '-> {"execute": "x"}', '<- {"return": 1}', "gap client"),
            *('<- {"return": 2}', '-> {"execute": "y"}', '<- {"return": 3}'),
        ],
    ),
    "an answer is left out": (
        '-> {"execute": "x"}\nand then\n-> {"execute": "y"}\n<- {"return": 3}',
        [
            "session 1",
            '-> {"execute": "x"}',
            "gap server",
            '-> {"execute": "y"}',
            '<- {"return": 3}',
        ],
    ),
    "which one is not known": (
        '-> {"execute": "x"}\n-> {"execute": "y"}\n<- {"return": 3}',
        [
            "session 1",
            '-> {"execute": "x"}',
            '-> {"execute": "y"}',
            "gap server",
            '<- {"return": 3}',
        ],
    ),
    "an id of another command": (
        '-> {"execute": "x", "id": 1}\n<- {"return": {}, "id": 2}',
        [
            *("session 1", '-> {"execute": "x", "id": 1}', "gap server", "gap client"),
            '<- {"return": {}, "id": 2}',
        ],
    ),
    "a second negotiation": (
        '{"execute": "qmp_capabilities"}\n{"return": {}}\n' * 2,
        [
            *("session 1", '-> {"execute": "qmp_capabilities"}', '<- {"return": {}}'),
            *("session 2", '-> {"execute": "qmp_capabilities"}', '<- {"return": {}}'),
        ],
    ),
    "sent at once": (
        f'{{"execute": "qmp_capabilities"}}\n{GREETING}\n{{"return": {{}}}}',
        ["session 1", '-> {"execute": "qmp_capabilities"}', f"<- {GREETING}", '<- {"return": {}}'],
    ),
    "the negotiation is left out": (
        f'<- {GREETING}\n-> {{"execute": "x"}}\n<- {{"return": 1}}',
        [
            *("session 1", "gap client", "gap server"),
            *(f"<- {GREETING}", '-> {"execute": "x"}', '<- {"return": 1}'),
        ],
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_a_text_says(name: str, tmp_path: Path) -> None:
    text, expected = CASES[name]
    found = read(tmp_path, text)
    if name == "the negotiation is left out":
        assert sorted(found) == sorted(expected)
    else:
        assert found == expected


def test_an_event_before_the_greeting_stays_in_its_session(tmp_path: Path) -> None:
    event = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'
    found = read(tmp_path, f"<- {event}\n<- {GREETING}\n")
    assert found == ["session 1", f"<- {event}", f"<- {GREETING}"]
    groups = check_trace(str(tmp_path / "text.qmptrace"), "none").groups
    assert "greeting.first" in {one.first.requirement for one in groups}


def test_masked_times_are_no_ones(tmp_path: Path) -> None:
    text = '{"timestamp": {"seconds":  TIMESTAMP, "microseconds":  TIMESTAMP}, "event": "STOP"}'
    [_, event] = read(tmp_path, text, "iotests")
    assert '"timestamp": {"seconds": -1, "microseconds": -1}' in event


def test_scenarios_of_iotests_are_sessions(tmp_path: Path) -> None:
    text = (
        "QA output created by 999\n\n=== One ===\n\n{ 'execute': 'x',\n  'arguments': {'driver': 'IMGFMT'} }\n"
        '{"return": {}}\n\n=== Two ===\n\nQMP_VERSION\n{"return": {}}\n'
    )
    found = read(tmp_path, text, "iotests")
    assert [one for one in found if one.startswith("session")] == ["session 1", "session 2"]
    assert found[found.index("session 2") + 1 :] == ["gap client", '<- {"return": {}}']
    [first] = [
        one
        for one in TraceReader(str(tmp_path / "text.qmptrace")).items()
        if isinstance(one, Item) and one.sender == "client"
    ]
    assert first.redacted == ("/arguments/driver",)


def test_the_lines_that_are_not_understood_are_named() -> None:
    _, notes = records_of("transcript", b'-> {"execute": "x"}\n<- {"return"\nHello.\n')
    assert (notes.read, notes.prose, notes.misses) == (1, 1, 1)
    assert notes.missed_lines == [(2, '<- {"return"')]


def test_a_line_that_is_not_understood_is_shown_without_its_secrets() -> None:
    line = b'-> {"execute": "set_password", "arguments": {"protocol": "vnc", "password": "hush1"\n'
    _, notes = records_of("transcript", line)
    [(number, text)] = notes.missed_lines
    assert number == 1
    assert "set_password" in text
    assert "hush1" not in text
