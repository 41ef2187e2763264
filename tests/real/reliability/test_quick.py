"""The report's own experiments, a few times each: nothing is lost, nothing is invented."""

from __future__ import annotations

import pytest

from tests.real.conftest import require
from tests.real.reliability.__main__ import GROUPS, SOAK, run
from tests.real.reliability.rows import QUICK, Group, Row, Scale, Tally, report


@pytest.mark.parametrize("name", [*GROUPS, SOAK])
def test_nothing_is_lost_or_invented(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    for build in ("qemu-7.2", "qemu-storage-daemon-7.2", "qemu-img-7.2"):
        require(build)
    (group,) = run(QUICK, tmp_path_factory.mktemp("r"), [name])
    assert [(row.what, row.tally) for row in group.rows if not row.good] == []
    assert all(row.tally.sessions or row.skipped or "check of" in row.what for row in group.rows)


def test_the_report_shows_what_is_wrong() -> None:
    """A row of the table for each experiment, whatever has become of it."""
    rows = [
        Row("one", "3 times", Tally(3, 30), "20 MB"),
        Row("two", "once", Tally(1, 2, 1, 4, ["somewhere: 1 lost, 4 invented"])),
        Row("three", "", note="no such thing here", skipped=True),
    ]
    text = report([Group("all", "Is it so?", rows)], 60.0)
    table = [
        [cell.strip() for cell in line.split("|")] for line in text.splitlines() if "|" in line
    ]
    assert ["", "one", "3 times", "0", "0", "20 MB", "", ""] in table
    assert ["", "two", "once", "1", "4", "", "**somewhere: 1 lost, 4 invented**", ""] in table
    assert ["", "three", "not run", "", "", "", "no such thing here", ""] in table
    assert "--soak 60`" in text
    assert [row.good for row in rows] == [True, False, True]


def test_a_share_of_the_report_says_so() -> None:
    scale = Scale().share(0.1)
    assert (scale.kills, scale.in_turn, scale.at_once) == (40, 1000, 200)
    assert "--share 0.1`" in report([], Scale.soak, 0.1)
