"""What is kept of schema replies from one trace to the next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check import choice
from qmpconf.check.checking import check
from qmpconf.check.recent import BASES, ENTRIES, Recent
from qmpconf.check.survey import Utterance, survey
from tests.check.test_survey import OTHER, PAINT, REFUSED, SCHEMA, greeting, session, trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    for one in (BASES, ENTRIES):
        one.forget()


def test_the_latest_are_kept() -> None:
    made: list[int] = []
    recent: Recent[int, int] = Recent(2)
    for key in (1, 2, 1, 3, 1, 2):
        assert recent.use(key, lambda key=key: made.append(key) or key) == key  # type: ignore[misc]
    assert made == [1, 2, 3, 2]


def test_a_schema_is_compiled_once_for_all_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []
    made = choice.from_reply

    def counted(entries: Any, **names: Any) -> Any:
        compiled.append(names["name"])
        return made(entries, **names)

    monkeypatch.setattr(choice, "from_reply", counted)
    said = []
    for number, schema in enumerate([SCHEMA, SCHEMA, OTHER, SCHEMA]):
        lines = [*session(1, *[PAINT] * number), *session(2, {**schema, "id": number}, PAINT)]
        said += [check(trace(tmp_path / f"{number}", [*lines, *session(2, REFUSED)])).schemas[-1:]]
    # The same sentence as for each alone, with the line in which its own reply stands.
    assert said == [[f"the schema reply in line {line}"] for line in (2, 3, 4, 5)]
    assert len(compiled) == 2
    check(
        trace(tmp_path / "v", session(1, greeting(9, 1), SCHEMA))
    )  # its version is in its catalog
    assert compiled[2:] == ["qemu-9.1.0"]


_REPLY = json.dumps(SCHEMA["return"])


@given(
    st.lists(
        st.sampled_from(
            [
                f'{{"return":{_REPLY}}}',
                f'{{"return":{_REPLY},"id":"[7]"}}',
                f'{{"id":{_REPLY},"return":{{}}}}',
                f'{{"return":{_REPLY},"return":[]}}',
                f'{{"return":{_REPLY}',
                f'{{"return":{_REPLY},"id":[1]}}',
                f'{{"id":{_REPLY},"id":[1]}}',
                f'{{"return":{_REPLY[:-2]}]}}',
                f'{{"return":"{_REPLY[:1]}meta-type]"}}',
                f'{{"error":{_REPLY}}}',
            ]
        ),
        max_size=5,
    )
)
def test_what_is_kept_changes_nothing(said: list[str]) -> None:
    """Whatever other traces held, a trace says of its servers what it says alone."""

    def found() -> Any:
        one = survey(Utterance(line, 1, text.encode()) for line, text in enumerate(said, 2))
        return one.stretches, one.replies

    before = found()  # other examples came before
    for kept in (BASES, ENTRIES):
        kept.forget()
    assert found() == before == found()
