"""The register: complete, covered, and true to the code that it names."""

from __future__ import annotations

import importlib
import inspect
import json
import re

import pytest

from qmpconf.check.covers import COVERED
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.cli.main import main
from qmpconf.conform.cases import server_cases
from qmpconf.conform.coverage import GENERATED, coverage
from qmpconf.protocol.deviations import DEVIATIONS, HOLDS, UNSEEN
from qmpconf.protocol.requirements import Level, Party


def test_nothing_is_left_uncovered() -> None:
    assert [one.requirement.id for one in coverage() if not one.covered] == []


def test_every_rule_that_binds_a_server_has_a_case_or_a_rule_of_the_checker() -> None:
    for one in coverage():
        rule = one.requirement
        if rule.binds is Party.SERVER and rule.level is not Level.MAY:
            assert one.cases or one.checker, rule.id
        if rule.unseen:
            assert not one.cases, f"{rule.id} can be seen after all"
            assert not one.checker, f"{rule.id} can be seen after all"


@pytest.mark.parametrize("requirement", COVERED)
def test_checker_names_what_it_judges(requirement: str) -> None:
    """The module that is said to judge a requirement has its id in its text."""
    assert requirement in ALL_REQUIREMENTS
    text = inspect.getsource(importlib.import_module(COVERED[requirement]))
    written = f'"{requirement}"' in text
    composed = re.search(r'f"compat\.\{', text) is not None and requirement.startswith("compat.")
    assert written or composed


@pytest.mark.parametrize("table", [DEVIATIONS, HOLDS, UNSEEN, GENERATED])
def test_tables_name_rules_that_exist(table: dict[str, object]) -> None:
    assert set(table) <= set(ALL_REQUIREMENTS)


def test_cases_name_rules_that_exist() -> None:
    for one in server_cases().values():
        assert set(one.requirements) <= set(ALL_REQUIREMENTS), one.id
        assert one.id.startswith(one.requirements[0] + "/")
        assert one.title
        assert not one.title.endswith(".")


def test_versions() -> None:
    rule = ALL_REQUIREMENTS["oob.overtakes"]
    assert not rule.holds((2, 12, 0))
    assert rule.holds((3, 0, 0))
    assert rule.holds((11, 1, 3))
    assert rule.holds(())


def test_verb_lists_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requirements", "--format", "json"]) == 0
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(found) == list(ALL_REQUIREMENTS)
    one = found["response.id-echo"]
    assert one["checker"] == "qmpconf.protocol.matching"
    assert "response.id-echo/success-null" in one["cases"]
    assert one["deviations"][1]["until"] == "5.2"


def test_verb_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requirements", "oob.", "--binds", "server", "--level", "MUST"]) == 0
    out = capsys.readouterr().out
    assert "oob.overtakes" in out
    assert "oob.queue" not in out
    assert "2 requirements" in out
    assert main(["requirements", "oob.", "--version", "2.12"]) == 0
    assert "oob.overtakes" not in capsys.readouterr().out
    assert main(["requirements", "--version", "new"]) == 2


def test_verb_tells_details(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requirements", "-v", "response.id-echo"]) == 0
    out = capsys.readouterr().out
    assert "case: response.id-echo/error-null" in out
    assert "known to differ: qemu up to 5.2" in out


def test_verb_writes_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requirements", "--format", "markdown"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == len(ALL_REQUIREMENTS) + 2
    assert "| `framing.crlf`" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nosuch"], "no requirement matches 'nosuch' ('qmpconf requirements' lists all)"),
        (["framng"], "no requirement matches 'framng'; did you mean 'framing'?"),
        (["oob.quue"], "no requirement matches 'oob.quue'; did you mean 'oob.queue'?"),
        (["framing.crlf", "--binds", "client"], "left out by --level, --binds or --version"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_selection_of_nothing_is_an_error_with_near_names(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str, form: str
) -> None:
    assert main(["requirements", *arguments, "--format", form]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing is selected: " in err
    assert why in err
