"""Wire rules of the checker beyond single messages: each with one defect, and the legal like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.check.scripts import GREETING, OPENING, VERSION, checked, write

OOB = [
    GREETING,
    '> {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": 0}',
    '< {"return": {}, "id": 0}',
]


def stamped(name: str, at: float) -> str:
    seconds, rest = divmod(round(at * 1_000_000), 1_000_000)
    stamp = f'{{"seconds": {seconds}, "microseconds": {rest}}}'
    return f'< {{"timestamp": {stamp}, "event": "{name}"}}'


def blamed(tmp_path: Path, script: list[str], close: str = "client") -> list[str]:
    """What the server did wrong, in the script's order."""
    found = checked(write(tmp_path / "one.qmptrace", script, close))
    return [one.requirement for one in found if one.blame == "server" and one.severity != "note"]


def test_three_limited_events_in_a_second(tmp_path: Path) -> None:
    script = OPENING + [stamped("RTC_CHANGE", 1 + n / 10) for n in range(3)]
    assert "event.rate-limit" in blamed(tmp_path, script)
    script = OPENING + [stamped("RTC_CHANGE", 1 + n) for n in range(3)]
    assert "event.rate-limit" not in blamed(tmp_path, script)


def test_out_of_band_command_that_waits_for_a_later_one(tmp_path: Path) -> None:
    late = [
        '> {"exec-oob": "query-oob", "id": "oob"}',
        '> {"execute": "stir", "id": 1}',
        '< {"return": {}, "id": 1}',
        '> {"execute": "stir", "id": 2}',
        '< {"return": {}, "id": 2}',
        '< {"error": {"class": "GenericError", "desc": "x"}, "id": "oob"}',
    ]
    assert "oob.overtakes" in blamed(tmp_path, OOB + late)
    for legal in (
        [late[1], late[0], *late[2:]],  # the earlier one may be answered first
        [late[0], late[1], late[2], late[5]],  # both may be carried out at the same time
        [late[0], late[1], late[3], late[2], late[4], late[5]],
    ):
        assert "oob.overtakes" not in blamed(tmp_path, OOB + legal)


def test_version_that_is_not_as_greeted(tmp_path: Path) -> None:
    other = VERSION.replace('"micro": 0', '"micro": 1')
    ask = '> {"execute": "query-version", "id": 1}'
    assert "greeting.shape" in blamed(
        tmp_path, [*OPENING, ask, f'< {{"return": {other}, "id": 1}}']
    )
    assert "greeting.shape" not in blamed(
        tmp_path, [*OPENING, ask, f'< {{"return": {VERSION}, "id": 1}}']
    )


def test_session_that_ends_with_malformed_input(tmp_path: Path) -> None:
    path = tmp_path / "raw.qmptrace"
    write(path, OPENING, "server")
    text = path.read_text().splitlines()
    bad = '{"t":9.0,"conn":1,"from":"client","raw":"{\\"execute\\" 1}@\\n"}'
    text.insert(len(OPENING) + 2, bad)
    path.write_text("\n".join(text) + "\n")
    assert "recovery.after-error" in [one.requirement for one in checked(path)]


@pytest.mark.parametrize(
    ("command", "requirement"),
    [
        ('{"execute": "quit", "x": 1, "id": 1}', "request.members"),
        ('{"execute": "quit", "arguments": [], "id": 1}', "request.arguments-object"),
        ('{"execute": 1, "id": 1}', "request.execute-string"),
    ],
)
def test_malformed_command_that_is_taken(tmp_path: Path, command: str, requirement: str) -> None:
    script = [*OPENING, f"> {command}", '< {"return": {}, "id": 1}']
    assert requirement in blamed(tmp_path, script)


def test_out_of_band_execution_that_is_not_allowed(tmp_path: Path) -> None:
    ask = '> {"exec-oob": "quit", "id": 1}'
    assert "oob.allowed-only" in blamed(tmp_path, [*OOB, ask, '< {"return": {}, "id": 1}'])
    refused = '< {"error": {"class": "GenericError", "desc": "x"}, "id": 1}'
    assert "oob.allowed-only" not in blamed(tmp_path, [*OOB, ask, refused])


def test_event_of_a_downstream_without_its_domain(tmp_path: Path) -> None:
    assert "compat.downstream-prefix" in blamed(tmp_path, [*OPENING, stamped("__EVENT", 1)])
    named = stamped("__com.example_EVENT", 1)
    assert "compat.downstream-prefix" not in blamed(tmp_path, [*OPENING, named])


def test_escape_before_a_letter_is_no_lower_case_escape(tmp_path: Path) -> None:
    ask = '> {"execute": "nothing", "id": "a\\u007Fb"}'
    answer = '< {"error": {"class": "CommandNotFound", "desc": "x"}, "id": "a\\u007Fb"}'
    assert "framing.ascii" not in blamed(tmp_path, [*OPENING, ask, answer])


def test_garbled_response_is_one_breach(tmp_path: Path) -> None:
    """A response that is not JSON still was the answer: the next one is in order."""
    path = tmp_path / "raw.qmptrace"
    write(
        path,
        [
            *OPENING,
            '> {"execute": "quit", "id": 1}',
            '> {"execute": "quit", "id": 2}',
            '< {"return": {}, "id": 2}',
        ],
    )
    text = path.read_text().splitlines()
    bad = '{"t":9.0,"conn":1,"from":"server","raw":"{\\"return\\": {}, \\"id\\": inf}\\r\\n"}'
    text.insert(len(OPENING) + 4, bad)
    path.write_text("\n".join(text) + "\n")
    assert [one.requirement for one in checked(path) if one.blame == "server"] == [
        "framing.valid-json"
    ]


def test_event_inside_of_a_message(tmp_path: Path) -> None:
    path = tmp_path / "raw.qmptrace"
    write(path, [*OPENING, '> {"execute": "quit", "id": 1}'])
    text = path.read_text().splitlines()
    event = '{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"}'
    torn = json.dumps('{"return": {"a": ' + event + '\r\n 1}, "id": 1}\r\n')
    text.insert(len(OPENING) + 3, f'{{"t":9.0,"conn":1,"from":"server","raw":{torn}}}')
    path.write_text("\n".join(text) + "\n")
    found = [one.requirement for one in checked(path) if one.blame == "server"]
    assert found == ["event.not-inside"]
