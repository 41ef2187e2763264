"""What is missing: what is said, what is folded into it, and the order."""

from __future__ import annotations

from pathlib import Path

import pytest

import traces
from qmpconf.check.collect import collect, join
from qmpconf.check.coverage import Coverage, CoverageData
from qmpconf.check.missing import GROUPS, TITLES, most_useful
from qmpconf.trace.reader import TraceReader
from tests.check.test_coverage import DONE, DRIED, NO, PAINT, coverage
from tests.schema.samples import catalog

FOLDER = Path(traces.__file__).parent


@pytest.fixture(scope="module")
def real() -> CoverageData:
    paths = FOLDER.glob("qemu-7.2.22-*.qmptrace*")
    (found,) = join(collect(TraceReader(str(path))) for path in paths).catalogs
    return found


def test_every_missing_place_is_told_or_counted_once(real: CoverageData) -> None:
    found = most_useful(real)
    listed = [place for one in found for place in one.places]
    assert len(set(listed)) == len(listed)
    told = sum(len(one.places) + one.opens for one in found)
    assert told == sum(one.all - one.exercised for one in real.totals())
    missing = {
        f"{record.kind} {record.name}{place}"
        for record in real.records
        for place in ("" if not record.calls else None, *record.missing)
        if place is not None
    }
    assert set(listed) <= missing


def test_nothing_below_something_missing_is_told_for_itself(real: CoverageData) -> None:
    listed = {place for one in most_useful(real) for place in one.places}
    for place in listed:
        for at in range(1, len(place)):
            assert not (place[at] in "/[(" and place[:at] in listed), place


def test_order_of_the_groups_is_kept_and_all_have_words(real: CoverageData) -> None:
    groups = [one.group for one in most_useful(real)]
    assert groups == sorted(groups, key=GROUPS.index)
    assert set(groups) == set(GROUPS) == set(TITLES)


def test_queries_come_first_and_what_is_deprecated_last() -> None:
    found = most_useful(Coverage(catalog()).data())
    assert [(one.group, one.place) for one in found] == [
        ("commands", "command paint"),  # opens most
        ("commands", "command mix"),
        ("commands", "command device_add"),
        ("events", "event DRIED"),
        ("events", "event SPILT"),
        ("deprecated", "command stir"),
    ]


def test_parts_of_one_place_are_told_together(tmp_path: Path) -> None:
    found = most_useful(coverage(tmp_path / "t", [PAINT, DONE, DRIED]))
    told = {(one.group, one.place): one for one in found}
    branches = told["values", "command paint/arguments"]
    assert branches.parts == ("[style=bare]", "[style=striped]")
    assert branches.opens == 5  # width, its two branches, and two members of one of them
    assert told["arguments", "command paint/arguments"].parts == ("/node-name",)
    layers = told["arguments", "command paint/arguments[style=plain]"]
    assert (layers.parts, layers.uses) == (("/layers",), 1)
    assert told["deprecated", "command paint/arguments"].parts == ("[style=gilded]",)
    assert told["data", "event DRIED/data"].parts == ("/layers",)


def test_a_command_that_was_tried_goes_before_one_that_was_not(tmp_path: Path) -> None:
    device = '> {"execute": "device_add", "arguments": {"driver": "x"}}'
    found = most_useful(coverage(tmp_path / "t", [device, NO]), ["commands"])
    assert next(one.place for one in found if one.group == "commands") == "command device_add"


def test_kinds_can_be_chosen(real: CoverageData) -> None:
    assert {one.kind for one in most_useful(real, ["values", "events"])} == {"values", "events"}
