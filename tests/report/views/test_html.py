"""The HTML view: what stands on the page, that nothing from a trace is markup, and that it stays."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import tempfile
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check.baseline import Baseline
from qmpconf.check.checking import check_trace
from qmpconf.check.choice import wire_only
from qmpconf.check.collect import collect
from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.of_check import Checked, near_of, of_check
from qmpconf.report.results.records import (
    Coverage,
    FindingRecord,
    Latency,
    Message,
    Note,
    Subject,
    Table,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views.grouping import sections, shown_kinds
from qmpconf.report.views.html import MOST_ROWS, page
from qmpconf.report.views.html.card import card, ranges
from qmpconf.report.views.html.findings import MOST_DIAGRAMS, entries
from qmpconf.report.views.html.headline import headline
from qmpconf.report.views.html.heat import STEPS, maps, together
from qmpconf.report.views.html.plot import plots
from qmpconf.report.views.html.words import MOST, Lines, anchor, cut, shares, shown
from qmpconf.text import printable
from qmpconf.trace.reader import TraceReader
from tests.report.views.pages import (
    ATTACKS,
    TRACE,
    alike,
    filled,
    finding,
    header,
    large,
    message,
    ordinary,
    recorded,
    report,
    servers,
)
from tests.usual import examples

VOID = {"meta", "input", "br", "link"}

#: Every element and attribute that the templates use; nothing else may show up.
ELEMENTS = frozenset(
    re.findall(
        r"\S+",
        "html head meta title style script body a header nav button span main section h1 h2 h3 h4 h5 p "
        "ul ol li div table thead tbody tr th td form label input kbd fieldset legend small select "
        "option output article details summary dl dt dd code b i em pre strong svg line circle rect text "
        "defs g use "
        "footer",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"\S+",
        "lang charset http-equiv content name class href id type hidden aria-label aria-hidden "
        "aria-labelledby aria-live tabindex role scope title for autocomplete spellcheck placeholder "
        "value data-severity data-blame data-status data-rule data-subject data-n data-label open colspan "
        "width height rx x y x1 x2 y1 y2 cx cy r checked",
    )
)


class Page(HTMLParser):
    """A page as a browser takes it: elements, attributes, and the text of each element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        assert len({name for name, _ in attrs}) == len(attrs), f"twice the same: {attrs}"
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"closed, and never opened: {tag}"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.raw:
            self.raw[self._open[-1]].append(data)
        if not self._open or self._open[-1] not in ("script", "style"):
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        return "".join(self.words)

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.elements if name in attrs]

    def classes(self) -> set[str]:
        return {one for value in self.attributes("class") for one in value.split()}


def parsed(shown_: Report) -> Page:
    return Page(page(shown_))


def assert_tame(found: Page) -> None:
    """Nothing but the templates' own elements, the page's own script, and places in itself."""
    assert {tag for tag, _ in found.elements} <= ELEMENTS
    assert {name for _, attrs in found.elements for name in attrs} <= ATTRIBUTES
    assert all(value.startswith("#") for value in found.attributes("href"))
    assert [len(found.raw[tag]) for tag in ("script", "style")] == [1, 1]
    assert [found.raw[tag] for tag in ("script", "style")] == own_assets()


@cache
def own_assets() -> list[list[str]]:
    own = parsed(ordinary())
    return [own.raw[tag] for tag in ("script", "style")]


# What stands on the page


def test_an_ordinary_report_tells_everything() -> None:
    text = parsed(ordinary()).text
    for told in (
        "Does not conform",
        "member 'm0' is missing",
        "Arguments fit the schema.",
        "(MUST, the schema)",
        f"{TRACE}:5",
        "/arguments/m0",
        "qmpconf check session.qmptrace",
        "bug 1234",
        "fixed in 10.1",
        "the last line is torn",
        "Masked places",
        "it is new",
        "blockdev-add",
        "100 ms",
        "2026-11-20T09:17:00Z",
    ):
        assert told in text, told


@pytest.mark.parametrize(
    ("name", "shown_"),
    [("ordinary", ordinary()), ("servers", servers(20)), ("empty", merged([]))],
)
def test_a_page_is_well_formed_and_tame(name: str, shown_: Report) -> None:
    del name
    assert_tame(parsed(shown_))


def test_sections_without_data_are_left_out() -> None:
    found = parsed(report(Subject(name=TRACE, kind="trace"), exit_code=0))
    ids = set(found.attributes("id"))
    assert not ids & {"findings", "card", "cases", "coverage", "latency", "tables"}
    assert {"top", "runs"} <= ids
    targets = {value.removeprefix("#") for value in found.attributes("href")}
    assert targets <= ids


