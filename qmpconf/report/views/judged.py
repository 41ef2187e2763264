"""The lines that end every view: how much was judged, what was found, and what was not judged.

Nothing here is escaped: each view does that for its own format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from qmpconf.findings import SEVERITIES
from qmpconf.report.results.merge import Report
from qmpconf.report.results.records import (
    WORST_FIRST,
    Case,
    FindingRecord,
    Unjudged,
    Verdict,
    VerdictWord,
)
from qmpconf.report.views.grouping import BROKE, CHANGED, FOLLOWS, effect, kinds, several, verb_of
from qmpconf.text import counted

#: What findings are called where one verb alone wrote the results: singular, plural, by severity.
_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "replay": {"error": ("difference", "differences")},
    "trace-diff": {"error": ("difference", "differences")},
}

#: What the changes of each level are called where two catalogs are compared: singular, plural.
_LEVELS: Mapping[str, tuple[str, str]] = {
    "diff.breaks": ("breaks a client", "break a client"),
    "diff.risk": ("can surprise it", "can surprise it"),
    "diff.deprecated": ("announces what will go away", "announce what will go away"),
    "diff.unknown": ("is only described by one of the two", "are only described by one of the two"),
    "diff.compatible": ("is harmless", "are harmless"),
}


_NONE = {
    "replay": "no differences",
    "trace-diff": "no differences",
    "diff": "no changes",
}


def verdict_counts(found: Iterable[Verdict | Case]) -> str:
    """``70 pass, 2 fail (1 of them known)``; empty without any."""
    verdicts = list(found)
    by_word = Counter(one.verdict for one in verdicts)
    known = sum(1 for one in verdicts if one.known and one.verdict in ("fail", "warn"))
    parts = [f"{by_word[word]:,} {word}" for word in _IN_ORDER if by_word[word]]
    return ", ".join(parts) + (f" ({known:,} of them known)" if known else "")


_IN_ORDER: tuple[VerdictWord, ...] = ("pass", *(w for w in WORST_FIRST if w != "pass"))


def found(report: Report) -> str:
    """How many findings of each severity there are that are not known."""
    verb = verb_of(report)
    totals = report.totals()
    if verb == "diff":
        levels = Counter(one.rule for one in report.new)
        parts = [counted(levels[one], *names) for one, names in _LEVELS.items() if levels[one]]
    else:
        names = {one: (one, one + "s") for one in SEVERITIES} | dict(_NAMES.get(verb, {}))
        parts = [counted(totals[one], *names[one]) for one in SEVERITIES if totals[one]]
        different = {
            one: len(kinds(f for f in report.new if f.severity == one)) for one in SEVERITIES
        }
        parts = [
            part if different[one] == totals[one] else f"{part} ({counted(different[one], 'kind')})"
            for part, one in zip(parts, [one for one in SEVERITIES if totals[one]], strict=True)
        ]
    if parts or not (report.unjudged or is_hollow(report)):
        return ", ".join(parts) or _NONE.get(verb, "no findings")
    return "nothing was judged" if is_hollow(report) else "nothing found in what was judged"


#: What was not judged, by kind: singular, plural, and against what.
_UNJUDGED: Mapping[str, tuple[str, str, str]] = {
    "trace": ("trace", "traces", ""),
    "schema": ("session", "sessions", " against a schema"),
    "call": ("call", "calls", " against the schema"),
    "event": ("event", "events", " against the schema"),
    "property": ("property", "properties", ""),
    "line": ("line", "lines", ""),
    "session": ("session", "sessions", " to the end"),
    "response": ("response", "responses", ""),
    "time": ("trace", "traces", " against a limit of time"),
}

#: Facts of a subject that count its messages, the first that are there: those of a check with a filter, of
#: a check, of a replay, of two recordings, and of an exploration.
_HELD = (
    ("selected",),
    ("messages",),
    ("sent", "greetings", "replies", "events"),
    ("in both", "only in the first", "only in the second", "greetings", "replies", "events"),
    ("commands sent",),
)


def unjudged(report: Report) -> list[str]:
    """A line for each kind of what was not judged: how much, why first, and what to do."""
    found: dict[str, list[Unjudged]] = {}
    for one in report.unjudged:
        found.setdefault(one.kind, []).append(one)
    known = [kind for kind in _UNJUDGED if kind in found]
    others = [kind for kind in found if kind not in _UNJUDGED]
    return [_not_judged(found[kind], report) for kind in (*known, *others)]


def _not_judged(same: Sequence[Unjudged], report: Report) -> str:
    first = same[0]
    one, many, against = _UNJUDGED.get(first.kind, (first.kind, f"{first.kind}s", ""))
    texts = list(dict.fromkeys(lack.text for lack in same))
    line = f"line {first.line}" if first.line else ""
    where = first.subject if len(report.subjects) > 1 else ""
    at = f" ({': '.join(filter(None, (where, line)))})" if where or line else ""
    more = f", and {counted(len(texts) - 1, 'more reason')}" if len(texts) > 1 else ""
    advice = f"; {first.advice}" if first.advice else ""
    count = counted(sum(lack.count for lack in same), one, many)
    return f"NOT JUDGED: {count}{against}: {first.text}{at}{more}{advice}"


def is_hollow(report: Report) -> bool:
    """Whether traces were checked or replayed, and not one message was there to be judged."""
    counts = [
        one.facts.get(name, 0)
        for one in report.subjects
        for name in next((names for names in _HELD if names[0] in one.facts), ())
    ]
    return bool(counts) and not any(counts)


def closings(report: Report) -> list[str]:
    """The lines that end every view: the closing sentence, and what was not judged.

    What replays against another release come to is the last one.
    """
    return list(filter(None, [closing(report), *unjudged(report), upgrade(report)]))


def closing(report: Report) -> str:
    """One sentence: how much was judged, how many findings there are, and what is missing.

    Where a conformance suite alone has run, it begins with what that came to.
    """
    suite = _SUITES.get(verb_of(report))
    none = suite is not None and report.cases and not report.new
    text = ": ".join(filter(None, ("; ".join(_judged(report)), "" if none else found(report))))
    if suite is not None:
        text = f"{_came_to(report, suite)}: {text}"
    if report.known:
        text += f"; {counted(len(kinds(report.known)), 'kind')} known"
        text += " from the baseline" if verb_of(report) == "check" else ""
    elsewhere = _sum([one.facts for one in report.subjects], "findings elsewhere", "finding")
    if any(one.facts.get("findings elsewhere") for one in report.subjects):
        text += f"; {elsewhere} at other messages"
    if report.gone:
        text += f"; {counted(len(report.gone), 'known one')} gone"
    missing = len(report.cut) + len(report.unread)
    if missing:
        results = counted(len(report.runs) + len(report.unread), "result")
        text += f"; NOT WHOLE: {missing} of {results}"
    if suite is not None:
        text += f"; {sum(one.seconds for one in report.cases):.1f} s"
    return text


def _came_to(report: Report, suite: Mapping[int, str]) -> str:
    """The first words about a suite; it is undecided where nothing is broken, and it fails."""
    code = report.exit_code
    failed = any(one.verdict == "fail" and not one.known for one in report.cases)
    broken = failed or report.gone or any(report.fails(one.severity) for one in report.new)
    return "undecided" if code == 1 and not broken else suite.get(code, "cut off")


#: What a run of a suite came to, by its exit code.
_SUITES: Mapping[str, Mapping[int, str]] = {
    "conform": {0: "conforms", 1: "does not conform", 4: "went away", 130: "interrupted"},
    "conform-client": {0: "copes", 1: "does not cope", 4: "went away", 130: "interrupted"},
}


def _judged(report: Report) -> Iterator[str]:
    """How much of each sort was judged."""
    facts = [one.facts for one in report.subjects]
    checked = [one for one in facts if "messages" in one]
    played = [one for one in facts if "sent" in one]
    if checked:
        text = f"{_sum(checked, 'messages', 'message')} in {_sum(checked, 'sessions', 'session')}"
        if any("selected" in one for one in checked):
            some = _sum(checked, "selected", "message")
            total = _sum(checked, "messages", "message").partition(" ")[0]
            text = f"{some} selected of {total} in {_sum(checked, 'sessions', 'session')}"
        text += f" of {counted(len(checked), 'trace')}" if len(checked) > 1 else ""
        yield f"{text} checked{_against(report, checked)}"
    if played:
        sums = (("sent", "message"), ("replies", "reply"), ("events", "event"))
        sent, replies, events = (_sum(played, *one) for one in sums)
        yield f"{sent} sent, {replies} and {events} matched"
    compared = [one for one in facts if "in both" in one]
    if compared:
        sums = (("in both", "command"), ("replies", "reply"), ("events", "event"))
        both, replies, events = (_sum(compared, *one) for one in sums)
        yield f"{both} in both recordings, {replies} and {events} compared"
    explored = [one for one in facts if "commands sent" in one]
    if explored:
        sent = _sum(explored, "commands sent", "command")
        worked = _sum(explored, "succeeded", "").partition(" ")[0]
        yield f"{sent} ({worked} succeeded) in {_sum(explored, 'lives', 'life')} of the server"
    if report.cases:
        servers = len({one.subject for one in report.cases})
        where = f" on {servers} servers" if servers > 1 else ""
        cases = f"{counted(len(report.cases), 'case')}{where}, "
        alone = verb_of(report) in _SUITES and not where
        yield f"{'' if alone else cases}{verdict_counts(report.cases)}"
    kinds_of = Counter(one.kind for one in report.subjects)
    if kinds_of["document"]:
        documents = [one.facts for one in report.subjects if one.kind == "document"]
        examples = _sum(documents, "examples", "example message")
        yield f"{counted(kinds_of['document'], 'document')} with {examples} audited"
    for one in report.subjects:
        if one.kind == "catalogs" and kinds_of["catalogs"] == 1:
            left = one.facts.get("left out", 0)
            yield f"{one.name} ({left} of less weight left out)" if left else one.name


def _against(report: Report, checked: Sequence[Mapping[str, object]]) -> str:
    """What was left out for all sessions; empty where some were held against a schema."""
    without = sum(one.count for one in report.unjudged if one.kind == "schema")
    sessions = [facts.get("sessions") for facts in checked]
    bare = without and without >= sum(one for one in sessions if isinstance(one, int))
    return " against the protocol alone, without a schema" if bare else ""


def _sum(facts: Iterable[Mapping[str, str | int | float | bool]], name: str, word: str) -> str:
    values = (one.get(name, 0) for one in facts)
    plural = {"reply": "replies", "life": "lives"}.get(word, "")
    return counted(sum(int(v) for v in values if isinstance(v, int | float)), word, plural)


def upgrade(report: Report) -> str:
    """What replays against another release come to, in one sentence; empty where there is none."""
    weighed = [one for one in report.new if effect(one)]
    if not any(one.text.startswith("upgrade from ") for one in report.notes):
        return ""
    broke = [one for one in weighed if effect(one) == BROKE and not one.more.get(FOLLOWS)]
    follow = sum(bool(one.more.get(FOLLOWS)) for one in weighed)
    calls = len({(one.subject, one.about) for one in broke})
    differing = [one for one in weighed if effect(one) == CHANGED and not one.more.get(FOLLOWS)]
    asked = sum(one.about.startswith("command ") for one in differing)
    differ = len(differing) - asked
    parts = [counted(calls, "call breaks", "calls break")] if calls else ["no call breaks"]
    parts += [counted(differ, "answer differs", "answers differ")] if differ else []
    parts += [counted(asked, "command differs", "commands differ")] if asked else []
    parts += [counted(follow, "follows from that", "follow from that")] if follow else []
    notes = report.totals()["note"]
    parts += [counted(notes, "note")] if notes else []
    if not calls:
        return f"{', '.join(parts)}; it works"
    places = several((_broken_place(one) for one in broke), 3)
    return f"{', '.join(parts)}; it would work but for {places}"


def _broken_place(one: FindingRecord) -> str:
    """What broke, as ``query-status.singlestep``."""
    name = one.about.removeprefix("reply to ").removeprefix("event ")
    parts = [part for part in one.pointer.split("/")[1:] if not part.isdecimal()]
    inner = parts[1:] if parts[:1] in (["return"], ["data"]) else []
    return ".".join([name, *inner])
