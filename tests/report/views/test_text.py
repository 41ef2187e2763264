"""The text view, as people read it."""

from __future__ import annotations

import re

import pytest

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import Gone, Header, Note, Rule, Subject, Table
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import markdown, text
from tests.report.results.samples import checked, conformed, finding, warning

README = """\
severity    blame    requirement       line    times    what
----------  -------  ----------------  ------  -------  ---------------------------------------------------------------
error       client   schema.arguments  16      1        block_resize /arguments/size: is not an integer
                                                          expected     integer
                                                          seen         string "1M"
                                                          source       qemu-7.2.22, block_resize
                                                          fingerprint  a6c07ef7defaac9c
warning     client   oob.id            8       4        query-status: With out-of-band execution enabled, every command
                                                            carries an id
                                                          expected     an id
                                                          seen         none
                                                          source       qemu-7.2.22, block_resize
                                                          fingerprint  aeba56ada839dbe2
15 messages in 1 session checked: 1 error, 4 warnings (1 kind)
next: qmpconf show s.qmptrace --line 13-19
      --baseline FILE for what is known
      --result FILE and 'qmpconf report FILE --format html' for a page
"""


def test_a_check() -> None:
    assert text.page(merged([checked(warning(), finding())])) == README


def test_nothing_found_is_one_line() -> None:
    page = text.page(merged([checked(exit_code=0)]))
    assert page == "15 messages in 1 session checked: no findings\n"


def test_short() -> None:
    page = text.page(merged([checked(warning(), finding())]), 200, details=False)
    assert len(page.splitlines()) == 8
    assert "fingerprint" not in page


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("paths", [("s.qmptrace",), ("s.qmptrace", "t.qmptrace")])
def test_it_fits_the_terminal(width: int, paths: tuple[str, ...]) -> None:
    long = finding(
        message="is none of the known values " * 9,
        expected="one of a, b, c " * 40,
        repeat="qmpconf " * 30,
        around=("-> " + "x" * 300,),
        more={"why": "because " * 30},
    )
    table = Table(
        subject="s.qmptrace",
        title="Masked",
        head=("mask", "place", "why"),
        rows=(("times", "/return/" + "a" * 90, "how long the host took " * 9), ("x", "", "")),
    )
    page = text.page(merged([checked(long, table, path=path) for path in paths]), width)
    table_lines = page.partition("\nnext: ")[0].splitlines()
    assert max(map(len, table_lines)) <= width
    assert ("requirement" in page.splitlines()[0]) == (width >= 110)
    assert "schema.arguments" in page


def test_the_same_messages_are_shown_once() -> None:
    lines = ("-> one", "<- two")
    same = [finding(around=lines, line=n, fingerprint=f"{n}") for n in (1, 2)]
    other = finding(around=("-> three",), line=3, fingerprint="3")
    page = text.page(merged([checked(*same, other)]))
    assert [page.count(line) for line in (*lines, "-> three")] == [1, 1, 1]


def test_a_long_name_of_a_requirement_leaves_room_for_words() -> None:
    page = text.page(merged([checked(finding(rule="document.example.missing-member"))]))
    assert page.split()[:5] == ["severity", "blame", "line", "times", "what"]
    assert "  rule         document.example.missing-member\n" in page


def test_the_same_finding_in_several_traces_is_one_row() -> None:
    report = merged(
        [checked(finding(subject=path, path=path), path=path) for path in ("a.qmptrace", "b")]
    )
    page = text.page(report)
    assert page.count("is not an integer") == 1
    assert "at           a.qmptrace:16 and 1 more file\n" in page
    assert "30 messages in 2 sessions of 2 traces checked: 2 errors (1 kind)\n" in page


def test_what_is_not_whole_is_said_first_and_last() -> None:
    cut = checked(finding())
    cut.finish, cut.origin = None, "shard-2.jsonl"
    lines = text.page(merged([cut], ["x.jsonl:1: no result"])).splitlines()
    assert lines[0] == "NOT READ: x.jsonl:1: no result"
    assert lines[1] == (
        "NOT WHOLE: shard-2.jsonl: the result was cut off; only what it holds is shown"
    )
    assert lines[-3].endswith(": 1 error; NOT WHOLE: 2 of 2 results")


def test_a_run_that_did_not_get_to_its_end() -> None:
    result = conformed("q", ("oob.id", "pass"), label="nightly")
    result.end(4, "the target went away")
    page = text.page(merged([result]))
    assert page.startswith("NOT TO ITS END: qmpconf conform (nightly): the target went away\n")


def test_known_gone_and_notes() -> None:
    records = (
        finding(status="known", reason="bug 1", count=3),
        Gone(subject="", fingerprint="0f3c5a9e12b44d07", reason="bug 2"),
        Note(subject="s.qmptrace", text="line 3: the last line is torn; the rest was checked"),
    )
    assert text.page(merged([checked(*records)])).splitlines() == [
        "0f3c5a9e12b44d07: in the baseline, but not found (bug 2)",
        "known a6c07ef7defaac9c: block_resize /arguments/size: is not an integer (3 times): bug 1",
        "s.qmptrace: line 3: the last line is torn; the rest was checked",
        (
            "15 messages in 1 session checked: no findings; 1 kind known from the baseline; "
            "1 known one gone"
        ),
        "next: --baseline FILE --update takes out what is gone",
    ]


def test_what_is_known_for_one_reason_is_one_line() -> None:
    known = [
        finding(status="known", reason=f"bug {n % 2}", fingerprint=f"{n}", line=n) for n in range(6)
    ]
    page = text.page(merged([checked(*known)]))
    assert [line for line in page.splitlines() if line.startswith("known ")] == [
        f"known {n} and 2 more: block_resize /arguments/size: is not an integer (3 times): bug {n}"
        for n in range(2)
    ]


