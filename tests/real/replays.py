"""Replays of the whole corpus on real servers, as figures: ``reports/replay.md``.

::

    python -m tests.real.replays -n 50 -o reports/replay.md

1. Each trace of the corpus is replayed N times against the build that it was recorded with, with a
   fresh server each: nothing may differ.
2. Single changes are put into what a server says (`tests.replay.test_changes`): each must be found.
3. Traces are replayed against newer releases: what an upgrade breaks, changes and brings.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tabulate import tabulate

from qmpconf.replay.play.replaying import replay_trace
from qmpconf.replay.result import ReplayResult
from tests.real.builds import BuildError, find
from tests.replay.test_changes import ROWS, changing, replay
from traces.record import HERE, SESSIONS, Session

COMMAND = "python -m tests.real.replays"

#: Columns of the first table: how often a trace was replayed, and how often without a difference.
_TIMES, _SAME = 3, 4

#: Recorded with, replayed against.
UPGRADES = (("5.2", "7.2"), ("7.2", "10.0"), ("7.2", "11.1"))


def trace_of(session: Session) -> Path:
    """The recording of a session in the corpus."""
    build = find(session.build)
    return HERE / f"{build.product}-{build.version}-{session.client}.qmptrace.gz"


def played(trace: Path, session: Session, **options: float) -> ReplayResult:
    """One replay of `trace` against a fresh server that is started as `session` starts it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        session.start(find(session.build), Path(folder)) as server,
    ):
        return replay_trace(str(trace), target=str(server.path), **options)


def on_its_own_build(times: int, failures: list[str]) -> Iterator[tuple[str, ...]]:
    """A row for each trace: how often it was replayed, and how often without a difference.

    Why a replay was not played to its end is added to `failures`.
    """
    for session in SESSIONS:
        trace = trace_of(session)
        results = [played(trace, session) for _ in range(times)]
        same = sum(result.exit_code == 0 for result in results)
        failures += [
            f"{trace.name}, after {result.sent} messages: {result.failure}"
            for result in results
            if result.failure
        ]
        gone = sum(result.exit_code == 4 for result in results)
        first = next((result for result in results if not result.failure), results[0])
        again = sum("once more" in " ".join(result.warnings) for result in results)
        masked = sum(use.count for use in first.masks.values())
        yield (
            trace.name.removesuffix(".qmptrace.gz"),
            str(first.sent),
            f"{first.replies}/{first.events}",
            str(times),
            str(same),
            str(sum(result.differences.count for result in results if not result.failure)),
            str(gone),
            str(again),
            str(masked),
        )


def spoilt() -> tuple[int, int]:
    """How many of the single changes were found, of how many."""
    found = 0
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            result = replay(Path(folder), changing(row))
        places = {(one.first.kind, one.first.subject, one.first.pointer) for one in result.new}
        found += row.found in places and not result.masks
    return found, len(ROWS)


def upgrades() -> Iterator[tuple[str, ...]]:
    """A row for each trace of an older release against a newer one."""
    for before, after in UPGRADES:
        for session in SESSIONS:
            if not session.build.endswith(f"-{after}"):
                continue
            old = next(
                one
                for one in SESSIONS
                if one.client == session.client and one.build.endswith(f"-{before}")
            )
            result = played(trace_of(old), session, event_timeout=1)
            assert result.upgrade is not None
            behaved = result.upgrade.behaved.values()
            announced = list(result.upgrade.announced())
            effects = [group.first.effect for group in result.new]
            notes = len(result.differences) - len(result.new)
            yield (
                f"{session.client} ({session.build.removesuffix('-' + after)})",
                f"{before} to {after}",
                f"{sum(one.same for one in behaved)} of {sum(one.times for one in behaved)}",
                str(len(effects) - effects.count("changed")),
                str(effects.count("changed")),
                str(notes),
                f"{sum(one.seen for one in announced)} of {len(announced)}",
            )


def page(times: int) -> Iterator[str]:
    """The report, line by line."""
    yield "# Replays\n"
    yield f"Made by `{COMMAND} -n {times} -o reports/replay.md`.\n"
    yield "## Each trace of the corpus against its own build\n"
    head = ("trace", "sent", "replies/events", "replays", "without difference", "differences")
    head = (*head, "target gone", "connected again", "masked places")
    failures: list[str] = []
    rows = list(on_its_own_build(times, failures))
    same, all_ = (sum(int(row[at]) for row in rows) for at in (_SAME, _TIMES))
    yield f"Of {all_:,} replays, {same:,} were without a difference.\n"
    yield tabulate(rows, head, "github", disable_numparse=True)
    yield (
        "\n*Sent*: messages of the client. *Replies/events*: what the server says to them, and has to "
        "say again in each replay (malformed messages get one reply together, or none). *Masked "
        "places*: values in the first replay that may differ (times, names that the server makes up), "
        "each of which `qmpconf replay` lists. How long replays take is in [speed](benchmarks.md). "
        "*Target gone*: the replay could not be played to its end (exit code 4). *Connected "
        "again*: the server hung up before it said anything, the replay connected once more, and "
        "warns of it. qemu-storage-daemon 5.2 does that while it starts: for a moment its main "
        "thread and the monitor's own thread both accept clients, and one that waits behind another "
        "(here, the one that waits until the server greets) is accepted by the second thread and "
        "closed at once, because a monitor serves one client at a time. The daemon itself goes on.\n"
    )
    if failures:
        yield "Not played to the end:\n"
        yield "".join(f"- {one}\n" for one in failures)
    found, changes = spoilt()
    yield "## Single changes in what a server says\n"
    yield f"{found} of {changes} were found, and none was masked.\n"
    yield "## Against a newer release\n"
    yield (
        "Kinds of differences. *Broke*: the client loses something. *Otherwise*: another value or "
        "order. *By design*: what the newer schema says, a note. *Announced*: changes that the "
        "schemas announce for what the session uses, and how many of them the replay met.\n"
    )
    head = ("session", "releases", "the same", "broke", "otherwise", "by design", "announced, met")
    yield tabulate(list(upgrades()), head, "github", disable_numparse=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; exit code 4 when a build is missing."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("-n", type=int, default=50, metavar="TIMES", help="replays of each trace")
    parser.add_argument("-o", "--output", type=Path, help="the report (default: stdout)")
    options = parser.parse_args(arguments)
    try:
        text = "\n".join(page(options.n)) + "\n"
    except BuildError as error:
        print(error, file=sys.stderr)
        return 4
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