@pytest.mark.parametrize("shown_", [ordinary(), servers(3), servers(20)], ids=["1", "3", "20"])
def test_links_lead_somewhere_and_ids_are_unique(shown_: Report) -> None:
    found = parsed(shown_)
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in found.attributes("href") if "=" not in value}
    assert targets <= set(ids)
    named = {one for value in found.attributes("aria-labelledby") for one in value.split()}
    assert named <= set(ids)
    assert set(found.attributes("for")) <= set(ids)


def test_headings_go_down_one_by_one() -> None:
    levels = [int(tag[1]) for tag, _ in parsed(ordinary()).elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_a_finding_has_its_fingerprint_as_anchor() -> None:
    assert "f-0000000000000001" in parsed(ordinary()).attributes("id")


def test_the_same_finding_of_several_subjects_is_one_entry() -> None:
    found = entries(servers(4))
    assert len(found) == 1
    assert [place.number for place in found[0].places] == [1, 4]
    assert found[0].count == 2
    assert found[0].status == "known"


def test_new_findings_come_first_and_one_new_subject_makes_an_entry_new() -> None:
    found = entries(
        report(
            finding(1, status="known", reason="old"),
            finding(2, severity="note"),
            finding(3, severity="warning"),
            finding(1, subject="other", status="new"),
        )
    )
    assert [(one.first.severity, one.status) for one in found] == [
        ("error", "new"),
        ("warning", "new"),
        ("note", "new"),
    ]


def test_notes_are_grouped_as_the_text_groups_them() -> None:
    notes = report(*alike(12), finding(1, severity="note", status="known", reason="old"))
    grouped, known = entries(notes)
    (section,) = sections(notes)
    (kind,) = shown_kinds(notes, section.kinds)
    assert (grouped.first, grouped.count) == (kind.first, kind.count) == (kind.first, 24)
    assert known.status == "known"
    found = parsed(notes)
    assert found.text.count(kind.first.message) == 1
    ids = found.attributes("id")
    assert all(f"f-{one.fingerprint}" in ids for one in alike(12))
    assert all(f"/return/new-{number}" in found.text for number in range(12))


def test_real_recordings_have_the_same_kinds_in_html_and_in_text() -> None:
    found = recorded()
    wanted = [one for part in sections(found) for one in shown_kinds(found, part.kinds)]
    assert [(one.first, one.count) for one in entries(found) if one.status == "new"] == [
        (one.first, one.count) for one in wanted
    ]
    assert wanted


def test_two_rules_with_one_fingerprint_have_two_anchors() -> None:
    found = entries(report(finding(1), finding(1, rule="oob.id")))
    assert len({one.anchor for one in found}) == 2


# Verdicts


@pytest.mark.parametrize(
    ("exit_code", "head", "words", "style"),
    [
        (0, {}, "Conforms", "pass"),
        (1, {}, "Does not conform", "fail"),
        (1, {"verb": "replay"}, "Answers differ", "fail"),
        (4, {"verb": "conform"}, "The target went away", "cut"),
        (130, {}, "Interrupted", "cut"),
        (None, {}, "Incomplete", "cut"),
    ],
)
def test_the_headline_says_how_it_ended(
    exit_code: int | None, head: dict[str, str], words: str, style: str
) -> None:
    shown_ = report(Subject(name=TRACE, kind="trace"), exit_code=exit_code, **head)
    assert (headline(shown_).words, headline(shown_).style) == (words, style)
    assert words in parsed(shown_).text


def test_the_headline_hides_no_known_failure() -> None:
    known = report(finding(1, status="known"), exit_code=0)
    assert headline(known).words == "Conforms, but for what is known"


def test_a_note_is_nobodys_fault() -> None:
    assert "client\N{RIGHT SINGLE QUOTATION MARK}s fault" in parsed(report(finding(1))).text
    assert "fault" not in parsed(report(finding(1, severity="note"))).text


def test_several_verbs_pass_or_fail_together() -> None:
    both = [ResultFile(header()).end(0), ResultFile(header(verb="replay")).end(1)]
    assert headline(merged(both)).words == "Failed"
    assert headline(merged(both[:1])).words == "Conforms"


def test_a_result_that_was_cut_off_is_told_loudly() -> None:
    found = parsed(report(Subject(name=TRACE, kind="trace"), exit_code=None))
    assert "alert" in found.attributes("role")
    assert "This report is incomplete" in found.text
    assert "session.jsonl" in found.text
    assert "alert" not in parsed(ordinary()).attributes("role")


def test_the_card_has_families_and_tells_reasons() -> None:
    families = {family.name: family for family in card(ordinary())}
    assert list(families) == ["event", "framing", "oob", "schema"]
    assert families["oob"].counts == "1 warn, 1 not seen"
    (row,) = families["schema"].rows
    assert row.broken
    assert row.why == [("1", "m0 is missing", "")]


def test_a_subject_without_a_verdict_is_not_taken_for_one_that_passes() -> None:
    shown_ = report(
        Subject(name="a", kind="server"),
        Subject(name="b", kind="server"),
        Verdict(subject="a", rule="oob.id", verdict="pass"),
    )
    (row,) = card(shown_)[0].rows
    assert [cell.text for cell in row.cells] == ["pass", "not said"]


def test_many_subjects_have_words_for_screen_readers() -> None:
    found = parsed(servers(20))
    assert "many" in found.classes()
    assert found.text.count("FAIL, known") == 7


def test_numbers_of_subjects_are_told_in_ranges() -> None:
    assert ranges([7, 1, 2, 3]) == "1\u20133, 7"
    assert ranges([9, 10]) == "9\u201310"
    assert ranges([0, 1]) == "?, 1"


# Sequence diagrams


def test_the_session_around_a_finding_is_a_diagram() -> None:
    rows = entries(ordinary())[0].rows
    told = [(row.way, row.style, row.name, row.here, row.busy) for row in rows]
    assert told == [
        ("s2c", "greeting", "greeting 10.0.13", False, False),
        ("s2c", "event", "event STOP", False, False),
        ("c2s", "command", "query-block", True, True),
        ("s2c", "error", "query-block failed: GenericError: ", False, True),
        ("c2s", "command", "quit", False, True),
        ("s2c", "return", "quit returned", False, True),
    ]
    assert [row.clock for row in rows][:2] == ["0.030000 s", "+10.0 ms"]
    assert [row.pause for row in rows] == ["", "", "", "", "2.94 s", ""]
    assert rows[3].told == "took 10.0 ms · 80 B"
    assert rows[2].body == '{"line": 5}'


def test_a_command_from_before_the_diagram_keeps_the_server_busy_until_its_answer() -> None:
    shown_ = report(
        finding(0, line=12),
        message(12, "event", "STOP"),
        message(13, "return", "migrate", answers=2),
        message(14, "event", "RESUME"),
    )
    assert [row.busy for row in entries(shown_)[0].rows] == [True, True, False]


def test_without_messages_the_short_lines_are_the_diagram() -> None:
    lines = (
        '     4  0.250000  ->  {"execute": "x"}',
        '>    5 <- {"return": {}}',
        "     6 -- the client closes session 1",
        "something else",
    )
    rows = entries(report(finding(0, around=lines)))[0].rows
    assert [(row.way, row.name, row.line, row.here) for row in rows] == [
        ("c2s", '{"execute": "x"}', 4, False),
        ("s2c", '{"return": {}}', 5, True),
        ("fate", "the client closes session 1", 6, False),
        ("fate", "something else", 0, False),
    ]


def test_thousands_of_findings_are_all_there_and_the_diagrams_are_not() -> None:
    found = entries(large(MOST_DIAGRAMS + 100))
    assert len(found) == MOST_DIAGRAMS + 100
    assert found[MOST_DIAGRAMS - 1].rows
    assert not found[MOST_DIAGRAMS].rows
    assert found[0].rows[0].body
    assert not found[MOST_DIAGRAMS - 1].rows[0].body


# Coverage, latencies, tables


@pytest.mark.parametrize("kind", ["shell", "rich"])
def test_a_page_of_two_small_results_is_below_500_kb(kind: str) -> None:
    assert len(recorded(kind).coverage) > 400
    assert len(page(recorded(kind)).encode()) < 500_000


def test_what_all_bars_share_is_drawn_once() -> None:
    found = parsed(recorded("rich"))
    uses = [value for value in found.attributes("href") if value == "#grid"]
    assert len(uses) == sum(len(plot.bars) for plot in plots(recorded("rich"))) > 100
    grid = [one for name, one in found.elements if name == "line" and one.get("class") == "grid"]
    assert len(grid) == len(plots(recorded("rich"))[0].ticks)


def test_what_was_never_used_is_counted_and_named_and_no_more() -> None:
    html = page(ordinary())
    fold = re.search(r'<details class="fold unused">.*?</details>', html, re.DOTALL)
    assert fold
    assert "1 of 3" in fold[0]
    assert "<code>blockdev-add</code>" in fold[0]
    assert "qmpconf schema show qemu-10.0.13 NAME" in fold[0]
    assert "/arguments/driver" not in html


def test_coverage_is_a_map_with_totals() -> None:
    (one,) = maps(ordinary())
    assert [(tile.name, tile.used, tile.all, tile.step) for tile in one.commands] == [
        ("blockdev-add", 0, 3, 0),
        ("query-block", 2, 3, 4),
        ("quit", 1, 1, STEPS),
    ]
    assert ("commands", 2, 3) in one.totals
    assert ("arguments", 0, 1) in one.totals
    assert ("values of arguments", 0, 1) in one.totals
    assert ("events", 1, 1) in one.totals


def test_what_one_subject_exercised_is_not_missing_because_another_did_not() -> None:
    both = [
        Coverage(subject="a", schema="s", kind="command", name="x", calls=1, places={"/a": 2}),
        Coverage(subject="b", schema="s", kind="command", name="x", missing=("/a", "/b")),
    ]
    (tile,) = maps(report(*both))[0].commands
    assert tile.exercised == [("/", [("a", 2)])]
    assert tile.unused == [("/", [("b", 0)])]


def test_places_that_share_their_beginning_stand_side_by_side() -> None:
    one = Coverage(
        subject="a",
        schema="s",
        kind="command",
        name="x",
        calls=1,
        places={"/arguments/id": 3, "/arguments/on": 1, "/arguments/on=yes": 1},
        missing=(
            "/arguments/on=no",
            "/arguments/on=a/b",
            "/arguments[on=a/b]",
            "/arguments[on=a/b]/x",
        ),
    )
    (map_,) = maps(report(one))
    assert map_.commands[0].exercised == [
        ("/arguments/", [("id", 3), ("on", 1)]),
        ("/arguments/on=", [("yes", 1)]),
    ]
    html = page(report(one))
    assert "<code>/arguments/{id 3\N{MULTIPLICATION SIGN}, on 1\N{MULTIPLICATION SIGN}}\n" in html
    assert "\n/arguments[on=a/b]/x\n" in html


@given(st.lists(st.text("/=[]ab\n", max_size=12), unique=True))
def test_no_place_is_lost_when_they_stand_side_by_side(places: list[str]) -> None:
    found = together((place, 0) for place in places)
    assert sorted(shared + name for shared, names in found for name, _ in names) == sorted(places)


def test_latencies_are_bars_on_a_log_axis_the_longest_in_total_first() -> None:
    (plot,) = plots(ordinary())
    assert [bar.one.name for bar in plot.bars] == ["query-block", "quit"]
    assert [text for _, text in plot.ticks] == ["100 µs", "1 ms", "10 ms", "100 ms"]
    first = plot.bars[0]
    assert (first.p50, first.max) == ("1.0%", "99.0%")
    assert float(first.p50[:-1]) < float(first.p95[:-1]) < float(first.max[:-1])


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 1e300, float("inf"), float("nan")])
def test_odd_latencies_stay_on_the_axis(value: float) -> None:
    odd = Latency(subject="s", name="x", count=1, p50=value, p95=value, max=value, total=1.0)
    for one in (report(odd), report(odd, Latency(subject="s", name="y", count=1, p50=0.1))):
        for bar in plots(one)[0].bars:
            assert 0 <= float(bar.p50[:-1]) <= 100
        assert_tame(parsed(one))


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    rows = tuple((str(one),) for one in range(MOST_ROWS + 5))
    text = parsed(report(Table(subject="", title="Long", head=("n",), rows=rows))).text
    assert "5 rows more" in text


