"""Lists in TOML: read with file and line in every error, and written so that they are read again."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.errors import InputError
from qmpconf.lists import dumped, read_list, toml

TEXT = """\
# two of them
[[known]]
case = "a"

[[known]]
case = "b"
sometimes = true
"""


def test_entries_know_where_they_stand() -> None:
    first, second = read_list(TEXT, "l.toml", "known")
    assert (first.text("case"), first.text("reason", "none")) == ("a", "none")
    assert (first.flag("sometimes"), second.flag("sometimes")) == (False, True)
    with pytest.raises(InputError, match=r"^l\.toml:6: odd$"):
        second.fail("odd", "case")
    with pytest.raises(InputError, match=r"^l\.toml:5: known 2 has no 'reason'$"):
        second.only(("case", "reason"), ("sometimes",))
    with pytest.raises(InputError, match=r"^l\.toml:7: 'sometimes' must be a string, not empty$"):
        second.text("sometimes")


@pytest.mark.parametrize(("text", "line"), [("a = 1\nb = = 2\n", 2), ("a = 1\n[[known", 2)])
def test_what_is_not_toml_has_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError, match=rf"^l\.toml:{line}: is not TOML: "):
        read_list(text, "l.toml", "known")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.dictionaries(st.sampled_from(["case", "reason"]), WORDS, min_size=1)))
def test_what_is_written_is_read_again(entries: list[dict[str, str]]) -> None:
    text = dumped("known", entries, ["a list", "of two lines"])
    assert text.startswith("# a list\n# of two lines\n")
    assert [dict(one.values) for one in read_list(text, "l", "known")] == entries


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert tomllib.loads(f"a = {toml(chr(0xD800))}") == {"a": "\\ud800"}
