"""The register holds against the specification: each sentence has its rule, each rule its sentence."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from qmpconf.protocol.requirements import REQUIREMENTS, Level

PAGE = (resources.files("qmpconf.protocol") / "specification.md").read_text(encoding="utf-8")

#: Section, sentence, requirement (or words), level of each row of the table.
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]
JUDGED = [(row[0], row[2].strip("`"), row[3]) for row in ROWS if row[2].startswith("`")]


def test_the_table_is_whole() -> None:
    assert len(ROWS) > 80
    assert all(len(row) == 4 and all(row) for row in ROWS)
    assert all(row[3] == "-" for row in ROWS if not row[2].startswith("`"))
    sections = [[int(number) for number in row[0].split(".")] for row in ROWS]
    assert sections == sorted(sections)


@pytest.mark.parametrize("name", [one.id for one in REQUIREMENTS.values() if "spec" in one.source])
def test_a_rule_with_a_section_is_a_sentence_of_it(name: str) -> None:
    named = re.search(r"spec ([\d., ]*\d)", REQUIREMENTS[name].source)
    assert named is not None
    told = {section for section, rule, _ in JUDGED if rule == name}
    assert set(named[1].split(", ")) <= told, told


def test_a_sentence_has_the_level_of_its_rule_or_says_what_it_is() -> None:
    for section, name, level in JUDGED:
        assert name in REQUIREMENTS, section
        assert REQUIREMENTS[name].level is Level(level), name


def test_what_was_only_seen_is_no_more_than_recommended() -> None:
    for one in REQUIREMENTS.values():
        if one.source.startswith("seen"):
            assert one.level is not Level.MUST, one.id
