"""The table of phases: whole, about known requirements, and as the documentation draws it."""

from __future__ import annotations

from pathlib import Path

import pytest

import qmpconf.protocol
from qmpconf.protocol.phases import TRANSITIONS, Phase, Said
from qmpconf.protocol.requirements import REQUIREMENTS

DOCUMENT = Path(qmpconf.protocol.__file__).with_name("README.md")


def drawn() -> list[str]:
    """The rows of the documentation's table: what breaks something, or changes the phase."""
    rows = []
    for (phase, said), (requirement, expected, following) in TRANSITIONS.items():
        if requirement or following is not phase:
            breaks = f"`{requirement}`: {expected}" if requirement else ""
            leads = following.value if following is not phase else ""
            rows.append(f"| {phase.value} | {said.value} | {breaks} | {leads} |")
    return rows


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_knows_what_each_message_means(phase: Phase) -> None:
    for said in Said:
        requirement, expected, following = TRANSITIONS[phase, said]
        assert not requirement or requirement in REQUIREMENTS
        assert bool(requirement) == bool(expected)
        assert isinstance(following, Phase)


def test_nothing_leads_back() -> None:
    order = list(Phase)
    for (phase, _), (_, _, following) in TRANSITIONS.items():
        assert order.index(following) >= order.index(phase)


def test_the_documentation_draws_the_table() -> None:
    lines = DOCUMENT.read_text().splitlines()
    start = lines.index("| phase | the server says | breaks | leads to |")
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append(line)
    assert table == drawn()
