"""Sets of requirements: dated, complete, never changed, and held to."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.cli.main import main
from qmpconf.conform.client.suite import Options, conform_client
from qmpconf.conform.frozen import CURRENT, RequirementSet, frozen, load_set, set_names
from qmpconf.errors import UsageError
from qmpconf.protocol.requirements import Level
from qmpconf.report.results.merge import merged
from qmpconf.report.results.stream import read_result
from qmpconf.schema.store import load_shipped
from tests.conform.freeze import SETS
from tests.conform.test_variants import served
from tests.conform.variants.framing import LineFeed

#: A claim refers to a set by its name: what was released stays as it is.
RELEASED = {"2026-12": "dbf974d3658b03d1b2d4a1fbf7aaa17df1c2a0d71d55283fc972360df0ea6398"}


def test_a_set_that_was_released_is_never_edited() -> None:
    assert list(RELEASED) == set_names()
    for name, digest in RELEASED.items():
        assert hashlib.sha256((SETS / f"{name}.toml").read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("name", set_names())
def test_the_rules_of_a_set_say_what_they_said_and_freezing_writes_it_again(name: str) -> None:
    """A rule that has to say something else is another one, with an id of its own."""
    found = load_set(name)
    now = {key: ALL_REQUIREMENTS[key].sentence for key in found.levels}
    assert now == found.sentences
    rules = [replace(ALL_REQUIREMENTS[key], level=found.level(key)) for key in found.levels]
    assert frozen(rules) == (SETS / f"{name}.toml").read_text()
    assert len(found.levels) > 90


def test_the_register_weighs_no_rule_otherwise_than_its_latest_set() -> None:
    """Another level needs a new set, with a date of its own: `python -m tests.conform.freeze`."""
    latest = load_set(set_names()[-1])
    assert {key: ALL_REQUIREMENTS[key].level for key in latest.levels} == latest.levels


def test_what_is_not_there_is_named_with_what_is() -> None:
    assert load_set("") is CURRENT
    with pytest.raises(UsageError, match=r"'2026-11'; did you mean 2026-12\?"):
        load_set("2026-11")


def test_only_the_rules_of_the_set_count_with_the_levels_that_they_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server whose messages end in LF alone breaks framing.crlf, a MUST of today."""

    def verdict(levels: dict[str, Level]) -> tuple[int, dict[str, str]]:
        monkeypatch.setattr(
            "qmpconf.conform.suite.load_set", lambda name: RequirementSet(name, levels)
        )
        out = str(tmp_path / "r.qmpresult")
        with served(LineFeed()) as address:
            code = main(
                [
                    *(
                        "conform",
                        "-q",
                        "--target",
                        str(address),
                        "--result",
                        out,
                        "-k",
                        "framing.crlf",
                    ),
                    *("-k", "framing.object", "--requirements", "2026-12"),
                ]
            )
        report = merged([read_result(out)])
        assert any(one.text == "held to the requirements of 2026-12" for one in report.notes)
        return code, {one.rule: one.verdict for one in report.verdicts}

    now = {one: ALL_REQUIREMENTS[one].level for one in ("framing.crlf", "framing.object")}
    assert verdict(now) == (1, {"framing.object": "pass", "framing.crlf": "fail"})
    weaker = {**now, "framing.crlf": Level.SHOULD}
    assert verdict(weaker) == (0, {"framing.object": "pass", "framing.crlf": "warn"})
    assert verdict({"framing.object": Level.MUST}) == (0, {"framing.object": "pass"})


def test_a_client_is_held_to_a_set_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who misspells an argument breaks a MUST of today; a set may have a SHOULD there, or nothing."""
    client = [sys.executable, str(Path(__file__).parent / "clients" / "naive.py"), "misspells"]
    catalog = load_shipped("qemu-7.2.22")

    def verdict(levels: dict[str, Level]) -> tuple[int, dict[str, str]]:
        found = RequirementSet("2026-12", levels)
        monkeypatch.setattr("qmpconf.conform.client.suite.load_set", lambda _: found)
        options = Options(str(tmp_path), patterns=("plain",), requirements="2026-12")
        outcome = conform_client(client, catalog, options)
        assert "--requirements 2026-12 -- " in outcome.repeat
        assert outcome.notes() == ["held to the requirements of 2026-12"]
        return outcome.exit_code, {k: one.value for k, one in outcome.requirements().items()}

    plain = {"negotiation.client-first": Level.MUST}
    assert verdict(plain) == (0, {"negotiation.client-first": "pass"})
    found = verdict({**plain, "schema.arguments": Level.SHOULD})
    assert found == (0, {"negotiation.client-first": "pass", "schema.arguments": "warn"})
