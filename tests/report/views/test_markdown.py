"""The Markdown view."""

from __future__ import annotations

from markdown_it import MarkdownIt

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import Gone, Note, Table
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import markdown
from tests.report.results.samples import checked, conformed, finding, warning


def test_a_page() -> None:
    page = markdown.page(merged([checked(warning(), finding(seen="a | b"))]))
    assert page.startswith(
        "## qmpconf: 1 error, 4 warnings (1 kind)\n\n"
        "15 messages in 1 session checked: 1 error, 4 warnings (1 kind).\n\n"
        "| severity | blame | requirement | where | times | what |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| error | client | <code>schema.arguments</code> | <code>s.qmptrace:16</code> | 1 "
        "| block&#95;resize /arguments/size: is not an integer |\n"
    )
    assert "  - seen: <code>a &#124; b</code>\n" in page
    assert page.count("<details>") == page.count("</details>") == 1


def test_a_summary_is_short() -> None:
    many = [finding(fingerprint=f"{n:016}", line=n) for n in range(70)]
    report = merged(
        [checked(*many, Table(subject="s", title="Masked", head=("a",), rows=(("b",),)))]
    )
    page = markdown.page(report, details=False)
    assert page.count("is not an integer") == 50
    assert "20 more kinds of findings." in page
    assert "<details>" not in page
    whole = markdown.page(report)
    assert "<summary>20 more kinds</summary>" in whole
    assert "<summary>Masked (1)</summary>" in whole


def test_notes_that_say_the_same_are_one_row_and_each_has_its_details() -> None:
    notes = [
        finding(severity="note", fingerprint=f"{n:016}", pointer=f"/arguments/{name}", count=2)
        for n, name in enumerate(("size", "offset", "length"))
    ]
    page = markdown.page(merged([checked(*notes)]))
    (row,) = (line for line in page.splitlines() if line.startswith("| note "))
    assert " | 6 | is not an integer: block&#95;resize /arguments/length, block" in row
    assert page.count("\n- **note** ") == 3
    assert markdown.page(merged([checked(*notes)]), details=False).count("not an integer") == 1


def test_a_page_that_is_too_long_ends_between_rows() -> None:
    many = [finding(fingerprint=f"{n:016}", line=n, expected="x" * 500) for n in range(5000)]
    page = markdown.page(merged([checked(*many)]))
    assert 900_000 < len(page.encode()) <= markdown.LIMIT
    assert page.count("<details>") == page.count("</details>")
    assert " rows had no place on this page.**\n" in page
    assert "more rows had no place.\n\n</details>" in page


def test_a_card_gone_known_and_notes() -> None:
    records = (
        Gone(subject="", fingerprint="0f3c", reason="bug 2"),
        Note(subject="s.qmptrace", text="torn"),
        finding(status="known", reason="bug 1"),
    )
    cut = checked(*records)
    cut.finish, cut.origin = None, "cut.jsonl"
    cards = [conformed("QEMU 5.2", ("oob.id", "fail")), conformed("QEMU 7.2", ("oob.id", "pass"))]
    page = markdown.page(merged([cut, *cards]))
    assert "- **NOT WHOLE: cut.jsonl: the result was cut off; only what it holds is shown**" in page
    assert "1. <code>QEMU 5.2</code>: 1 fail\n2. <code>QEMU 7.2</code>: 1 pass\n" in page
    assert "| <code>oob.id</code> | FAIL | pass |\n" in page
    assert "### Known, but gone\n\n- 0f3c: in the baseline, but not found (bug 2)\n" in page
    assert "- <code>s.qmptrace</code>: torn" in page
    assert "<summary>1 kind known</summary>" in page


def test_the_title_tells_what_is_wrong() -> None:
    def title(*results: ResultFile) -> str:
        return markdown.page(merged(results)).partition("\n")[0]

    cut = checked()
    cut.finish = None
    assert title(cut) == "## qmpconf: NOT WHOLE; no findings"
    assert title(checked().end(4, "it went away")) == "## qmpconf: NOT TO ITS END; no findings"
    gone = checked(Gone(subject="", fingerprint="0f3c"))
    assert title(gone) == "## qmpconf: no findings; 1 known one gone"


def test_words_begin_no_list() -> None:
    for said in ("1. one", "- item", "+ item", "= x", "12) x"):
        tokens = MarkdownIt("commonmark").parse(f"- {markdown.prose(said)}")
        assert sum(one.type.endswith("_list_open") for one in tokens) == 1, said
