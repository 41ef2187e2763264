"""The members that say most about a message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.values import Value
from qmpconf.trace.members import ARGUMENTS, DATA, RESULT, as_words, telling
from qmpconf.trace.redaction.names import is_secret


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, ""),
        ({"driver": "virtio-blk-pci", "id": "disk0"}, "id=disk0 driver=virtio-blk-pci"),
        ({"id": "REDACTED", "password": "hunter2"}, "id=REDACTED"),
        ({"path": "/a", "property": "b", "value": "hunter2"}, "path=/a property=b"),
        ({"driver": "qcow2", "file": {"driver": "file", "filename": "a.img"}},
         "driver=qcow2 file.filename=a.img"),
        ({"enable": ["oob"]}, "enable=oob"),
        ({"enable": [1, "oob"], "id": None, "name": 1.5, "device": {"x": 1}}, ""),
        ({"name": "größer als", "id": ""}, 'id="" name="größer als"'),
        ({"filename": "/" + "d" * 80 + "/disk.qcow2"},
         "filename=/" + "d" * 23 + "..." + "d" * 26 + "/disk.qcow2"),
        ({"name": "x" * 1001, "fdset-id": 1 << 64, "action": "reset"}, "action=reset"),
    ],
)  # fmt: skip
def test_the_arguments_of_a_command(arguments: Value, words: str) -> None:
    assert as_words(telling(arguments, ARGUMENTS)) == words


def test_what_is_not_an_object_has_none() -> None:
    assert telling("running", RESULT) == telling([{"id": "a"}], RESULT) == telling(None, DATA) == {}


def test_of_very_many_members_those_of_the_list_are_found() -> None:
    many: dict[str, Value] = {f"x{number}": number for number in range(1000)}
    assert telling({**many, "status": "ready", "id": "job0"}, DATA) == {
        "id": "job0",
        "status": "ready",
    }


def test_no_name_of_the_lists_is_one_of_a_secret() -> None:
    assert is_secret("password")
    assert not [name for names in (ARGUMENTS, DATA, RESULT) for name in names if is_secret(name)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(DATA)), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(DATA)), values))
def test_whatever_the_values_are_they_can_be_written(data: dict[str, Value]) -> None:
    found = telling(data, DATA)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert all(len(word) < 200 for word in as_words(found).split(" "))
