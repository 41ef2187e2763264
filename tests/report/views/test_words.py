"""What every view says in the same words."""

from __future__ import annotations

import html as escapes
from collections.abc import Callable

import msgspec
import pytest

from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.records import Verb
from qmpconf.report.views import as_json, github, html, junit, markdown, sarif, text, words
from qmpconf.report.views.html.words import MOST
from tests.report.results.samples import checked, finding

#: What a reader of each view that cuts values is shown, without line breaks.
SHOWN: dict[str, Callable[[Report], str]] = {
    "text": lambda report: text.page(report, 4 * MOST),
    "markdown": lambda report: escapes.unescape(markdown.page(report)),
    "html": lambda report: escapes.unescape(html.page(report)),
    "junit": lambda report: escapes.unescape(junit.page(report)),
    "github": github.page,
}


@pytest.mark.parametrize("view", SHOWN)
def test_values_are_shown_around_the_place_where_they_differ(view: str) -> None:
    sides = [f"{'x' * 2 * MOST}{one}{'y' * 2 * MOST}" for one in ("one", "two")]
    page = SHOWN[view](merged([checked(finding(expected=sides[0], seen=sides[1]))]))
    assert page.count("xxxoneyyy") == page.count("xxxtwoyyy") == 1
    assert not set(sides) & set(page.split())


#: All views, as a reader finds sentences in them.
VIEWS: dict[str, Callable[[Report], str]] = {
    **SHOWN,
    "sarif": sarif.page,
    "json": as_json.page,
    "summary": lambda report: escapes.unescape(markdown.page(report, details=False)),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("verb", ["check", "conform", "replay", "audit", "coverage"])
def test_every_view_names_occurrences_and_kinds(view: str, verb: Verb) -> None:
    """The same numbers, whoever found it: seven findings are three different ones."""
    found = [
        finding(rule=rule, fingerprint=f"{number:016}", line=number, count=number, case=case)
        for number, (rule, case) in enumerate(
            (("oob.id", "x"), ("schema.return", "y"), ("schema.arguments", "z")), 1
        )
    ]
    found[2] = msgspec.structs.replace(found[2], count=4)
    if verb != "conform":
        found = [msgspec.structs.replace(one, case="") for one in found]
    result = checked(*found)
    result.header = msgspec.structs.replace(result.header, verb=verb)
    word = "differences" if verb == "replay" else "errors"
    assert f"7 {word} (3 kinds)" in VIEWS[view](merged([result]))


def test_a_long_list_is_shown_around_the_name_that_was_meant() -> None:
    names = [f"name-{number}" for number in range(1000)]
    one = finding(expected="one of " + ", ".join(names), seen='"name_500"', hint="name-500")
    expected, seen = words.sides(one, 100)
    assert "name-499, name-500, name-501" in expected
    assert (len(expected) <= 100, seen) == (True, '"name_500"')
