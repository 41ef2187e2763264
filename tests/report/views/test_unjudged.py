"""What was not judged shows at the end of every view, in the same words; it is never a success."""

from __future__ import annotations

import html as escapes
import json
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.records import FindingRecord, Header, Subject, Unjudged
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import as_json, github, html, judged, junit, markdown, sarif, text
from qmpconf.report.views.html.headline import headline
from tests.report.results.samples import checked, finding, lack

LINE = "NOT JUDGED: 1 session against a schema: no schema could be chosen (line 2); name one"


def of_sarif(page: str) -> str:
    (run,) = json.loads(page)["runs"]
    told = [
        one["message"]["text"]
        for invocation in run["invocations"]
        for one in invocation.get("toolExecutionNotifications", ())
        if one["level"] == "warning"
    ]
    return "\n".join(told)


def of_junit(page: str) -> str:
    return "\n".join(one.attrib["message"] for one in ET.fromstring(page).iter("skipped"))


#: What a reader of each view is shown.
SHOWN: dict[str, Callable[[Report], str]] = {
    "text": text.page,
    "short": lambda report: text.page(report, details=False),
    "markdown": lambda report: escapes.unescape(markdown.page(report)),
    "html": lambda report: escapes.unescape(html.page(report)),
    "junit": lambda report: of_junit(junit.page(report)),
    "sarif": lambda report: of_sarif(sarif.page(report)),
    "github": github.page,
    "json": as_json.page,
}


@pytest.mark.parametrize("view", SHOWN)
@pytest.mark.parametrize("more", [(), (finding(),)])
def test_every_view_says_it_in_the_same_words(view: str, more: tuple[FindingRecord, ...]) -> None:
    page = SHOWN[view](merged([checked(lack(), *more, exit_code=len(more))]))
    assert LINE in page
    assert "no findings" not in page


@pytest.mark.parametrize("view", ["text", "short", "markdown", "html", "json", "github", "sarif"])
def test_nothing_found_without_a_schema_is_no_success(view: str) -> None:
    page = SHOWN[view](merged([checked(lack(), exit_code=0)]))
    assert "checked against the protocol alone, without a schema: nothing found in what" in page


def test_the_headline_of_a_page() -> None:
    def head(*records: Unjudged, messages: int = 1) -> tuple[str, str]:
        facts: dict[str, str | int | float | bool] = {"messages": messages, "sessions": 1}
        result = ResultFile(Header(verb="check"), [Subject(name="s", kind="trace", facts=facts)])
        result.records += records
        found = headline(merged([result.end(0)]))
        return found.style, found.words

    assert head() == ("pass", "Conforms")
    assert head(lack()) == ("cut", "Not judged against a schema")
    assert head(lack("property")) == ("pass", "Conforms, as far as it was judged")
    assert head(messages=0) == ("cut", "Nothing was judged")


def test_a_line_for_each_kind_with_its_count() -> None:
    lacks = [
        lack("call", text="x was refused", line=5, count=3, advice=""),
        lack("call", text="y was refused", line=7),
        lack("line", text="z", line=0, count=1000),
        lack("mood", text="w", line=0, advice=""),
    ]
    assert judged.unjudged(merged([checked(*lacks)])) == [
        "NOT JUDGED: 4 calls against the schema: x was refused (line 5), and 1 more reason",
        "NOT JUDGED: 1,000 lines: z; name one",
        "NOT JUDGED: 1 mood: w",
    ]


def test_of_several_traces_the_first_is_named() -> None:
    some = [checked(lack()), checked(path="b.qmptrace")]
    (line,) = judged.unjudged(merged(some))
    assert "(s.qmptrace: line 2)" in line
    assert "without a schema" not in judged.closing(merged(some))


def test_a_check_of_nothing_fails() -> None:
    facts: dict[str, str | int | float | bool] = {"messages": 0, "sessions": 0}
    result = ResultFile(Header(verb="check"), [Subject(name="s", kind="trace", facts=facts)]).end(1)
    report = merged([result])
    assert judged.closing(report) == "0 messages in 0 sessions checked: nothing was judged"
    assert as_json.as_data(report)["failed"] is True
    assert ET.fromstring(junit.page(report)).attrib["failures"] == "1"


@given(st.lists(st.sampled_from(["schema", "call", "property", "line"]), max_size=5))
def test_whatever_was_not_judged_is_counted_once(kinds: list[str]) -> None:
    lacks = [lack(kind, line=n + 1) for n, kind in enumerate(kinds)]
    lines = judged.unjudged(merged([checked(*lacks), checked(*lacks)]))
    assert len(lines) == len(set(kinds))
    assert sum(int(line.split()[2]) for line in lines) == len(kinds)
