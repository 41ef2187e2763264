"""A limit on descriptors: more clients come than the recorder can have open."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.real.builds import find
from tests.real.machines import start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import PATIENCE, At, Client, round_of
from tests.real.reliability.kills import bare
from tests.real.reliability.ledger import Comparison, Ledger
from tests.real.reliability.many import one_more
from tests.real.reliability.rows import Row, Scale, peak
from tests.real.reliability.served import Notes

QUESTION = (
    "When more clients come at once than the recorder can have descriptors (RLIMIT_NOFILE), does each of "
    "them get its whole session in the end, waiting or coming again, and is all of it in the trace?"
)

#: What the recorder says at the limit.
_REACHED = "Too many open files"

#: Seconds after which a client that was refused comes again.
_AGAIN = 0.1


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """With an even and an odd number to spare: a client waits, or is refused for want of one more."""
    for limit in (24, 25):
        yield _row(limit, scale.limited, folder / f"limit{limit}")


def _row(limit: int, clients: int, folder: Path) -> Row:
    folder.mkdir()
    build = find("qemu-7.2")
    ledger = Ledger(folder / "ledger")
    refusals: list[str] = []
    with start(build, folder, *bare(build), watched=True) as server:
        proxy = Proxy(
            folder,
            server.path,
            wrapper=("prlimit", f"--nofile={limit}:{limit}"),
            listening=True,
        )
        try:
            together = threading.Barrier(clients)
            reached = threading.Event()

            def begin(name: str) -> None:
                first = Client(proxy.at, f"{name}.0", ledger)
                together.wait()
                _session(first, proxy.at, ledger, refusals, round_of(build.product), reached)

            threads = [
                threading.Thread(target=begin, args=(f"c{number}",)) for number in range(clients)
            ]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + PATIENCE
            while _REACHED not in proxy.said() and time.monotonic() < deadline:
                time.sleep(_AGAIN)
            reached.set()
            for thread in threads:
                thread.join()
            after = one_more(proxy, ledger)
            memory = peak(proxy.process.pid)
        finally:
            proxy.stop()
    notes = Notes(server)
    comparison = Comparison(ledger, notes)
    comparison.trace(str(proxy.trace))
    tally = comparison.rest()
    notes.close()
    ledger.close()
    said = proxy.said()
    if _REACHED not in said:
        tally.problems.append(f"the limit was never reached: {said}")
    return Row(
        f"{clients} clients at once, {limit} descriptors",
        f"{clients} sessions",
        tally,
        f"{memory:.0f} MB at most; {after} open at the end",
        f"{len(refusals)} refused, came again",
    )


def _session(
    client: Client,
    at: At,
    ledger: Ledger,
    refusals: list[str],
    names: Sequence[str],
    reached: threading.Event,
) -> None:
    """A whole session; one that is refused before its greeting is begun again, under a new name.

    Nobody leaves before the limit is `reached`.
    """
    name, _, again = client.name.partition(".")
    with client:
        try:
            client.negotiate_once()
        except (EOFError, OSError):
            refusals.append(name)
        else:
            client.send(*names)
            client.answers(len(names))
            reached.wait()
            return
    time.sleep(_AGAIN)
    another = Client(at, f"{name}.{int(again) + 1}", ledger)
    _session(another, at, ledger, refusals, names, reached)
