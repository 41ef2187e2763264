"""One case: an input, a command line, peers; run in this process, and judged.

What is judged: the exit code is a documented one; nothing that was printed is a traceback or an
error of Python's own; the time and the memory that it took; the inputs are as they were; and an
output is whole, or as it was before.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from unittest.mock import patch

from qmpconf.cli.main import main
from qmpconf.errors import QmpconfError
from qmpconf.trace.reader import TraceReader
from tests.fuzz import headless
from tests.fuzz.mutate import mutated
from tests.fuzz.peers import peer
from tests.fuzz.seeds import LISTS, Seeds
from tests.fuzz.target import Target
from tests.fuzz.targets import WRITTEN

#: Exit codes (qmpconf/README.md, Exit codes); 4 only where there is a peer.
DOCUMENTED = (0, 1, 2, 3, 4, 130)

#: Seconds of processor time that a case may take, and bytes of memory that it may add.
MOST_SECONDS, MOST_MEMORY = 20, 240 << 20

#: What no user should read: Python's own words.
_WORDS = re.compile(
    r"Traceback \(most recent|internal error|\b(?:Key|Type|Attribute|Value|Index|Recursion|Assertion|Memory|Overflow|Name|Lookup"
    r"|ZeroDivision|Unicode\w+|Runtime|Validation|Decode)Error\b|maximum recursion depth|4300 digits|object has no attribute"
    r"|codec can't encode|object is not (?:subscriptable|iterable|callable)|unhashable type|not supported between instances|\.py:\d+: \w*Warning"
    r"|string indices must be|takes \d+ positional arguments|surrogates not allowed|object at 0x[0-9a-f]{6}"
)


@dataclass(slots=True)
class Case:
    """A command line with placeholders, the input's name and bytes, and whether an output was there.

    `seed` is what the input was made of.
    """

    target: Target
    words: list[str]
    name: str
    data: bytes
    old: bool = False
    seed: bytes = b""

    @property
    def command(self) -> str:
        """For people."""
        return "qmpconf " + " ".join(self.words)


@dataclass(slots=True)
class Outcome:
    """What came of a case: `wrong` is empty where all is as it should be; `key` tells faults apart."""

    code: int = 0
    wrong: str = ""
    key: str = ""
    details: str = ""
    seconds: float = 0.0


def made(target: Target, rng: Random, seeds: Seeds) -> Case:
    """A case for a target: one of its inputs, changed."""
    name, data = rng.choice(seeds.by_kind[target.kind])
    kind = "toml" if target.kind in LISTS else target.kind
    others = [one for _, one in seeds.by_kind[target.kind]]
    seed, data = data, mutated(rng, kind, data, seeds.pool, others)
    if kind == "words" and target.reads.rpartition(" ")[2] in WRITTEN:
        data = data.replace(b"/", b"_")  # writes nowhere else
    if kind == "words" and data.startswith(b"/"):
        data = b"." + data  # not the whole machine
    words = target.words(rng)
    if "{in}" in words and rng.random() < 0.05:
        name = rng.choice(_NAMES) + name
    old = bool(target.out) and rng.random() < 0.5
    if old and "{out}" in words and target.out != "other":
        words.append("--force")
    if "--" in words and "--force" in words[words.index("--") :]:
        words.remove("--force")
        old = False
    return Case(target, words, name, data, old, seed)


#: How names of files may begin, too.
_NAMES = (
    "a\nb",
    "\n::error::x ",
    " ",
    "'",
    '"',
    "\x1b[31m",
    "é",
    "\udcff",
    "%n",
    "{in}",
    "--x",
    "a" * 200,
)


class TooLongError(BaseException):
    """The case took more processor time than any may."""


def run(case: Case, fixed: Mapping[str, str], folder: Path) -> Outcome:
    """Run a case in `folder`, which is empty, and judge it."""
    place = folder / case.name
    place.write_bytes(case.data)
    (folder / "seed").write_bytes(case.seed or case.data)
    (folder / "fixed").exists() or (folder / "fixed").symlink_to(Path(fixed["known"]).parent)
    out = folder / f"out{_ENDINGS.get(case.target.out, '')}"
    if case.target.named.startswith("to-"):
        out = folder / "out.bin"
    before = _old(case, out, fixed)
    names = {
        **fixed,
        "in": str(place),
        "out": str(out),
        "sock": str(folder / "peer.sock"),
        "seed": str(folder / "seed"),
        "word": os.fsdecode(case.data.replace(b"\0", b"")),
        "dies": "false {socket}",
    }
    words = [_filled(word, names) for word in case.words]
    outcome = Outcome()
    with (
        _captured(folder) as printed,
        peer(case.target.peer, names["sock"], str(place), case.data),
    ):
        memory = _settle_memory()
        began = _cpu()
        try:
            with _limited():
                outcome.code = _called(words)
        except TooLongError as error:
            _judge(
                outcome,
                "takes too long",
                f"slow {case.target.reads}",
                "".join(traceback.format_exception(error))[-3000:],
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
            _judge(
                outcome,
                f"raises {type(error).__name__}",
                _key(error),
                "".join(traceback.format_exception(error))[-3000:],
            )
        outcome.seconds = _cpu() - began
        grown = _peak_memory() - memory
    said = printed()
    _look(case, outcome, said, grown)
    if not outcome.wrong:
        _files(case, outcome, place, out, before)
    return outcome


_ENDINGS = {
    "trace": ".qmptrace",
    "result": ".qmpresult",
    "catalog": ".json",
    "list": ".toml",
    "page": ".txt",
    "schema": ".json",
}


def _filled(word: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _called(words: Sequence[str]) -> int:
    try:
        with patch("qmpconf.cli.view._drawn", lambda _path: headless):
            return main(words)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1


def _judge(outcome: Outcome, wrong: str, key: str, details: str = "") -> None:
    if not outcome.wrong:
        outcome.wrong, outcome.key, outcome.details = wrong, key, details


def _key(error: BaseException) -> str:
    """The kind of the exception, and the innermost place of ours on its way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "/qmpconf/" in one.filename and "/tests/" not in one.filename]
    place = f"{ours[-1].filename.rpartition('/qmpconf/')[2]}:{ours[-1].name}" if ours else "?"
    return f"{type(error).__name__} {place}"