# Nothing from a trace is markup


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: ascii(attack[:20]))
def test_an_attack_in_every_place_stays_text(attack: str) -> None:
    found = parsed(filled(lambda: attack))
    assert_tame(found)
    assert printable(cut(attack, 200)[:200]) in found.text


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=40), st.text("<>&\"'/=!-`{}%# \x00\n\u202e\ud800bx", max_size=40)
        ),
        min_size=1,
        max_size=60,
    )
)
def test_arbitrary_strings_in_every_place_stay_text(texts: list[str]) -> None:
    words = itertools.cycle(texts)
    found = parsed(filled(lambda: next(words)))
    assert_tame(found)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["client", "server"]), st.binary(max_size=200)), max_size=12)
)
def test_arbitrary_bytes_of_a_session_stay_text(said: list[tuple[str, bytes]]) -> None:
    lines = [{"qmptrace": 1, "started": "2026-11-20T09:17:00.000000Z", "recorder": "<b>"}]
    lines += [{"t": 0.0, "conn": 1, "open": {"client": "<i>", "server": "<script>"}}]
    for sender, data in (*said, ("server", b'{"<script>": "</script>"}')):
        text = base64.b64encode(data).decode()
        lines.append({"t": 0.1, "conn": 1, "from": sender, "b64": text})
    with tempfile.NamedTemporaryFile(suffix="<b>.qmptrace") as file:
        file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        file.flush()
        reader = TraceReader(file.name)
        outcome, data = check_trace(file.name, "none"), collect(reader, wire_only)
        checked = Checked(outcome, data.requirements, near_of(outcome))
        found = parsed(merged([of_check(header(), [checked], Baseline({}), exercised=data)]))
    assert_tame(found)
    assert "<b>.qmptrace" in found.text


