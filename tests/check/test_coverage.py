"""Coverage: what counts as exercised, the figures, merging, and the form on disk."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check.collect import Exercised, collect, join
from qmpconf.check.coverage import Coverage, CoverageData, Record, Total, merge
from qmpconf.check.universe import KINDS
from qmpconf.protocol.messages import Command, Event, Success
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import FIRST, OPENING, basis, write
from tests.schema.samples import catalog

STAMP = '"timestamp": {"seconds": 1, "microseconds": 2}'
PAINT = '> {"execute": "paint", "arguments": {"style": "plain", "colour": "red"}}'
DONE = '< {"return": {}}'
NO = '< {"error": {"class": "GenericError", "desc": "x"}}'
DRIED = '< {"event": "DRIED", "data": {"colour": "red"}, ' + STAMP + "}"


def collected(path: Path, script: list[str], close: str = "client") -> Exercised:
    one = basis()
    return collect(TraceReader(str(write(path, OPENING + script, close))), lambda *_: one)


def coverage(path: Path, script: list[str], close: str = "client") -> CoverageData:
    (found,) = collected(path, script, close).catalogs
    return found


def record(data: CoverageData, name: str) -> Record:
    (found,) = [one for one in data.records if one.name == name]
    return found


def test_a_command_that_succeeded_exercises_what_it_used(tmp_path: Path) -> None:
    paint = record(coverage(tmp_path / "t", [PAINT, DONE, PAINT, DONE]), "paint")
    assert (paint.calls, paint.refused) == (2, 0)
    assert paint.places == {
        "/arguments/style": 2,
        "/arguments[style=plain]": 2,
        "/arguments[style=plain]/colour": 2,
    }
    assert paint.tried == {}
    assert "/arguments[style=plain]/layers" in paint.missing
    assert paint.marked["/arguments[style=gilded]"] == ("deprecated",)


def test_a_command_that_was_refused_only_tries(tmp_path: Path) -> None:
    data = coverage(tmp_path / "t", [PAINT, NO])
    paint = record(data, "paint")
    assert (paint.calls, paint.refused, paint.places) == (0, 1, {})
    assert paint.tried["/arguments[style=plain]"] == 1
    assert "/arguments[style=plain]" in paint.missing
    (commands,) = [one for one in data.totals() if one.kind == "commands"]
    assert (commands.exercised, commands.tried) == (1, 2)  # qmp_capabilities, and paint


def test_a_command_that_was_never_answered_only_tries(tmp_path: Path) -> None:
    for close in ("client", "server", ""):
        paint = record(coverage(tmp_path / "t", [PAINT], close), "paint")
        assert (paint.calls, paint.refused, paint.unanswered) == (0, 0, 1)
        assert "/arguments/style" in paint.tried


def test_what_was_exercised_is_not_listed_as_tried(tmp_path: Path) -> None:
    for script in ([PAINT, DONE, PAINT, NO], [PAINT, NO, PAINT, DONE]):
        paint = record(coverage(tmp_path / "t", script), "paint")
        assert paint.places
        assert paint.tried == {}


def test_results_and_events(tmp_path: Path) -> None:
    mix = '> {"execute": "mix", "arguments": {"what": null, "names": []}}'
    answer = '< {"return": {"size": 1, "parts": [{"extra": 1}, {"size": 2}]}}'
    data = coverage(tmp_path / "t", [mix, DRIED, answer, DRIED])
    assert record(data, "mix").places == {
        "/arguments/names": 1,
        "/arguments/what": 1,
        "/arguments/what(null)": 1,
        "/return/extra": 1,
        "/return/parts": 1,
        "/return/size": 2,
    }
    dried = record(data, "DRIED")
    assert (dried.calls, dried.places) == (2, {"/data/colour": 2})
    assert dried.missing == ("/data/layers",)


def test_what_the_catalog_does_not_know_is_counted(tmp_path: Path) -> None:
    nothing = '> {"execute": "nothing"}'
    data = coverage(tmp_path / "t", [nothing, NO, '< {"event": "ODD", ' + STAMP + "}"])
    assert data.unknown == 2


def test_a_session_that_pipelines_pairs_each_answer_with_its_command(tmp_path: Path) -> None:
    script = [PAINT, '> {"execute": "stir"}', NO, '< {"return": ["a"]}']
    data = coverage(tmp_path / "t", script)
    assert record(data, "paint").refused == 1
    assert record(data, "stir").calls == 1


def test_figures() -> None:
    data = Coverage(catalog()).data()
    told = {one.kind: one for one in data.totals()}
    assert list(told) == list(KINDS)
    assert told["commands"] == Total("commands", 0, 0, 4)
    assert told["events"] == Total("events", 0, 0, 2)
    assert told["arguments"].all == sum(
        one.startswith("/arguments") and one[-1] not in "])" and "=" not in one.rpartition("/")[2]
        for record in data.records
        for one in record.missing
    )
    assert told["data"].percent == 0
    assert Total("values", 0, 0, 0).percent == 100


def test_every_place_is_either_exercised_or_missing(tmp_path: Path) -> None:
    nothing = Coverage(basis().catalog).data()
    data = coverage(tmp_path / "t", [PAINT, DONE, DRIED])
    assert data.digest == nothing.digest
    for one, bare in zip(data.records, nothing.records, strict=True):
        assert sorted(one.all()) == sorted(bare.missing)
        assert set(one.tried) <= set(one.missing)


STEPS = [
    [PAINT, DONE],
    [PAINT, NO],
    [DRIED],
    ['> {"execute": "paint", "arguments": {"style": "bare"}}', DONE],
    ['> {"execute": "stir", "id": 1}', '< {"return": ["x"], "id": 1}'],
    ['> {"execute": "stir"}'],
    ['> {"execute": "none"}', NO],
]


def test_merging_is_the_same_in_any_order_and_as_one_trace(tmp_path: Path) -> None:
    parts = [collected(tmp_path / "t", script) for script in STEPS]
    texts = {
        msgspec.json.encode(join(order))
        for order in itertools.islice(itertools.permutations(parts), 0, 5040, 97)
    }
    assert len(texts) == 1
    half = join((join(parts[:3]), join(parts[3:])))
    assert texts == {msgspec.json.encode(half)}
    whole = collected(tmp_path / "t", [line for script in STEPS[:5] + STEPS[6:] for line in script])
    one, other = whole.catalogs[0], join(parts[:5] + parts[6:]).catalogs[0]
    # Each part negotiates for itself.
    assert [x for x in one.records if x.name != "qmp_capabilities"] == [
        x for x in other.records if x.name != "qmp_capabilities"
    ]


def test_data_can_be_written_and_read(tmp_path: Path) -> None:
    found = collected(tmp_path / "t", [PAINT, NO, DRIED])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Exercised) == found


def test_catalogs_of_one_name_with_other_places_stay_apart() -> None:
    one = Coverage(catalog()).data()
    other = Coverage(basis().catalog).data()
    assert one.catalog == other.catalog
    assert merge([one, other]) == merge([other, one])
    assert len(merge([one, other, one])) == 2


def test_catalogs_are_sorted_as_people_count() -> None:
    datas = [
        msgspec.structs.replace(Coverage(catalog()).data(), catalog=one)
        for one in ("q-10.0", "q-5.2")
    ]
    assert [one.catalog for one in merge(datas)] == ["q-5.2", "q-10.0"]


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_counting_takes_any_arguments(arguments: dict[str, object]) -> None:
    found = Coverage(catalog())
    for name in ("paint", "mix", "device_add", "nothing"):
        command = Command({}, (), False, name, arguments, False, None, False)
        found.success(command, Success({}, (), False, False, None, arguments))
        found.failure(command)
        found.unanswered(command)
    for data in (None, [], "x", arguments):
        found.event(Event({}, (), False, "DRIED", data, 0, 0))
    assert found.data().unknown == 3


@pytest.mark.parametrize("line", range(FIRST, FIRST + 3))
def test_a_cut_off_trace_counts_as_far_as_it_goes(tmp_path: Path, line: int) -> None:
    path = write(tmp_path / "t", [*OPENING, PAINT, DONE, DRIED], "")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: line - 1]))
    one = basis()
    (found,) = collect(TraceReader(str(path)), lambda *_: one).catalogs
    paint = record(found, "paint")
    assert (paint.unanswered, paint.calls) == [(0, 0), (1, 0), (0, 1)][line - FIRST]