def _look(case: Case, outcome: Outcome, said: str, grown: int) -> None:
    """Judge exit code, words and memory."""
    if outcome.code not in DOCUMENTED and not outcome.wrong:
        _judge(
            outcome,
            f"exit code {outcome.code}",
            f"code {outcome.code} {case.target.reads}",
            said[-2000:],
        )
    given = case.data.decode("utf-8", "replace")
    for found in _WORDS.finditer(said):
        if found[0] not in given:
            lines = said[max(0, found.start() - 200) : found.end() + 2000]
            _judge(
                outcome,
                f"prints {found[0]!r}",
                f"prints {found[0]} {_raised(said) or case.target.reads}",
                lines,
            )
            break
    if grown > MOST_MEMORY:
        _judge(outcome, f"takes {grown >> 20} MB", f"memory {case.target.reads}")


def _raised(said: str) -> str:
    """The innermost place of ours in a printed traceback."""
    found = re.findall(r'File "[^"]*/qmpconf/([^"]*)", line \d+, in (\S+)', said)
    return ":".join(found[-1]) if found else ""


def _files(case: Case, outcome: Outcome, place: Path, out: Path, before: bytes | None) -> None:
    """Judge what became of the files."""
    updated = "--update" in case.words or "--mode" in case.words
    if not updated and place.read_bytes() != case.data:
        _judge(outcome, "changes its input", f"input {case.target.reads}")
    left = [one.name for one in place.parent.iterdir() if ".new" in one.name]
    if left:
        _judge(outcome, f"leaves {left[0]}", f"leaves {case.target.reads}")
    if not out.exists():
        if before is not None:
            _judge(outcome, "its older output is gone", f"gone {case.target.reads}")
        return
    data = out.read_bytes()
    if data != before and (why := _unfit(case.target.out, out, data)):
        _judge(
            outcome,
            f"its output is not whole (exit code {outcome.code}): {why}",
            f"output {case.target.reads}",
        )


def _unfit(kind: str, out: Path, data: bytes) -> str:
    """Why an output is not whole, or empty."""
    try:
        if kind == "trace":
            reader = TraceReader(str(out))
            for _ in reader.items():
                pass
            return "the last line is torn" if reader.torn else ""
        if kind == "result":
            lines = data.splitlines()
            return (
                ""
                if all(json.loads(one) is not None for one in lines) and b'"finish"' in lines[-1]
                else "no finish"
            )
        if kind in ("catalog", "schema"):
            json.loads(data)
    except (ValueError, QmpconfError, IndexError) as error:
        return str(error)
    return "" if data.endswith(b"\n") or kind in ("other", "") else "the last line is torn"


def _old(case: Case, out: Path, fixed: Mapping[str, str]) -> bytes | None:
    source = {"trace": "good", "result": "check.result", "catalog": "catalog", "list": "masks"}.get(
        case.target.out
    )
    if not case.old or source is None or "{out}" not in case.words:
        return None
    data = Path(fixed[source]).read_bytes()
    out.write_bytes(data)
    return data


# ── guards ───────────────────────────────────────────────────────────────────────────────────


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raise `TooLongError` after so much processor time; the worker's parent looks at the clock."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _settle_memory() -> int:
    """Forget the peak, and give what is in use, in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _peak_memory() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return 0


@contextlib.contextmanager
def _captured(folder: Path) -> Iterator[object]:
    """Standard output and error, also of children, go to one file; gives who reads it."""
    path = folder / "printed"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    kept = {number: os.dup(number) for number in (1, 2)}
    streams = sys.stdout, sys.stderr
    here = os.getcwd()
    arguments = sys.argv
    raised: list[str] = []
    hook, threading.excepthook = (
        threading.excepthook,
        lambda args: raised.append(
            "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        ),
    )
    for number in (1, 2):
        os.dup2(file, number)
    sys.stdout = io.TextIOWrapper(os.fdopen(os.dup(file), "wb"), encoding="utf-8", errors="strict")
    sys.stderr = io.TextIOWrapper(
        os.fdopen(os.dup(file), "wb", 0),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )
    os.chdir(folder)
    sys.argv = ["qmpconf", "fuzz"]
    try:
        yield lambda: path.read_text(encoding="utf-8", errors="replace") + "".join(raised)
    finally:
        threading.excepthook = hook
        os.chdir(here)
        sys.argv = arguments
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        sys.stdout, sys.stderr = streams
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(file)
