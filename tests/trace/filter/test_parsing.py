"""A filter's text as a tree and back, and what is said of a text that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.filter.advice import OTHER_VALUES, OTHER_WORDS
from qmpconf.trace.filter.fields import FIELDS, OPERATORS
from qmpconf.trace.filter.literals import Range
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.filter.syntax import (
    And,
    Compare,
    Filter,
    Has,
    In,
    Not,
    Or,
    Place,
    Wildcard,
    both,
    either,
    is_late,
    opposite,
)
from qmpconf.trace.filter.words import FilterError

COMMAND, TOOK, ERROR, LINE = (Place(name) for name in ("command", "took", "error", "line"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("error", Has(ERROR)),
        ("took>50ms", Compare(TOOK, ">", 0.05)),
        ("took > 50 ms", Compare(TOOK, ">", 0.05)),
        ("took >= 2min", Compare(TOOK, ">=", 120)),
        ("size < 1.5 KiB", Compare(Place("size"), "<", 1536)),
        ("size = 1500", Compare(Place("size"), "=", 1500)),
        ("command ~ block*", Compare(COMMAND, "~", "block*")),
        ("command matches '^x-'", Compare(COMMAND, "~~", "^x-")),
        (r'''text = "\d \"x\\"''', Compare(Place("text"), "=", r"\d " + '"x\\')),
        ("command = and", Compare(COMMAND, "=", "and")),
        ("client = unix:/run/q.sock", Compare(Place("client"), "=", "unix:/run/q.sock")),
        ("line in 7", In(LINE, (7,))),
        ("line in (3..9, 20.., ..2)", In(LINE, (Range(3, 9), Range(20, None), Range(None, 2)))),
        ("took in 1s..2min", In(TOOK, (Range(1, 120),))),
        ("error not in (A, 'b c')", Not(In(ERROR, ("A", "b c")))),
        ("arguments/x = 1", Compare(Place("arguments", ("x",)), "=", 1)),
        ("arguments/x = '1'", Compare(Place("arguments", ("x",)), "=", "1")),
        ("arguments/x = true", Compare(Place("arguments", ("x",)), "=", True)),
        ("data/x = null", Compare(Place("data", ("x",)), "=", None)),
        ("return/x > 1MiB", Compare(Place("return", ("x",)), ">", 1 << 20)),
        ("return/x = 1.2.3", Compare(Place("return", ("x",)), "=", "1.2.3")),
        ("return/*/**/0", Has(Place("return", (Wildcard(), Wildcard(deep=True), "0")))),
        ("""data/"a b/c"/'*' = x""", Compare(Place("data", ("a b/c", "*")), "=", "x")),
        ("command ~ 'a|b'", Compare(COMMAND, "~", "a|b")),
        ("error = 'true'", Compare(ERROR, "=", "true")),
        ("id = true", Compare(Place("id"), "=", "true")),
        ("not not error", Not(Not(Has(ERROR)))),
        ("error or answered and took > 1s", Or((
            Has(ERROR), And((Has(Place("answered")), Compare(TOOK, ">", 1)))
        ))),
        ("(error or answered) and not (event)", And((
            Or((Has(ERROR), Has(Place("answered")))), Not(Has(Place("event")))
        ))),
    ],
)  # fmt: skip
def test_a_text_and_its_tree(text: str, tree: Filter) -> None:
    assert parse(text) == tree
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "column", "marks", "said"),
    [
        ("", 1, 1, "nothing is asked"),
        ("comand = x", 1, 6, "'comand' is not a field; did you mean command?"),
        ("error and latency > 1s", 11, 7, "'latency' is not a field; write took"),
        ("block_resize", 1, 12, "the fields are command, arguments"),
        ("query-block and error", 1, 11, "for a command's name, write command = query-block ("),
        (
            "STOP",
            1,
            4,
            "for an event's name, write event = STOP (the fields are command, arguments",
        ),
        ("arguments.device = d", 1, 16, "stand behind slashes: arguments/device"),
        ("args[0].x = d", 1, 9, "stand behind slashes: arguments/0/x"),
        ("unanswered", 1, 10, "write command and not answered"),
        ("kind = response", 8, 8, "'response' is not a kind; write kind in (return, error)"),
        ("sender = qemu", 10, 4, "'qemu' is not a sender; write sender = server"),
        ("desc contains x", 6, 8, "there is no operator contains; write ~ with a * on both sides"),
        ("line between 1 and 2", 6, 7, "there is no operator between; write in and a range"),
        ("line > 1 and < 20", 14, 1, "a field is wanted here, as in line < ..."),
        ("line in (1-20)", 10, 4, "'1-20' is not a number; a range has two dots: 3..7"),
        ("session = 1,2", 12, 1, "a comma stands in a list: session in (..., ...)"),
        ("session in [1, 2]", 12, 2, "a list stands in parentheses: (..., ...)"),
        ("command ~ block|query", 11, 11, "for a regular expression write ~~"),
        ("event ~ /STOP/", 9, 6, "for a regular expression write ~~"),
        ("error = true", 9, 4, "error is a text; write error alone, or not error"),
        ("desc ~ *not found*", 13, 6, "a value with spaces stands in quotes"),
        ("took > 5", 8, 1, "5 of what? Write a unit behind it: ns, us"),
        ("took > 5 parsecs", 8, 9, "'parsecs' is not a unit here: ns, us"),
        ("took > soon", 8, 4, "'soon' is not a number with a unit (ns"),
        ("took > 9999999999999999999999999999999h", 8, 32, "is too big"),
        ("line = 5kB", 8, 3, "'kB' is one word too many"),
        ("line = 'x'", 8, 3, "a number is wanted here"),
        ("line in 9..3", 9, 4, "ends before it begins"),
        ("line in ..", 9, 2, "is not a range"),
        ("kind = evnt", 8, 4, "'evnt' is not a kind; did you mean event?"),
        ("sender in (client, me)", 20, 2, "'me' is not a sender; there are client, server"),
        ("kind", 1, 4, "every message has a kind: compare it (=, !=, in)"),
        ("took ~ x", 6, 1, "took has no ~: it has =, !=, <"),
        ("wrong = true", 7, 1, "wrong has no =: it stands alone, or behind not"),
        ("arguments", 1, 9, "arguments needs the path of a value: arguments/device"),
        ("data//x", 1, 7, "a step of this path is empty"),
        ("command/x", 1, 9, "command has no path"),
        ("command =", 10, 1, "a value is wanted here"),
        ("command = (a)", 11, 1, "a value is wanted here"),
        ("command = a b", 13, 1, "and, or, or the end is wanted here"),
        ("took 5ms", 6, 3, "an operator (=, !=, <, <=, >, >=, in), and, or, or the end"),
        ("error AND took", 7, 3, "write and, in small letters"),
        ("error && took", 7, 2, "there is no operator &&; write and"),
        ("command == a", 9, 2, "there is no operator ==; write ="),
        ("error and", 10, 1, "a field is wanted here, for example command = query-block"),
        ("error or and", 10, 3, "a field is wanted here"),
        ("(error", 1, 1, "this ( has no )"),
        ("error)", 6, 1, "there is no ( that this ) ends"),
        ("line in (1 2)", 12, 1, "a comma or ) is wanted here"),
        ("line in (1", 9, 1, "this ( has no )"),
        ("error = 'x", 9, 2, "the quote ' has no end"),
        ("text ~~ 'a('", 9, 4, "it is not a regular expression: missing )"),
        ("(" * 200 + "error" + ")" * 200, 101, 1, "more than 100 filters within each other"),
        ("not " * 200 + "error", 401, 3, "more than 100 filters within each other"),
    ],
)
def test_an_error_points_at_its_place(text: str, column: int, marks: int, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert said in caught.value.reason
    assert caught.value.column == column
    first, shown, pointer = str(caught.value).split("\n")
    assert first == f"column {column}: {caught.value.reason}"
    assert pointer.strip() == "^" * marks
    assert shown[pointer.index("^") :].startswith(text[column - 1 : column - 1 + marks])


def test_what_does_not_print_does_not_shift_the_mark() -> None:
    with pytest.raises(FilterError) as caught:
        parse("text = '\x1b' and oops")
    _, shown, pointer = str(caught.value).split("\n")
    assert shown[pointer.index("^") :] == "oops"


@given(st.text(alphabet="acdefimnortuk ()<>=!~'\"\\/*.,0123\n&|-", max_size=40) | st.text())
def test_any_text_is_a_filter_or_an_error_in_it(text: str) -> None:
    try:
        tree = parse(text)
    except FilterError as caught:
        error = caught
    else:
        assert parse(str(tree)) == tree
        return
    assert 1 <= error.column <= len(text) + 1


texts = st.text(max_size=8)
numbers = st.integers(-(10**20), 10**20) | st.decimals(0, 10**6, places=6).map(
    lambda one: int(one) if one == int(one) else float(one)
)
step = st.builds(Wildcard, st.booleans()) | st.text(min_size=1, max_size=6)


@st.composite
def compared(draw: st.DrawFn) -> Filter:
    field = draw(st.sampled_from(list(FIELDS.values())))
    path = tuple(draw(st.lists(step, min_size=1, max_size=3))) if field.type == "json" else ()
    place = Place(field.name, path)
    operator = draw(st.sampled_from([*OPERATORS[field.type], *(["alone"] if field.alone else [])]))
    if operator == "alone":
        return Has(place)
    if field.type == "word":
        scalars = st.sampled_from(field.words)
    elif field.type == "text":
        scalars = texts
    elif field.type == "json":
        scalars = texts | numbers | st.sampled_from([True, False, None])
    else:
        scalars = numbers
    if operator == "in":
        ranges = st.tuples(numbers, numbers).map(lambda ends: Range(min(ends), max(ends)))
        items = scalars | ranges if field.type not in ("text", "word") else scalars
        return In(place, tuple(draw(st.lists(items, min_size=1, max_size=3))))
    if operator == "~~":
        return Compare(place, operator, draw(st.sampled_from(["a|b", r"^\w+ \"x'$", "(?i)x"])))
    return Compare(place, operator, draw(texts if "~" in operator else scalars))


filters = st.recursive(
    compared(),
    lambda inner: (
        inner.map(opposite)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: both(*parts))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: either(*parts))
    ),
    max_leaves=8,
)


@given(filters)
def test_what_is_written_is_read_as_the_same(tree: Filter) -> None:
    assert parse(str(tree)) == tree


def test_which_filters_wait_for_the_response() -> None:
    assert is_late(parse("not (event or took > 1s)"))
    assert is_late(parse("return/x = 1"))
    assert not is_late(parse("command ~ a* and arguments/x or not oob"))


def test_other_words_lead_to_filters() -> None:
    for word, meant in OTHER_WORDS.items():
        assert word not in FIELDS
        assert meant in FIELDS or parse(meant)
    for name, values in OTHER_VALUES.items():
        for value, meant in values.items():
            assert value not in FIELDS[name].words
            assert parse(meant)
