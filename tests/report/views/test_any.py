"""Every view of any results: the same bytes in any order, and nothing in them that is not text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import as_json, github, html, junit, markdown, sarif, text
from tests.report.results.samples import HOSTILE, checked, conformed, finding, results, warning

VIEWS: dict[str, Callable[[Report], str]] = {
    "text": text.page,
    "markdown": markdown.page,
    "junit": junit.page,
    "sarif": sarif.page,
    "github": github.page,
    "json": as_json.page,
}

#: What the Markdown view itself writes.
TAGS = {"<code>", "</code>", "<details>", "<summary>", "</summary>", "</details>", "<!-- -->"}

some = st.lists(results(), min_size=1, max_size=4)


@given(some, st.data())
def test_the_same_bytes_in_any_order(found: list[ResultFile], data: st.DataObject) -> None:
    again = merged(data.draw(st.permutations([*found, *found[:2]])))
    first = merged(found)
    for name, page in VIEWS.items():
        assert page(first) == page(again), name


def test_the_page_has_the_same_bytes_in_any_order() -> None:
    found = [checked(finding(), warning()), conformed("b", ("oob.id", "fail")), conformed("a")]
    assert html.page(merged(found)) == html.page(merged([*reversed(found), found[0]]))


@given(some)
def test_text_is_text(found: list[ResultFile]) -> None:
    page = text.page(merged(found))
    assert page.replace("\n", "").isprintable()
    for line in page.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@given(some)
def test_json_is_json(found: list[ResultFile]) -> None:
    report = merged(found)
    value = json.loads(as_json.page(report))
    assert value["qmpconf-report"] == 1
    assert value["exit_code"] == report.exit_code
    assert len(value["findings"]) + len(value["known"]) == len(report.findings)
    assert json.loads(sarif.page(report))["version"] == "2.1.0"


@given(some)
def test_junit_is_xml_and_counts_right(found: list[ResultFile]) -> None:
    page = junit.page(merged(found))
    assert page.replace("\n", "").isprintable()
    root = ET.fromstring(page.encode())
    cases = root.findall("testsuite/testcase")
    assert int(root.attrib["tests"]) == len(cases)
    assert int(root.attrib["failures"]) == len(root.findall("testsuite/testcase/failure"))
    for suite in root:
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))


@given(some)
def test_annotations_are_commands_of_one_line_each(found: list[ResultFile]) -> None:
    page = github.page(merged(found))
    member = r"(?:file|line|title)=[^,:\r\n]*"
    for line in page.split("\n")[:-1]:
        assert re.fullmatch(rf"::(?:error|warning|notice) {member}(?:,{member})*::[^\r\n]*", line)
        assert line.isprintable()
    for command in ("error", "warning", "notice"):
        assert page.count(f"\n::{command} ") <= 10


def rendered(page: str) -> tuple[set[str], set[str], str]:
    """The tags that a page holds as HTML, the kinds of its elements, and the text of it all."""
    kinds, tags, words = set(), set(), []
    todo = list(MarkdownIt("commonmark", {"html": True}).enable("table").parse(page))
    while todo:
        token = todo.pop(0)
        kinds.add(token.type.removesuffix("_open").removesuffix("_close"))
        if token.type in ("html_inline", "html_block"):
            tags |= set(re.findall(r"<!--.*?-->|<[^>]*>", token.content))
        elif token.type in ("text", "text_special"):
            words.append(token.content)
        todo[:0] = token.children or []
    return tags, kinds, "".join(words)


@given(some)
def test_markdown_holds_no_markup_but_its_own(found: list[ResultFile]) -> None:
    page = markdown.page(merged(found))
    assert page.replace("\n", "").isprintable()
    tags, kinds, _ = rendered(page)
    assert tags <= TAGS
    assert not kinds & {"link", "image", "fence", "code_block", "code_inline", "em", "hr"}
    assert not kinds & {"blockquote", "lheading"}


@pytest.mark.parametrize("said", HOSTILE)
def test_markdown_shows_what_was_said(said: str) -> None:
    shown = rendered(markdown.prose(said))[2]
    assert shown == text.printable(said)


@pytest.mark.parametrize("reference", ["@me", "#123", "GH-1", "http://x.example", "www.x.example"])
@given(before=st.sampled_from(("", "a ", "(")), after=st.sampled_from(("", " b", ")")))
def test_markdown_refers_to_nobody(reference: str, before: str, after: str) -> None:
    page = markdown.prose(f"{before}{reference}{after}")
    words = MarkdownIt("commonmark", {"html": True}).parse(page)[1].children
    assert all(reference not in one.content for one in words or ())


@given(some, st.integers(600, 5000))
def test_markdown_keeps_to_its_limit(found: list[ResultFile], limit: int) -> None:
    report = merged([*found, *(conformed(f"server {n}", ("oob.id", "fail")) for n in range(9))])
    page = markdown.page(report, limit)
    assert len(page.encode()) <= limit
    assert page.count("<details>") == page.count("</details>")
