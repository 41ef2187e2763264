"""Sets of requirements: dated, complete, never changed, and held to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.cli.main import main
from qmpconf.conform.frozen import CURRENT, RequirementSet, frozen, load_set, set_names
from qmpconf.errors import UsageError
from qmpconf.protocol.requirements import Level
from qmpconf.report.results.merge import merged
from qmpconf.report.results.stream import read_result
from tests.conform.freeze import SETS
from tests.conform.test_variants import served
from tests.conform.variants.framing import LineFeed

#: A claim refers to a set by its name: what was released stays as it is.
RELEASED: dict[str, str] = {}


def test_a_set_that_was_released_is_never_edited() -> None:
    for name, digest in RELEASED.items():
        assert hashlib.sha256((SETS / f"{name}.toml").read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("name", set_names())
def test_a_set_names_rules_that_exist_and_is_what_freezing_writes(name: str) -> None:
    found = load_set(name)
    assert set(found.levels) <= set(ALL_REQUIREMENTS)
    assert frozen(found.levels) == (SETS / f"{name}.toml").read_text()
    assert len(found.levels) > 90


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
