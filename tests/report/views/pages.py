"""Reports for the tests of the HTML view: an ordinary one, a hostile one, a large one."""

from __future__ import annotations

import typing
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from qmpconf.check.baseline import Baseline
from qmpconf.check.checking import automatic, check
from qmpconf.check.collect import Collector
from qmpconf.report.results.merge import Report, merged
from qmpconf.report.results.of_check import Checked, near_of, of_check
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
    Verdict,
    VerdictWord,
)
from qmpconf.report.results.stream import ResultFile
from qmpconf.trace.reader import TraceReader

TRACE = "traces/session.qmptrace"

#: Recordings of real sessions with two releases.
_RECORDED = [
    str(Path(__file__).parents[3] / "traces" / f"qemu-{version}-%s.qmptrace.gz")
    for version in ("10.0.13", "11.1.3")
]

#: What a hostile trace tries: markup, ends of the elements it stands in, addresses that run.
ATTACKS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "'><svg onload=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "</style><script>window.pwned=1</script>",
    "</title><script>window.pwned=1</script>",
    "</textarea></select></pre><iframe src='javascript:parent.pwned=1'></iframe>",
    "--><script>window.pwned=1</script><!--",
    "<![CDATA[<script>window.pwned=1</script>]]>",
    "javascript:window.pwned=1",
    "{{ 7 * 7 }}{% raw %}&lt;b&gt;&#60;b&#62;",
    "` onmouseover=window.pwned=1 x=`",
    "\u202emirrored \u2066isolated\u2069 \u200bnothing",
    "nul \x00, bell \x07, half a pair \ud800, line \u2028 and \u2029",
    "\x1b]0;title\x07 \n\n\t tab",
    "x" * 100_000,
    "<b>" * 5_000,
)


def header(**members: Any) -> Header:
    """The first line of a check."""
    told = {"verb": "check", "by": "qmpconf 0.1.0", "started": "2026-11-20T09:17:00Z"}
    return Header(**(told | {"command": "qmpconf check session.qmptrace"} | members))


def report(*records: Record, exit_code: int | None = 1, **head: Any) -> Report:
    """The report of one result; one without an exit code was cut off."""
    result = ResultFile(header(**head), list(records), origin="session.jsonl")
    return merged([result if exit_code is None else result.end(exit_code)])


def finding(number: int = 0, **members: Any) -> FindingRecord:
    """A finding of its own for each number."""
    told: dict[str, Any] = {
        "subject": TRACE,
        "fingerprint": f"{number:016x}",
        "rule": "schema.arguments",
        "severity": "error",
        "blame": "client",
        "message": f"member 'm{number}' is missing",
        "path": TRACE,
        "line": 5 + 10 * number,
        "session": 1,
        "pointer": f"/arguments/m{number}",
        "about": "query-block",
        "expected": "a string",
        "seen": "nothing",
    }
    return FindingRecord(**(told | members))


def message(line: int, kind: str, name: str = "", **members: Any) -> Message:
    """A message of the session that the findings are in."""
    told: dict[str, Any] = {
        "path": TRACE,
        "line": line,
        "t": line / 100,
        "conn": 1,
        "sender": "client" if kind == "command" else "server",
        "kind": kind,
        "name": name,
        "size": 80,
        "body": f'{{"line": {line}}}',
    }
    return Message(**(told | members))


def ordinary() -> Report:
    """One trace with a bit of everything."""
    return report(
        Subject(name=TRACE, kind="trace", facts={"messages": 8, "sessions": 1, "finished": True}),
        Rule(
            id="schema.arguments",
            level="MUST",
            party="client",
            text="Arguments fit the schema.",
            source="the schema",
        ),
        Rule(id="framing.crlf", level="MUST", party="server", text="Lines end.", source="spec 2.1"),
        Rule(id="oob.id", level="SHOULD", party="client", text="Ids are sent.", source="spec 3"),
        finding(0, hint="device", repeat="qmpconf check session.qmptrace", count=3, lines=(5, 7)),
        finding(1, rule="framing.crlf", blame="server", message="no CR LF here", about=""),
        finding(2, rule="oob.id", severity="warning", message="no id was sent"),
        finding(3, severity="note", message="newer than the document", more={"why": "it is new"}),
        finding(4, status="known", reason="bug 1234", message="known to be wrong"),
        message(3, "greeting", outcome="10.0.13"),
        message(4, "event", "STOP"),
        message(5, "command", "query-block", id='"a"'),
        message(6, "error", "query-block", latency=0.01, answers=5, outcome="GenericError"),
        message(7, "command", "quit", t=3.0),
        message(8, "return", "quit", latency=0.001, answers=7, t=3.001),
        message(9, "close", outcome="server", t=3.1, body=""),
        Verdict(subject=TRACE, rule="schema.arguments", verdict="fail", reason="m0 is missing"),
        Verdict(subject=TRACE, rule="framing.crlf", verdict="fail", reason="none"),
        Verdict(subject=TRACE, rule="oob.id", verdict="warn", reason="none was sent"),
        Verdict(subject=TRACE, rule="oob.queue", verdict="not-exercised"),
        Verdict(subject=TRACE, rule="event.shape", verdict="pass"),
        Case(subject=TRACE, id="framing::test_crlf", verdict="fail", title="Ends", reason="none"),
        Case(subject=TRACE, id="framing::test_object", verdict="pass", title="Objects"),
        Latency(subject=TRACE, name="query-block", count=9, p50=1e-4, p95=2e-3, max=0.1, total=0.2),
        Latency(subject=TRACE, name="quit", count=1, p50=1e-3, p95=1e-3, max=1e-3, total=1e-3),
        _coverage("command", "query-block", 9, {"/return/*/device": 9}, ("/return/*/type",)),
        _coverage("command", "quit", 1, {}, ()),
        _coverage("command", "blockdev-add", 0, {}, ("/arguments/driver", "/arguments/id=x")),
        _coverage("event", "STOP", 1, {}, ()),
        Table(subject=TRACE, title="Masked places", head=("place", "times"), rows=(("/t", "2"),)),
        Note(subject=TRACE, text="the last line is torn"),
        Gone(subject="", fingerprint="00112233aabbccdd", reason="fixed in 10.1"),
    )


