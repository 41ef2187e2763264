"""What the server said to a command stands in the findings about it, although it comes later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from qmpconf.check import talk
from qmpconf.protocol import matching
from qmpconf.schema.validator import Validator
from tests.check.scripts import FIRST, OPENING, basis, checked, write

if TYPE_CHECKING:
    from pathlib import Path

    from qmpconf.findings import Finding
    from qmpconf.schema.problems import Problem


def paint(colour: object, **more: object) -> str:
    arguments = {"style": "plain", "colour": colour}
    return "> " + json.dumps({"execute": "paint", "arguments": arguments, **more})


def refused(desc: str, **more: object) -> str:
    return "< " + json.dumps({"error": {"class": "GenericError", "desc": desc}, **more})


def said(tmp_path: Path, *lines: str, close: str = "client") -> list[tuple[str, int, str]]:
    """Requirement, line and answer of each finding of the client's."""
    found: list[Finding] = checked(write(tmp_path / "t", [*OPENING, *lines], close))
    return [(one.requirement, one.line, one.answer) for one in found if one.blame == "client"]


DONE = '< {"return": {}}'


def test_an_argument_that_was_refused(tmp_path: Path) -> None:
    found = said(tmp_path, paint(5), refused("Invalid parameter type for 'colour'"))
    assert found == [
        ("schema.arguments", FIRST, "GenericError: Invalid parameter type for 'colour'")
    ]


def test_an_argument_that_was_taken(tmp_path: Path) -> None:
    assert said(tmp_path, paint(5), DONE) == [("schema.arguments", FIRST, "")]


def test_an_unknown_command(tmp_path: Path) -> None:
    error = '< {"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}}'
    found = said(tmp_path, '> {"execute": "x"}', error)
    answer = "CommandNotFound: The command x has not been found"
    assert found == [("schema.command-known", FIRST, answer)]


def test_a_member_that_the_protocol_does_not_have(tmp_path: Path) -> None:
    line = '> {"execute": "quit", "argument": {}}'
    found = said(tmp_path, line, refused("QMP input member 'argument' is unexpected"))
    assert found == [
        ("request.members", FIRST, "GenericError: QMP input member 'argument' is unexpected")
    ]


def test_answers_out_of_order_belong_to_their_commands(tmp_path: Path) -> None:
    lines = [paint(1, id="a"), paint(2, id="b"), refused("of a", id="a"), refused("of b", id="b")]
    assert said(tmp_path, *lines) == [
        ("schema.arguments", FIRST, "GenericError: of a"),
        ("schema.arguments", FIRST + 1, "GenericError: of b"),
    ]


def test_what_is_wrong_on_purpose_is_looked_into_only_where_the_server_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained: list[object] = []
    explain = Validator.explain

    def counted(self: Validator, name: str, value: object) -> list[Problem]:
        explained.append(value)
        return explain(self, name, value)

    monkeypatch.setattr(Validator, "explain", counted)
    script = [*OPENING, paint(5), refused("no"), paint(6), DONE, paint(7)]
    path = write(tmp_path / "t", script)
    found = {(one.requirement, one.line, one.blame) for one in checked(path)}
    assert len(explained) == 3
    explained.clear()
    purposely = {
        (one.requirement, one.line, one.blame) for one in checked(path, basis(on_purpose=True))
    }
    assert [one["colour"] for one in explained] == [6]  # type: ignore[index]
    assert {one for one in found if one[2] == "server"} == {
        one for one in purposely if one[2] == "server"
    }
    assert ("request.strict-arguments", FIRST + 3, "server") in purposely
    assert ("schema.arguments", FIRST, "client") not in purposely


@pytest.mark.parametrize("close", ["client", "server", ""])
def test_a_command_that_is_never_answered(tmp_path: Path, close: str) -> None:
    found = said(tmp_path, paint(5), close=close)
    assert found == [("schema.arguments", FIRST, "")]


def test_a_long_answer_is_cut(tmp_path: Path) -> None:
    ((_, _, answer),) = said(tmp_path, paint(5), refused("x" * 10_000))
    assert len(answer) == 300
    assert answer.endswith("xxx...")


def test_no_more_is_held_back_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were sent first are said without their answer then; none is lost."""
    monkeypatch.setattr(talk, "_MOST_HELD", 3)
    commands = [paint(5, id=n) for n in range(10)]
    answers = [refused("no", id=n) for n in range(10)]
    found = said(tmp_path, *commands, *answers)
    assert [line for _, line, _ in found] == [FIRST + n for n in range(10)]
    assert [bool(answer) for _, _, answer in found] == [False] * 7 + [True] * 3


def test_what_is_given_up_is_told_without_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More waits at once than a session keeps: each finding is said, none with another's answer."""
    monkeypatch.setattr(matching, "MOST_WAITING", 4)
    commands = [paint(5, id=n) for n in range(10)]
    found = said(tmp_path, *commands, refused("of the last", id=9))
    assert sorted(line for _, line, _ in found) == [FIRST + n for n in range(10)]
    answered = [(line, answer) for _, line, answer in found if answer]
    assert answered == [(FIRST + 9, "GenericError: of the last")]


def test_what_was_no_message_before_the_protocol_was_known_has_its_own_words(
    tmp_path: Path,
) -> None:
    script = ["> [1]", '> {"execute": "guest-ping"}', refused("not now")]
    found = checked(write(tmp_path / "t", script))
    assert [
        (one.requirement, one.line, one.subject, one.answer)
        for one in found
        if one.requirement == "request.object"
    ] == [("request.object", 3, "", "")]
