"""Results to merge and to show: one as a verb writes it, and any that a stream can hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from qmpconf.report.results.records import (
    Case,
    Coverage,
    FindingRecord,
    Gone,
    Header,
    Latency,
    Message,
    Note,
    Record,
    Rule,
    Subject,
    Table,
    Unjudged,
    Verdict,
)
from qmpconf.report.results.stream import ResultFile, dumped

#: What a trace holds when it wants to be more than text.
HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07",
    "<script>alert(1)</script>",
    "]]>&amp;<![CDATA[",
    "::error file=x::y\r\n::stop-commands::z",
    "##[command]x",
    "@somebody #123 GH-7 https://example.invalid :tada:",
    "a | b\n| - |\n`x` **y** [z](javascript:0) ![i](x) <b>",
    "</details>\n# head\n- item\n1. one\n---\n```",
    "\x00\x0b\ufffe\U0001f600\u202e\u2028",
    "{0} {curly} [link](1)",
    "100%25 a,b:c",
    "../\u00e9 x?y#z",
)


def finding(**members: Any) -> FindingRecord:
    """A finding as `check` writes it."""
    told: dict[str, Any] = {
        "subject": "s.qmptrace",
        "path": "s.qmptrace",
        "line": 16,
        "session": 1,
        "fingerprint": "a6c07ef7defaac9c",
        "rule": "schema.arguments",
        "severity": "error",
        "blame": "client",
        "message": "is not an integer",
        "about": "block_resize",
        "pointer": "/arguments/size",
        "expected": "integer",
        "seen": 'string "1M"',
        "source": "qemu-7.2.22, block_resize",
        "lines": (16,),
    }
    return FindingRecord(**{**told, **members})


def warning(**members: Any) -> FindingRecord:
    """A second one, less severe and with more of them."""
    told: dict[str, Any] = {
        "line": 8,
        "lines": (8, 10),
        "count": 4,
        "severity": "warning",
        "rule": "oob.id",
        "fingerprint": "aeba56ada839dbe2",
        "about": "query-status",
        "pointer": "",
        "message": "With out-of-band execution enabled, every command carries an id",
        "expected": "an id",
        "seen": "none",
    }
    return finding(**{**told, **members})


def checked(
    *records: Record, path: str = "s.qmptrace", exit_code: int = 1, **head: Any
) -> ResultFile:
    """The result of a check of one trace."""
    facts: dict[str, Any] = {"messages": 15, "sessions": 1, "schema": "qemu-7.2.22"}
    rules = (
        Rule(
            id="schema.arguments",
            level="MUST",
            party="client",
            text="The arguments of a command are those of its schema.",
            source="the schema",
        ),
        Rule(id="oob.id", level="SHOULD", party="client", text="An id.", source="spec 2.3.1"),
    )
    made = {"verb": "check", "started": "2026-11-20T05:17:00Z", "command": f"qmpconf check {path}"}
    result = ResultFile(Header(**{**made, **head}), [Subject(name=path, kind="trace", facts=facts)])
    result.records += [*rules, *records]
    return result.end(exit_code)


def lack(kind: str = "schema", **members: Any) -> Unjudged:
    """What was not judged."""
    told: dict[str, Any] = {"text": "no schema could be chosen", "advice": "name one", "line": 2}
    return Unjudged(subject="s.qmptrace", kind=kind, **{**told, **members})


def conformed(
    server: str, *verdicts: tuple[str, str], exit_code: int = 0, **head: Any
) -> ResultFile:
    """The result of a suite: a case and a verdict for each pair of rule and verdict."""
    result = ResultFile(Header(verb="conform", **head), [Subject(name=server, kind="server")])
    for rule, verdict in verdicts:
        result.records += [
            Case(subject=server, id=f"{rule}.case", verdict=verdict, rules=(rule,), seconds=0.25),
            Verdict(subject=server, rule=rule, verdict=verdict, reason="because"),
            Rule(id=rule, level="MUST", party="server", text="So it is.", source="spec 2.4"),
        ]
    return result.end(exit_code)


def message(line: int, conn: int = 1, path: str = "s.qmptrace", **members: Any) -> Message:
    """A message of a session."""
    told: dict[str, Any] = {"t": line / 1000, "sender": "client", "kind": "command", "name": "stop"}
    return Message(path=path, line=line, conn=conn, **{**told, **members})


def lines_of(result: ResultFile) -> list[bytes]:
    """A result as its file has it, without line breaks."""
    lines = [dumped(result.header), *map(dumped, result.every())]
    return lines + ([dumped(result.finish)] if result.finish else [])


def data_of(result: ResultFile) -> bytes:
    """A result as its file has it."""
    return b"".join(line + b"\n" for line in lines_of(result))


_names = st.sampled_from(("s.qmptrace", "dir/t.qmptrace", "/abs/u.qmptrace", "QEMU 7.2", ""))
_rules = st.sampled_from(("oob.id", "schema.arguments", "framing.crlf"))
_marks = st.sampled_from(("0000000000000001", "0000000000000002"))
_words = st.sampled_from(HOSTILE) | st.text(max_size=12) | st.just("")
_any = _names | _words
_small = st.integers(0, 9)
_seconds = st.floats(0, 1000, allow_nan=False)
_verdicts = st.sampled_from(
    ("pass", "fail", "warn", "not-applicable", "inconclusive", "not-exercised")
)
_facts = st.dictionaries(
    st.sampled_from(("messages", "sessions", "sent", "schema", "\x1bodd")),
    _small | _words | st.booleans() | _seconds,
    max_size=4,
)

_findings = st.builds(
    FindingRecord,
    subject=_any,
    fingerprint=_marks | _words,
    rule=_rules | _words,
    severity=st.sampled_from(("error", "warning", "note")),
    blame=st.sampled_from(("client", "server", "recorder", "document")),
    message=_words,
    path=_any,
    line=_small,
    session=_small,
    pointer=_words,
    about=_words,
    expected=_words,
    seen=_words,
    source=_words,
    hint=_words,
    count=st.integers(1, 5),
    lines=st.lists(_small, max_size=3).map(tuple),
    status=st.sampled_from(("new", "known")),
    reason=_words,
    case=_words,
    repeat=_words,
    around=st.lists(_words, max_size=2).map(tuple),
    more=st.dictionaries(_words, _words, max_size=2),
)
_records = st.one_of(
    st.builds(
        Subject,
        name=_any,
        kind=st.sampled_from(("trace", "server", "document", "catalogs")),
        facts=_facts,
    ),
    st.builds(
        Rule,
        id=_rules | _words,
        level=st.sampled_from(("MUST", "SHOULD", "MAY")) | _words,
        party=_words,
        text=_words,
        source=_words,
    ),
    _findings,
    _findings,
    st.builds(
        Verdict, subject=_any, rule=_rules | _words, verdict=_verdicts, reason=_words, known=_words
    ),
    st.builds(
        Case,
        subject=_any,
        id=_words,
        verdict=_verdicts,
        rules=st.lists(_rules, max_size=2).map(tuple),
        reason=_words,
        known=_words,
        seconds=_seconds,
    ),
    st.builds(
        Message,
        path=_any,
        line=_small,
        t=_seconds,
        conn=_small,
        sender=st.sampled_from(("client", "server")),
        kind=_words,
        name=_words,
        body=_words,
    ),
    st.builds(Latency, subject=_any, name=_words, count=_small, p50=_seconds, total=_seconds),
    st.builds(
        Coverage,
        subject=_any,
        schema=_words,
        kind=st.sampled_from(("command", "event")),
        name=_words,
        calls=_small,
        places=st.dictionaries(_words, _small, max_size=2),
        missing=st.lists(_words, max_size=2).map(tuple),
    ),
    st.builds(
        Table,
        subject=_any,
        title=_words,
        head=st.lists(_words, max_size=3).map(tuple),
        rows=st.lists(st.lists(_words, max_size=3).map(tuple), max_size=3).map(tuple),
    ),
    st.builds(Note, subject=_any, text=_words),
    st.builds(
        Unjudged,
        subject=_any,
        kind=st.sampled_from(("trace", "schema", "call", "property", "line")) | _words,
        text=_words,
        advice=_words,
        line=_small,
        count=st.integers(1, 5),
    ),
    st.builds(Gone, subject=_any, fingerprint=_marks, reason=_words),
)


@st.composite
def results(draw: st.DrawFn) -> ResultFile:
    """Any result, complete or cut off."""
    head = Header(
        verb=draw(st.sampled_from(("check", "replay", "conform", "audit", "diff"))),
        started=draw(st.sampled_from(("", "2026-11-20T05:17:00Z")) | _words),
        command=draw(_words),
        label=draw(_words),
    )
    result = ResultFile(head, draw(st.lists(_records, max_size=8)), origin=draw(_words))
    if draw(st.booleans()):
        result.end(draw(st.sampled_from((0, 1, 3, 4, 130))), draw(_words))
    return result
