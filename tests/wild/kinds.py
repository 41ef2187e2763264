"""Kinds of public reports with QMP in them: for each an input, a question and the right answer.

A *kind* is one table of ``kinds.toml``: where such reports are found, what is asked there, the
file of ``samples`` that has their shape, and what `qmpconf convert` and `qmpconf check` have to
say to it.  All ids, names and hosts in the samples are neutral, and nothing is copied.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmpconf.check.checking import check_trace
from qmpconf.cli.main import main
from qmpconf.errors import QmpconfError
from qmpconf.trace.convert.converting import Converted, convert

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"

#: What the tool can do for a report, with the number of such kinds printed in this order.
ANSWERS = ("helped", "said")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of report.

    `name`, `where` and `asks` tell people what it is.  `file` is the sample, `options` what has to
    be said to `convert`, `schema` what to `check`.  Right is: the guessed `format`, so many
    `sessions` and `messages`, `missed` lines that are not understood; exit codes `converts` and
    `checks`; exactly the errors and warnings `finds` ("severity blame requirement subject
    pointer"), and notes on `notes`; outputs in which all of `tells` are found and none of
    `never`.  `answer` is one of `ANSWERS`, `says` puts it in words.
    """

    name: str
    where: str
    asks: str
    file: str
    answer: str
    says: str
    format: str = ""
    options: tuple[str, ...] = ()
    schema: str = "auto"
    sessions: int = 1
    messages: int = 0
    missed: int = 0
    converts: int = 0
    checks: int = 0
    finds: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tool did with a sample; `told` is all that both verbs printed."""

    format: str
    sessions: int
    messages: int
    missed: int
    converts: int
    checks: int
    finds: tuple[str, ...]
    told: str


def load(path: Path = HERE / "kinds.toml") -> tuple[Kind, ...]:
    """All kinds, in the order of the file."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["kind"]
    return tuple(
        Kind(**{key: tuple(one) if isinstance(one, list) else one for key, one in table.items()})
        for table in tables
    )


KINDS = load()


def seen(kind: Kind, folder: Path) -> Seen:
    """Convert and check the sample of `kind`; files go to `folder`."""
    trace = folder / "report.qmptrace"
    source = str(SAMPLES / kind.file)
    converts, told = _run(["convert", *kind.options, source, str(trace)])
    done = _converted(kind, folder)
    if done is None or not trace.exists():
        return Seen("", 0, 0, 0, converts, 0, (), told)
    checks, also = _run(["check", "--schema", kind.schema, str(trace)])
    found: tuple[str, ...] = ()
    if kind.schema != "all":
        groups = check_trace(str(trace), kind.schema).groups
        found = tuple(
            f"{one.severity} {one.blame} {one.requirement} {one.subject} {one.pointer}".strip()
            for one in (group.first for group in groups)
            if one.severity != "note"
        )
    return Seen(
        done.source.name,
        done.sessions,
        done.messages,
        done.notes.misses,
        converts,
        checks,
        found,
        told + also,
    )


def _run(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a verb as from a shell: its exit code, and what it printed."""
    output = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "400"
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main(arguments)
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return code, output.getvalue()


def _converted(kind: Kind, folder: Path) -> Converted | None:
    """What a conversion of the sample gives; None for one that holds nothing."""
    name = kind.options[kind.options.index("--from") + 1] if "--from" in kind.options else ""
    with contextlib.suppress(QmpconfError):
        return convert(str(SAMPLES / kind.file), str(folder / "again.qmptrace"), from_format=name)
    return None


def wrong(kind: Kind, result: Seen) -> list[str]:
    """What is not as it should be, in words; empty where the answer is right."""
    bad = []
    for name in ("format", "sessions", "messages", "missed", "converts", "checks"):
        want, got = getattr(kind, name), getattr(result, name)
        if want != got:
            bad.append(f"{name}: {got!r} instead of {want!r}")
    bad += [f"not found: {one}" for one in kind.finds if one not in result.finds]
    bad += [f"a false alarm: {one}" for one in result.finds if one not in kind.finds]
    bad += [f"does not say {one!r}" for one in kind.tells if not re.search(one, result.told)]
    bad += [f"says {one!r}" for one in kind.never if re.search(one, result.told)]
    return bad
