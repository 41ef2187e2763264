"""Figures as tables and as JSON."""

from __future__ import annotations

import json

import msgspec

from qmpconf.report.stats import NOTE, as_json, as_markdown, as_text
from qmpconf.trace.figures import Figures
from qmpconf.trace.stats import Stats
from qmpconf.trace.summary import Summary


def figures(*names: str) -> Figures:
    said = [Summary(2, 0.0, 1, "client", "open")]
    for line, name in enumerate(names, 3):
        said += [
            Summary(line, line, 1, "client", "command", name, size=40),
            Summary(line, line + 0.25, 1, "server", "error", name, latency=0.25, size=2000),
        ]
    said += [
        Summary(50, 8.0, 1, "client", "command", "quit", size=40),
        Summary(51, 9.0, 1, "server", "event", "SHUTDOWN", size=100),
        Summary(52, 10.0, 1, "server", "close"),
    ]
    return Stats.of(said, "a.qmptrace").figures()


def test_text() -> None:
    assert as_text(figures("query-status", "query-status", "stop"), top=2) == (
        "8 messages in 1 session, 10.0 s from first to last\n"
        "4 commands, 3 errors, 1 event\n"
        "\n"
        "sent by      messages    bytes\n"
        "---------  ----------  -------\n"
        "client              4    160 B\n"
        "server              4   6.1 kB\n"
        "\n"
        "command         calls    unanswered    errors     p50     p95     max    total\n"
        "------------  -------  ------------  --------  ------  ------  ------  -------\n"
        "query-status        2                       2  250 ms  250 ms  250 ms   500 ms\n"
        "stop                1                       1  250 ms  250 ms  250 ms   250 ms\n"
        "... and 1 more (--top 0: all)\n"
        "\n"
        "event       count    average/s    peak/s\n"
        "--------  -------  -----------  --------\n"
        "(all)           1        0.100         1\n"
        "SHUTDOWN        1        0.100         1\n"
        "\n"
        "biggest messages      count    biggest    together  in line\n"
        "------------------  -------  ---------  ----------  ---------\n"
        "error query-status        2     2.0 kB      4.0 kB  3\n"
        "error stop                1     2.0 kB      2.0 kB  5\n"
        "... and 4 more (--top 0: all)\n"
        "\n" + NOTE + "\n"
    )


def test_all_rows() -> None:
    many = figures(*(f"c{number}" for number in range(30)))
    assert "c29" in as_text(many, top=0)
    assert "more" not in as_text(many, top=0)


def test_hostile_names() -> None:
    found = figures("\x1b[2J", "a|b\n<script>`*", "x" * 99)
    for text in (as_text(found), "\n\n".join(as_markdown(found))):
        assert all(line.isprintable() for line in text.split("\n"))
    assert "a\\|b\\\\u000A\\<script\\>\\`\\*" in "\n\n".join(as_markdown(found))
    assert "x" * 37 + "..." in as_text(found)


def test_several_traces_are_told_apart() -> None:
    both = Stats.of([Summary(3, 1.0, 1, "client", "command", "a", size=5)], "one.qmptrace")
    both.merge(Stats.of([Summary(4, 1.0, 1, "server", "event", "E", size=6)], "two.qmptrace"))
    text = as_text(both.figures())
    assert text.startswith("2 messages in 2 sessions of 2 traces")
    assert "one.qmptrace:3" in text
    assert "two.qmptrace:4" in text
    narrow = as_text(both.figures(), width=40)
    assert "...trace:4" in narrow
    assert "two.qmptrace" not in narrow


def test_nothing() -> None:
    assert as_text(Stats().figures()).startswith("0 messages in 0 sessions\n")


def test_json() -> None:
    found = figures("a")
    assert msgspec.convert(json.loads(as_json(found)), Figures) == found
