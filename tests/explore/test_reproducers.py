"""Lines for qmp-shell mean the commands that they stand for, also to qmp-shell itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qemu.qmp.qmp_shell import QMPShellError

from qmpconf.explore.reproducers import line_of
from tests.trace.convert.test_shorthand import Bare
from tests.usual import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab-", min_size=1), inner, max_size=2)
    ),
    max_leaves=5,
)


def meant(line: str) -> Any:
    try:
        return Bare()._build_cmd(line)  # the whole shell leaves an event loop behind
    except QMPShellError:
        return None


@settings(max_examples=examples(400), deadline=None)
@given(st.dictionaries(st.text("abc-", min_size=1, max_size=4), VALUES, max_size=3))
def test_a_line_means_its_command(arguments: dict[str, Any]) -> None:
    line = line_of("query-status", arguments)
    assert line is None or "\n" not in line
    if line is not None:
        assert meant(line) == {"execute": "query-status", "arguments": arguments}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "stop"),
        ({"id": "a", "n": 5, "on": True}, "stop id=a n=5 on=true"),
        (
            {"file": {"driver": "file", "locking": None}},
            'stop file={"driver":"file","locking":null}',
        ),
        ({"id": "5"}, None),  # it would be a number
        ({"id": "two words"}, None),
    ],
)
def test_some_lines(arguments: dict[str, Any], line: str | None) -> None:
    assert line_of("stop", arguments) == line