def _coverage(
    kind: Literal["command", "event"],
    name: str,
    calls: int,
    places: dict[str, int],
    missing: tuple[str, ...],
) -> Coverage:
    return Coverage(
        subject=TRACE,
        schema="qemu-10.0.13",
        kind=kind,
        name=name,
        calls=calls,
        refused=1,
        places=places,
        missing=missing,
    )


def alike(number: int) -> list[FindingRecord]:
    """Notes that say the same of so many places."""
    return [
        finding(
            100 + one,
            severity="note",
            message="is newer than the document: a member",
            pointer=f"/return/new-{one}",
            count=2,
        )
        for one in range(number)
    ]


@cache
def recorded(kind: str = "shell") -> Report:
    """What checking two real recordings found, with all that a result holds."""
    return merged([_checked(path % kind) for path in _RECORDED])


def _checked(path: str) -> ResultFile:
    reader, collector = TraceReader(path), Collector()
    outcome = check(reader, automatic(reader), observer=collector)
    data = collector.data()
    checked = Checked(outcome, data.requirements, near_of(outcome))
    return of_check(header(), [checked], Baseline(), exercised=data)


def servers(number: int) -> Report:
    """Many servers by some requirements; every third one breaks one of them, as is known."""
    words: tuple[VerdictWord, ...] = ("pass", "not-applicable", "inconclusive")
    results = []
    for one in range(number):
        name = f"A server with a long name, version {one}"
        found = ResultFile(header(verb="conform", label=f"server {one}"))
        found.records.append(Subject(name=name, kind="server", facts={"schema": "introspected"}))
        for place in range(30):
            rule = f"family{place // 6}.rule-{place}"
            found.records.append(Rule(id=rule, level="MUST", text=f"Sentence {place}."))
            broken = place == 7 and one % 3 == 0
            word = "fail" if broken else words[(place // 10) % 3]
            known = "it always did" if broken else ""
            found.records.append(Verdict(subject=name, rule=rule, verdict=word, known=known))
            if broken:
                told = {"subject": name, "status": "known", "reason": known, "case": "x::y"}
                found.records.append(finding(place, rule=rule, **told))
        results.append(found.end(0))
    return merged(results)


def large(number: int) -> Report:
    """Many findings, each with messages of its own."""
    severities = ("error", "warning", "note")
    records: list[Record] = [Subject(name=TRACE, kind="trace")]
    for one in range(number):
        records.append(finding(one, severity=severities[one % 3], about=f"command-{one % 40}"))
        records += [message(10 * one + n, "command", f"command-{n}") for n in range(8)]
    return report(*records)


def filled(words: typing.Callable[[], str]) -> Report:
    """One record of each kind, every string of it one of `words`; so the header, too."""
    kinds: list[Any] = [*typing.get_args(Record)]
    subject = words()
    records = [_fill(kind, words, {"subject": subject, "name": subject}) for kind in kinds]
    records.append(
        msgspec.structs.replace(
            next(one for one in records if isinstance(one, FindingRecord)), fingerprint=words()
        )
    )
    result = ResultFile(_fill(Header, words, {"verb": "check"}), records, origin=words())
    return merged([result.end(1, failure=words())])


def _fill(kind: Any, words: typing.Callable[[], str], fixed: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    names = kind.__struct_fields__
    keyed = {
        name: fixed[name] if name in fixed and (kind is Subject or name != "name") else None
        for name in names
    }
    return kind(
        **{
            name: _value(hints[name], words) if keyed[name] is None else keyed[name]
            for name in names
        }
    )


def _value(hint: Any, words: typing.Callable[[], str]) -> Any:
    if hint is str:
        return words()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _fill(hint, words, {})
    if typing.get_origin(hint) is list:
        return [_value(typing.get_args(hint)[0], words)]
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        count = len([one for one in inner if one is not Ellipsis])
        return (
            (_value(inner[0], words),) * 2
            if Ellipsis in inner
            else tuple(_value(one, words) for one in inner[:count])
        )
    if typing.get_origin(hint) is dict:
        key, value = typing.get_args(hint)
        return {_value(key, words): _value(value, words)}
    if type(None) in typing.get_args(hint):
        return 0.5
    if hint is int or int in typing.get_args(hint):
        return words() if str in typing.get_args(hint) else 1
    return {float: 0.5, bool: True}[hint]
