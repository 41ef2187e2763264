"""The trace cannot be written any more: a full disk, or a limit on the size of files."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from qmpconf.errors import OutputError
from tests.real.builds import find
from tests.real.machines import Server, start
from tests.real.proxies import Proxy
from tests.real.reliability.clients import Client, round_of
from tests.real.reliability.kills import bare
from tests.real.reliability.ledger import Comparison, Ledger, Tally, missing, recorded, whole
from tests.real.reliability.rows import Row, Scale
from tests.real.reliability.served import Notes

QUESTION = (
    "When the trace cannot be written any more, does the recorder stop before anything unrecorded is "
    "delivered in either direction, and say so (exit code 3)? With `--on-write-error=passthrough`, "
    "does the session go on to its end, and is the trace all that was said up to one moment, with the news?"
)
#: Rounds of the load, of about 210 KB each, and the largest room for a trace.
_ROUNDS = 4
_ROOM = 700_000
_PAGE = 4096

#: A small disk of its own that nobody else sees; the trace is copied from it at the end.
_DISK = (
    'size=$1; full=$2; kept=$3; shift 3; mount -t tmpfs -o "size=$size" full "$full" || exit 99; '
    '"$@"; code=$?; cp "$full"/* "$kept"; exit $code'
)


def rows(scale: Scale, folder: Path) -> Iterator[Row]:
    """A row for each kind of limit and each way to go on."""
    private = private_mounts()
    for disk in (False, True):
        what = "disk full (a small tmpfs)" if disk else "limit on the file's size (RLIMIT_FSIZE)"
        for passes in (False, True):
            name = f"{what}, {'--on-write-error=passthrough' if passes else 'default'}"
            times = max(2, scale.disks // 4)
            if disk and not private:
                yield Row(name, "", note="no private mount namespace here (unshare)", skipped=True)
                continue
            yield _row(name, times, folder / f"disk{disk}{passes}", private if disk else (), passes)


def private_mounts() -> Sequence[str]:
    """The command that gives its child mounts of its own; empty where there is none."""
    for words in (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount")):
        with contextlib.suppress(OSError):
            tried = [*words, "sh", "-c", "mount -t tmpfs none /mnt"]
            if subprocess.run(tried, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return words
    return ()


def _row(name: str, times: int, folder: Path, private: Sequence[str], passes: bool) -> Row:
    folder.mkdir()
    chance = random.Random(name)
    build = find("qemu-7.2")
    ledger = Ledger(folder / "ledger")
    problems: list[str] = []
    unrecorded = 0
    traces = []
    with start(build, folder, *bare(build), watched=True) as server:
        for number in range(times):
            suffix = ".gz" if number % 2 else ""
            room = chance.randrange(_PAGE, _ROOM // 20 if suffix else _ROOM)
            proxy = _limited(folder, server, f"p{number}{suffix}", room, private, passes)
            traces.append(str(folder / f"p{number}{suffix}.kept/t{suffix}"))
            with Client(proxy.at, f"d{number}", ledger) as client:
                ended = _talk(client, round_of(build.product))
            code = proxy.process.wait()
            said = proxy.said()
            if code != (0 if passes else OutputError.exit_code):
                problems.append(f"{name} {number}, {room} bytes: exit code {code}: {said}")
            if "cannot write" not in said or passes != ("UNRECORDED" in said):
                problems.append(f"{name} {number}: it said only: {said}")
            if passes != ended:
                problems.append(
                    f"{name} {number}: the session {'ended early' if passes else 'went on'}"
                )
    notes = Notes(server)
    if passes:
        tally = Tally()
        for trace in traces:
            found, passed = _up_to_a_moment(trace, ledger, notes)
            tally += found
            unrecorded += passed
    else:
        comparison = Comparison(ledger, notes)
        for trace in traces:
            comparison.trace(trace, cut=True)
        tally = comparison.rest()
    notes.close()
    ledger.close()
    tally.problems += problems
    note = (
        f"the session went on; {unrecorded:,} messages passed after the news"
        if passes
        else "stopped, exit code 3"
    )
    return Row(name, f"{times} times, half compressed", tally, note=note)


def _limited(
    folder: Path, server: Server, name: str, room: int, private: Sequence[str], passes: bool
) -> Proxy:
    """A recorder with `room` bytes for its trace, which ends with the first session."""
    kept = folder / f"{name}.kept"
    kept.mkdir()
    suffix = ".gz" if name.endswith(".gz") else ""
    place = kept
    wrapper: Sequence[str] = ("prlimit", f"--fsize={room}:{room}")
    if private:
        place = folder / f"{name}.disk"
        place.mkdir()
        size = str(-(-room // _PAGE) * _PAGE + _PAGE)  # whole pages, and one for the folder
        wrapper = (*private, "sh", "-c", _DISK, "sh", size, str(place), str(kept))
    mode = "passthrough" if passes else "stop"
    return Proxy(
        folder,
        server.path,
        name,
        trace=os.path.relpath(place / f"t{suffix}", folder),
        options=("--once", "--on-write-error", mode),
        wrapper=wrapper,
        listening=True,
    )


def _talk(client: Client, names: Sequence[str]) -> bool:
    """Say all there is to say, or as much as is taken; gives whether it was all."""
    try:
        client.negotiate_once()
        for _ in range(_ROUNDS):
            client.send(*names)
            client.answers(len(names))
    except (EOFError, OSError):
        client.drain()
        return False
    return True


def _up_to_a_moment(trace: str, ledger: Ledger, notes: Notes) -> tuple[Tally, int]:
    """The trace must be how each stream begins; what came after it is not a loss, and is counted."""
    tally = Tally()
    passed = 0
    for session in recorded(trace):
        tally.sessions += 1
        tally.messages += session.client.count(b"\n") + session.server.count(b"\n")
        stream = ledger.of(session.name)
        if stream is None:
            tally.found(f"{trace}, a session that nobody had", 0, 1)
            continue
        tally.found(
            trace,
            not stream.sent.startswith(session.client)
            or not stream.received.startswith(whole(session.server)),
            len(missing(session.client, stream.sent))
            + len(missing(session.server, notes.sent(session.name))),
        )
        passed += stream.sent.count(b"\n") - session.client.count(b"\n")
        passed += stream.received.count(b"\n") - session.server.count(b"\n")
    return tally, passed