@settings(max_examples=examples(60), deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_strings_come_out_as_they_went_in(first: str, second: str) -> None:
    told = report(
        finding(0, message=first, expected=second, seen=first, reason=second, around=("-> x",)),
        Note(subject="", text=second),
        Table(subject="", title=first, head=("a",), rows=((second,),)),
        message(5, "command", body=f"\n{second}"),
    )
    text = parsed(told).text
    assert printable(first) in text
    assert text.count(printable(second)) >= 3


def test_several_lines_of_a_body_stay_lines() -> None:
    assert shown(Lines('{\n\t"a": "\x1b"\n}')) == '{\n\t"a": "\\u001B"\n}'
    assert shown("a\nb") == "a\\u000Ab"


@given(st.text(max_size=80))
def test_anchors_are_plain_words(name: str) -> None:
    found = anchor("f", name)
    assert re.fullmatch(r"f-[A-Za-z0-9._-]+", found)
    assert found == anchor("f", name)


def test_what_is_too_long_says_so() -> None:
    text = cut("x" * (MOST + 1500))
    assert len(text) < MOST + 40
    assert text.endswith("(1,500 characters more)")


def test_the_page_can_be_written_as_utf_8() -> None:
    page(filled(lambda: "\ud800\udfff\x00")).encode("utf-8")


# One file, no network, the same every time


def test_nothing_is_loaded_from_anywhere() -> None:
    text = page(report(finding(0, source="https://example.org/x", message="url(//example.org)")))
    found = Page(text)
    assert not set(found.attributes("src"))
    style, script = found.raw["style"][0], found.raw["script"][0]
    assert not re.search(r"url\(|@import|https?:|//\w", style)
    assert not re.search(r"https?:|import\(|fetch|eval|innerHTML|insertAdjacent", script)
    assert not re.search(r"\bon\w+=|style=", text.replace(style, "").replace(script, ""))


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    found = parsed(ordinary())
    policies = [attrs["content"] for _, attrs in found.elements if "http-equiv" in attrs]
    digests = {
        tag: base64.b64encode(hashlib.sha256(found.raw[tag][0].encode()).digest()).decode()
        for tag in ("style", "script")
    }
    style, script = digests["style"], digests["script"]
    expected = (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert policies == [expected]


def test_the_same_results_give_the_same_bytes_in_any_order() -> None:
    results = [
        ResultFile(header(label=str(one)), [finding(one), finding(9, subject=str(one))]).end(1)
        for one in range(4)
    ]
    assert page(merged(results)) == page(merged(results[::-1]))


# Words


def test_the_folder_of_all_is_left_out_of_short_names() -> None:
    assert shares(["traces/a/x", "traces/a/yz", "traces/ab"]) == "traces/"
    assert shares(["traces/a"]) == ""
    assert shares(["a", "b"]) == ""


def test_messages_of_a_kind_that_nobody_knows_are_shown() -> None:
    odd = Message(path=TRACE, line=5, t=12345.6, conn=1, sender="server", kind="new kind")
    (row,) = entries(report(finding(0), odd))[0].rows
    assert (row.style, row.name, row.clock) == ("other", "new kind", "12345.600 s")


def test_findings_of_a_subject_that_no_record_describes_are_shown() -> None:
    (entry,) = entries(report(finding(0, subject="unheard of")))
    assert isinstance(entry.first, FindingRecord)
    assert_tame(parsed(report(finding(0, subject="unheard of"))))
