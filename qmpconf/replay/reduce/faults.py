"""The fewest faults that a client still fails with: it is run again and again, each time with some of them.

Each try is a recording (`qmpconf.record.recording.record_trace`) in a private folder.  A client fails
when its exit code is not 0, or when it has to be ended; what counts is that it fails in the same way.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qmpconf.errors import TargetError, UsageError
from qmpconf.faults.rules import Rule, Schedule, dumped
from qmpconf.net.process import ended
from qmpconf.record.recording import record_trace
from qmpconf.replay.reduce.shrink import fewest
from qmpconf.text import counted


@dataclass(slots=True)
class ReducedFaults:
    """One reduction: how the client `fails` (empty: it copes), with how many faults `happened`, and with which rules (`left`).

    `left` were chosen of so many `rules`, each a fault that happened, or one of the schedule.  `tries` are runs
    of the client.  `note` says why it was not done, or ended early.
    """

    fails: str = ""
    happened: int = 0
    rules: int = 0
    left: tuple[Rule, ...] = ()
    tries: int = 0
    note: str = ""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0: the client copes; 1: it fails; 130: interrupted."""
        return 130 if self.interrupted else int(bool(self.fails))

    def text(self, comments: Sequence[str]) -> str:
        """The faults that are left, as a file."""
        return dumped(self.left, comments)


class _Over(Exception):  # noqa: N818 - not an error
    """The time is up."""


def reduce_faults(
    schedule: Schedule,
    client: Sequence[str],
    *,
    target: str | None = None,
    spawn: str | None = None,
    timeout: float,
    time_limit: float,
    progress: Callable[[str], None],
) -> ReducedFaults:
    """Run `client` with fewer and fewer of the faults, as long as it fails in the same way.

    With `spawn` each try gets a new server; `target` is one that runs.  A client that has not ended after
    `timeout` seconds is ended: it hangs.  After `time_limit` seconds the search ends.  `progress` is called with news.

    Raises `TargetError` where the client fails without any fault, or the server cannot be had; `UsageError`.
    """
    found = ReducedFaults()
    until = time.monotonic() + time_limit
    with tempfile.TemporaryDirectory(prefix="qmpconf-") as folder:

        def tried(given: Schedule | None) -> tuple[str, tuple[Rule, ...]]:
            found.tries += 1
            path = os.path.join(folder, f"{found.tries}.qmptrace")
            done = record_trace(
                path,
                server=target,
                spawn=spawn,
                client=client,
                faults=given,
                limit=timeout,
                quiet_client=True,
            )
            os.unlink(path)
            if done.interrupted:
                raise KeyboardInterrupt
            if done.timed_out:
                return f"it does not end within {timeout:g} s", done.faults
            code = done.client_code or 0
            return ended(code) if code else "", done.faults

        how, _ = tried(None)
        if how:
            raise TargetError(f"the client fails without any fault: {how}")
        try:
            found.fails, happened = tried(schedule)
            found.happened = len(happened)
            if found.fails:
                progress(f"with {counted(len(happened), 'fault')} the client fails: {found.fails}")
                _shrink(
                    found, _candidates(found, schedule, happened, tried), tried, until, progress
                )
        except KeyboardInterrupt:
            found.interrupted = True
            found.note = "interrupted" + (": the fewest so far" if found.left else "")
        except _Over:
            found.note = f"no fewer were looked for after {time_limit:g} s"
    return found


_Tried = Callable[[Schedule | None], tuple[str, tuple[Rule, ...]]]


def _candidates(
    found: ReducedFaults, schedule: Schedule, happened: Sequence[Rule], tried: _Tried
) -> Sequence[Rule]:
    """What can be left out one by one: the faults that happened, or else the rules."""
    if not happened:
        raise UsageError(
            "the client fails, but no fault had happened: it does not fail each time, or for another "
            "reason"
        )
    if tried(Schedule(tuple(happened)))[0] == found.fails:
        return happened
    if schedule.seed is None:
        found.note = "the rules are reduced: with each fault alone, the client does not fail again"
        return schedule.rules
    found.note = "the client does not fail again with the same faults: nothing could be left out"
    return ()


def _shrink(
    found: ReducedFaults,
    rules: Sequence[Rule],
    tried: _Tried,
    until: float,
    progress: Callable[[str], None],
) -> None:
    found.left = tuple(rules)
    found.rules = len(found.left)

    def fails(kept: frozenset[int]) -> bool:
        if time.monotonic() > until:
            raise _Over
        chosen = tuple(rules[one] for one in sorted(kept))
        how, _ = tried(Schedule(chosen))
        same = how == found.fails
        progress(
            f"try {found.tries}: {len(chosen)} of {counted(len(rules), 'fault')}: "
            f"{'fails' if same else how or 'copes'}"
        )
        if same:
            found.left = chosen
        return same

    fewest(
        frozenset(range(len(rules))),
        frozenset(),
        lambda current, group: current - group,
        lambda kept: bool(kept) and fails(kept),
    )
