"""A history as text, Markdown and JSON: what is there, and that it says what it does not know."""

from __future__ import annotations

from qmpconf.report.history import tables
from qmpconf.report.history.told import Selection, changed
from qmpconf.schema.history import History, Row
from qmpconf.schema.model import Catalog, Command, Facts, Member, Object, Source, Type


def catalog(version: str, *members: str, kind: str = "introspection", form: str = "") -> Catalog:
    source = Source(kind, version=version, form=form)  # type: ignore[arg-type]
    types: dict[str, Type] = {"A": Object(tuple(Member(one, "int") for one in members))}
    gone = Facts(features=("deprecated",), instead=("other",)) if "old" in members else Facts()
    return Catalog(f"q-{version}", source, {"c": Command("c", "A", facts=gone)}, {}, types)


def selection(*catalogs: Catalog) -> Selection:
    history = History(catalogs)
    return Selection("q", history, list(history.rows(history.entry("command", "c"))), whole=False)


SOME = selection(
    catalog("1.0", "a|b", kind="document", form="qmp-commands.txt"),
    catalog("5.2", "a|b", "same"),
    catalog("7.2", "a|b", "same", "old"),
    catalog("8.0", "same", "\x1b[2J"),
)


def test_a_table_has_what_has_a_history_of_its_own_and_says_what_it_left_out() -> None:
    text = tables.text(SOME, 120)
    lines = text.splitlines()
    assert lines[0] == "command c  (q 1.0 to 8.0: 4 releases, 4 catalogs)"
    assert any(
        one.split() == ["/arguments/old", "between", "5.2", "and", "7.2", "in", "8.0"]
        for one in lines
    )
    assert any(one.startswith("/arguments/a|b ") and one.endswith("in 8.0") for one in lines)
    assert "/arguments/same" not in text  # 1.0 did not say
    assert "2 places below have the history" in text
    assert "releases: 1.0 5.2 7.2 8.0" in lines
    assert (
        "q-1.0: not all, for it was written by hand; what is missing there proves nothing" in lines
    )
    assert "\x1b" not in text
    assert tables.text(SOME, 120, everything=True).count("/arguments") == 5


def test_markdown_keeps_names_in_their_cells() -> None:
    page = tables.markdown(SOME)
    rows = [one for one in page.splitlines() if one.startswith("|")]
    assert {one.count("|") for one in rows} == {6}
    assert "\x1b" not in page


def test_json_has_every_place_with_a_sign_for_each_release() -> None:
    found = tables.data(SOME)
    assert [one["release"] for one in found["releases"]] == ["1.0", "5.2", "7.2", "8.0"]
    assert {len(one["states"]) for one in found["places"]} == {4}
    (old,) = (one for one in found["places"] if one["place"].endswith("/old"))
    assert old["came"] == {"after": "5.2", "until": "7.2", "words": "between 5.2 and 7.2"}
    assert old["went"] == {"after": "7.2", "until": "8.0", "words": "in 8.0"}
    assert set(old["states"]) <= set(found["signs"])


def test_a_note_says_where_something_was_not_built_or_left_out() -> None:
    found = selection(
        catalog("5.2", "a", "b", kind="document", form="qemu-qmp-ref"),
        catalog("5.2", "b"),
        catalog("6.0", "a"),
        catalog("6.1", "a"),
        catalog("6.2", "a", "b"),
    )
    rows = {one.split()[0]: one for one in tables.text(found, 120).splitlines() if one}
    assert rows["/arguments/a"].endswith("  not built in 5.2")
    assert rows["/arguments/b"].endswith("  left out in 6.0 to 6.1")


def test_what_to_use_instead_stands_with_the_deprecation() -> None:
    entry = SOME.rows[0].place
    assert changed(entry)["deprecated"] == "in 7.2 or before; instead: other"
    alone = selection(catalog("1.0", kind="document", form="qmp-commands.txt"))
    assert changed(alone.rows[0].place) == {"came": "in 1.0 or before"}
    assert isinstance(alone.rows[0], Row)
