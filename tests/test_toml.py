"""TOML of users: what is wrong is said with file and line, and nothing else comes out of it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.toml import parse_toml, toml_string


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = \nc = 2", "f:2: is not a list: Invalid value (column 5)"),
        ("a = 1\nb = [1,", "f:2: is not a list: Invalid value"),
        ("a = 1\n\nb = " + "9" * 5000 + "\nc = 1", "f:3: is not a list: a number is too long"),
        ("a = 1\nb = " + "[" * 5000 + "\n", "f:2: is not a list: the values are nested too deeply"),
        ("a = 1\nb = [\n" + "[" * 5000, "f:3: is not a list: the values are nested too deeply"),
        ("[" + "a." * 60 + "a]", "f:1: is not a list: the tables are nested deeper than 50"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_toml(text, "f", "a list")
    assert str(error.value) == message


def test_what_is_right_is_read() -> None:
    assert parse_toml("a = [[1]]\n[b.c]\nd = 'é'\n", "f") == {"a": [[1]], "b": {"c": {"d": "é"}}}


@given(st.text())
def test_a_string_is_read_back_but_for_half_surrogate_pairs(text: str) -> None:
    clean = text.encode("utf-8", "backslashreplace").decode()
    assert tomllib.loads(f"a = {toml_string(text)}") == {"a": clean}
    assert "\n" not in toml_string(text)