def test_what_nobody_explained_is_not_told_twice() -> None:
    known = finding(status="known", reason="to be explained: block_resize: is not an integer")
    page = text.page(merged([checked(known)]))
    assert "/arguments/size: is not an integer: to be explained\n" in page


def test_what_to_do_next_with_results_from_files() -> None:
    one, two = checked(finding()), checked(warning(), started="2")
    one.origin, two.origin = "a.qmpresult", "b c.qmpresult"
    assert text.page(merged([two, one])).splitlines()[-2:] == [
        "next: qmpconf show s.qmptrace --line 13-19",
        "      qmpconf report a.qmpresult 'b c.qmpresult' --format html -o DIR",
    ]
    one.origin = "stdin"
    assert text.page(merged([one])).endswith("      --format html -o DIR for a page\n")


def test_the_report_card_of_several_servers() -> None:
    results = [
        conformed("QEMU 5.2", ("oob.id", "fail"), ("framing.crlf", "pass"), exit_code=1),
        conformed("QEMU 7.2", ("oob.id", "not-applicable"), ("framing.crlf", "pass")),
    ]
    page = text.page(merged(results))
    assert re.search(r"^requirement +1 +2$", page, re.MULTILINE)
    assert re.search(r"^oob.id +FAIL +n/a$", page, re.MULTILINE)
    assert "framing.crlf" not in page
    assert "  1  QEMU 5.2: 1 pass, 1 fail\n" in page
    closing = "does not conform: 4 cases on 2 servers, 2 pass, 1 fail, 1 not-applicable; 1.0 s"
    assert page.endswith(f"\n{closing}\n")


def test_a_card_of_many_servers_is_told_in_parts() -> None:
    results = [conformed(f"server {n:02}", ("oob.id", "fail")) for n in range(20)]
    page = text.page(merged(results), 80)
    assert max(map(len, page.splitlines())) <= 80
    assert len(re.findall(r"^oob.id ", page, re.MULTILINE)) > 1
    assert " 20  server 19: 1 fail\n" in page


def test_of_very_many_servers_those_with_the_same_verdicts_share_a_column() -> None:
    verdicts = {number: "pass" if number == 7 else "fail" for number in range(40)}
    results = [conformed(f"server {n:02}", ("oob.id", word)) for n, word in verdicts.items()]
    page = text.page(merged(results), 80)
    assert re.search(r"^requirement +1 +2$", page, re.MULTILINE)
    assert re.search(r"^oob.id +FAIL +pass$", page, re.MULTILINE)
    names = "server 00, server 01, server 02, server 03 and 35 more"
    assert f"  1  39 targets: {names}: 1 fail\n" in page
    assert "  2  server 07: 1 pass\n" in page
    assert "| requirement | 1 | 2 |" in markdown.page(merged(results))


def test_a_replay_and_a_comparison_of_catalogs() -> None:
    facts = {"sent": 6, "replies": 1, "events": 2}
    replay = ResultFile(Header(verb="replay"), [Subject(name="s", kind="trace", facts=facts)])
    assert text.page(merged([replay.end(0)])) == (
        "6 messages sent, 1 reply and 2 events matched: no differences\n"
    )
    diff = ResultFile(
        Header(verb="diff"),
        [
            Subject(name="a → b", kind="catalogs"),
            Rule(id="diff.breaks", level="MUST"),
            finding(subject="a → b", path="", line=0, rule="diff.breaks"),
        ],
    )
    assert "a → b: 1 breaks a client\n" in text.page(merged([diff.end(1)]))


def test_notes_give_way_to_what_counts() -> None:
    notes = [
        finding(severity="note", fingerprint=f"{n:016}", message=f"is not an integer {n}")
        for n in range(50)
    ]
    assert text.page(merged([checked(*notes)])).count("is not an integer") == 50
    page = text.page(merged([checked(warning(), *notes)]))
    assert page.count("is not an integer") == 20
    assert "... and 30 more kinds of notes (all of them: --format json)\n" in page


def test_notes_that_say_the_same_are_one_row_with_their_places() -> None:
    notes = [
        finding(severity="note", fingerprint=f"{n:016}", pointer=f"/arguments/{name}")
        for n, name in enumerate(("size", "offset", "length"))
    ]
    page = text.page(merged([checked(*notes)]), 200)
    told = "is not an integer: block_resize /arguments/length, block_resize /arguments/offset, "
    assert page.count("is not an integer") == 1
    assert told in re.sub(r"\s+", " ", page)
    assert "3 notes\n" in page


def test_lines_are_for_editors_and_are_not_wrapped() -> None:
    note = finding(severity="note", fingerprint="2", line=0, message="m" * 200)
    page = text.page(merged([checked(warning(), finding(), note)]), 40, lines=True)
    first, second, third, *_ = page.splitlines()
    text_of = "block_resize /arguments/size: is not an integer"
    assert first == f"s.qmptrace:16: error: schema.arguments: {text_of}"
    assert second.startswith("s.qmptrace:8: warning: oob.id: query-status: ")
    assert second.endswith(" (4 times)")
    assert third.startswith("s.qmptrace: note: schema.arguments: ")
    assert third.endswith("m" * 200)


def test_colours_are_of_the_severity_alone() -> None:
    def paint(shown: str, style: str) -> str:
        return f"\x1b[{codes[style]}m{shown}\x1b[0m" if style else shown

    codes = {"bold red": "1;31", "yellow": "33"}
    page = text.page(merged([checked(warning(), finding())]), paint=paint)
    assert "\x1b[1;31merror\x1b[0m " in page
    assert re.sub(r"\x1b\[[^m]*m", "", page) == README
