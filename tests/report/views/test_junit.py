"""JUnit XML, as the schema of Jenkins' plugin and its readers want it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import Gone, Header, Note, Subject, Verdict
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import junit
from tests.report.results.samples import checked, conformed, finding, message, results, warning

#: Element -> its attributes (those that must be there, those that can), and what may stand in it.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": (
        {"name"},
        {"classname", "time", "group"},
        {"skipped", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def check(element: ET.Element) -> None:
    needed, more, inner = SCHEMA[element.tag]
    assert needed <= element.attrib.keys() <= needed | more, element.attrib
    if "time" in element.attrib:
        assert re.fullmatch(r"[0-9]+\.[0-9]{3}", element.attrib["time"])
    for child in element:
        assert child.tag in inner
        check(child)


def cases(*found: ResultFile) -> dict[str, ET.Element]:
    root = ET.fromstring(junit.page(merged(found)).encode())
    check(root)
    return {f"{one.get('classname')} {one.get('name')}": one for one in root.iter("testcase")}


@given(st.lists(results(), min_size=1, max_size=3))
def test_any_report_has_the_shape(found: list[ResultFile]) -> None:
    check(ET.fromstring(junit.page(merged(found)).encode()))


def test_a_failure_holds_all_there_is_to_know() -> None:
    one = finding(count=3)
    said = [message(15, body="another"), message(16, body='{"execute": "stop"}')]
    (case,) = cases(checked(one, *said)).values()
    assert case.attrib["classname"] == "s.qmptrace"
    assert case.attrib["name"] == "schema.arguments"
    failure, out = case
    assert failure.attrib == {
        "type": "error",
        "message": "block_resize /arguments/size: is not an integer",
    }
    words = "".join(failure.itertext())
    assert words.startswith(
        "schema.arguments (MUST): The arguments of a command are those of its schema. [the schema]"
    )
    assert "s.qmptrace:16: block_resize /arguments/size: is not an integer (3 times)" in words
    assert 'seen         string "1M"' in words
    assert re.search(r"^>    16 .*  ->  stop  \{", out.text or "", re.MULTILINE)
    assert re.search(r"^     15 .*  ->  stop$", out.text or "", re.MULTILINE)


def test_verdicts_of_a_server() -> None:
    found = cases(
        conformed(
            "q",
            ("a", "pass"),
            ("b", "fail"),
            ("c", "not-applicable"),
            ("d", "inconclusive"),
            ("e", "warn"),
        )
    )
    assert {name: [child.tag for child in one] for name, one in found.items()} == {
        "q a": [],
        "q b": ["failure"],
        "q c": ["skipped"],
        "q d": ["skipped"],
        "q e": ["skipped"],
    }
    assert found["q c"][0].attrib["message"] == "not-applicable: because"
    assert found["q b"][0].attrib == {"type": "error", "message": "because"}
    assert found["q e"][0].attrib == {"type": "warning", "message": "because"}
    assert found["q a"].attrib["time"] == "0.250"


def test_a_warning_is_a_failure_where_warnings_count() -> None:
    result = checked(warning())
    strict = ResultFile(msgspec.structs.replace(result.header, strict=True), result.records).end(1)
    (case,) = cases(strict).values()
    assert case[0].tag == "failure"
    assert case[0].attrib["type"] == "warning"


def test_what_is_known_is_skipped_and_what_is_new_beside_it_fails() -> None:
    known = finding(status="known", reason="bug 1")
    (case,) = cases(checked(known)).values()
    assert case[0].tag == "skipped"
    assert case[0].attrib["message"] == "known: bug 1"
    (case,) = cases(checked(known, finding(fingerprint="2"))).values()
    assert case[0].tag == "failure"
    broken = Verdict(subject="q", rule="a", verdict="fail", known="bug 2")
    (case,) = cases(
        ResultFile(Header(verb="conform"), [Subject(name="q", kind="server"), broken]).end(0)
    ).values()
    assert case[0].attrib["message"] == "known: bug 2"


def test_notes_do_not_fail_and_nothing_found_passes() -> None:
    (case,) = cases(checked(finding(severity="note"))).values()
    assert [child.tag for child in case] == ["system-out"]
    (case,) = cases(checked()).values()
    assert (case.attrib["name"], list(case)) == ("nothing found", [])


def test_what_is_not_whole_fails() -> None:
    cut = checked()
    cut.finish = None
    found = cases(cut, checked(Gone(subject="", fingerprint="0f3c"), started="2"))
    assert [one[0].tag for one in found.values()] == ["failure", "failure"]
    assert set(found) == {"qmpconf result 1", "qmpconf gone 1"}
    root = ET.fromstring(junit.page(merged([], ["x is not a result"])))
    assert root.attrib["failures"] == "1"


def test_a_fact_that_is_true_or_false_is_so_in_xml() -> None:
    result = ResultFile(
        Header(verb="check", started="1"),
        [Subject(name="s", kind="trace", facts={"finished": False})],
    )
    assert '<property name="finished" value="false"/>' in junit.page(merged([result.end(0)]))


def test_properties_and_notes() -> None:
    page = junit.page(merged([checked(finding(), Note(subject="s.qmptrace", text="torn"))]))
    suite = ET.fromstring(page.encode())[0]
    told = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert told["messages"] == "15"
    assert told["schema.arguments.level"] == "MUST"
    assert told["schema.arguments.source"] == "the schema"
    assert suite.findtext("system-out") == "torn"
    assert suite.attrib["timestamp"] == "2026-11-20T05:17:00"
