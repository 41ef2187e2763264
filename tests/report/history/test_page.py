"""The page of a history: complete, searchable, tame, and as wide as its window."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.report.history.page import page
from qmpconf.report.history.told import Selection
from qmpconf.schema.history import History
from qmpconf.schema.model import (
    Catalog,
    Command,
    Enum,
    EnumValue,
    Event,
    Member,
    Object,
    Source,
    Type,
)
from tests.report.views.browser import Browser

ATTACK = "</script><img src=x onerror=alert(1)>\x1b[2J"


def catalog(version: str, *values: str, more: tuple[str, ...] = ()) -> Catalog:
    types: dict[str, Type] = {
        "A": Object((Member("mode", "E"), Member("again", "A", optional=True))),
        "E": Enum(tuple(map(EnumValue, values))),
    }
    commands = {name: Command(name, "A") for name in ("paint", "paint-over", *more)}
    source = Source("introspection", version=version)
    return Catalog(f"q-{version}", source, commands, {"DRIED": Event("DRIED")}, types)


def whole(*catalogs: Catalog) -> Selection:
    history = History(catalogs)
    rows = []
    for kind, names in history.names.items():
        for name in names:
            start = len(rows)
            for row in history.rows(history.entry(kind, name)):
                above = row.above + start if row.above >= 0 else -1
                rows.append(type(row)(row.place, row.depth, above, row.again))
    return Selection("q", history, rows, whole=True)


SOME = whole(catalog("7.2.0", "red", "blue"), catalog("8.0.0", "red", "green", more=(ATTACK,)))


def data(text: str) -> dict[str, list]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_every_place_is_in_the_data_and_equal_ones_once() -> None:
    found = data(page(SOME))
    nodes = found["nodes"]

    def size(number: int) -> int:
        return 1 + sum(map(size, nodes[number][4]))

    assert sum(map(size, found["entries"])) == len(SOME.rows)
    assert len(nodes) < len(SOME.rows)
    assert [nodes[one][0] for one in found["entries"]][-1] == "event DRIED"
    assert {one[0] for one in nodes} >= {"/arguments", "/mode", "=red", "=blue", "=green"}
    (again,) = {one[5] for one in nodes if len(one) > 5}
    assert again == "/arguments"


def test_what_is_hostile_stays_text() -> None:
    text = page(SOME)
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "\x1b" not in text
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert page(SOME) == text


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


SEARCH = """
const words = document.getElementById("words");
words.value = arguments[0];
return new Promise((done) => {
  new MutationObserver(() => done(document.getElementById("shown").textContent))
    .observe(document.getElementById("shown"), {childList: true});
  words.dispatchEvent(new Event("input", {bubbles: true}));
});
"""


def test_a_reader_finds_opens_and_links_on_a_phone_and_on_a_desk(
    chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "history.html"
    file.write_text(page(SOME), encoding="utf-8")
    for width in (390, 1280):
        chromium.open(file, width=width)
        assert len(chromium.texts("#entries > li")) == 4
        assert chromium.run(SEARCH, "gree") == "3 of 4, 3 places inside"
        assert chromium.texts("mark") == ["gree"] * 3
        assert chromium.texts("#entries .row .came")[0] == "came in 8.0"
        assert "went in 8.0" not in chromium.texts("#entries .row .went")
        assert chromium.run(SEARCH, "paint/blue") == "2 of 4, 2 places inside"
        assert chromium.texts("#entries .row .went") == ["went in 8.0"] * 2
        assert chromium.run(SEARCH, "paint arguments mode blue") == "2 of 4, 2 places inside"
        assert chromium.run(SEARCH, "paint mode arguments blue") == "0 of 4"
        assert chromium.run(SEARCH, "nosuchthing") == "0 of 4"
        assert chromium.texts("#nothing")
        chromium.open(file, "#paint%2Farguments%2Fmode%3Dblue", width=width)
        assert [one.split("came")[0] for one in chromium.texts(".row.here")] == ["=blue"]
        assert chromium.overflow == 0
        assert chromium.faults == []
        assert chromium.loaded == []
