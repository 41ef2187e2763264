"""What qmpconf says of public files that hold QMP, read and classified: ``reports/wild.md``.

::

    python -m tests.real.wild [--offline] -o reports/wild.md

1. The ``.replies`` files of the libvirt releases in Debian's source packages.
2. The reference outputs of QEMU's iotests that hold QMP, of the QEMU releases there.
3. Kinds of public reports with QMP in them, each with a small input in that shape (`tests.wild`).

Every file is converted and checked as a user would do it.  What was found is held against
``wild.toml``, in which somebody who has read the file has said what each finding is; whatever is
not in there, and whatever is in there and was not found, is named, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tabulate import tabulate

from qmpconf.findings import Group
from tests.real.builds import BuildError
from tests.real.judged import CLASSES, OPEN, Classes, Judged, judge
from tests.real.sources import Sources, sources
from tests.wild.kinds import ANSWERS, KINDS, seen, wrong

COMMAND = "python -m tests.real.wild"
CLASSIFIED = Path(__file__).with_suffix(".toml")

#: A file that holds a message of QMP, whole or in part.
_QMP = re.compile(
    rb"[\"'](?:execute|exec-oob|return|QMP)[\"']\s*:|[\"']event[\"']\s*:\s*[\"'][A-Z]"
)

#: QEMU's iotests mask the version in the greeting: release -> the catalog that fits.
CATALOGS = {
    "5.2": "qemu-5.2.0",
    "7.2": "qemu-7.2.22",
    "10.0.2": "qemu-10.0.13",
    "10.0.13": "qemu-10.0.13",
}


@dataclass
class Part:
    """All files of one origin, judged; `also` names further places of files that are the same."""

    judged: list[Judged] = field(default_factory=list)
    also: dict[str, list[str]] = field(default_factory=dict)
    without: int = 0
    missing: list[str] = field(default_factory=list)
    releases: list[Sources] = field(default_factory=list)


def part(package: str, ending: str, *, offline: bool) -> Part:
    """Judge all files of `package` with that ending; equal ones that are judged equally once."""
    found = Part()
    found.releases, found.missing = sources(package, offline=offline)
    first: dict[tuple[str, bytes, str], str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for release in found.releases:
            schema = CATALOGS.get(release.release, "auto") if package == "qemu" else "auto"
            for path in sorted(release.folder.rglob(f"*{ending}")):
                text = path.read_bytes()
                if not _QMP.search(text):
                    found.without += 1
                    continue
                name = f"{package}-{release.release}/{path.name}"
                key = (path.name, sha256(text).digest(), schema)
                if key in first:
                    found.also[first[key]].append(name)
                    continue
                first[key] = name
                found.also[name] = []
                found.judged.append(judge(path, name, Path(scratch), schema))
    return found


@dataclass
class Sum:
    """Findings of one fingerprint and class, over all files."""

    first: Group
    name: str
    fault: str
    reason: str
    files: list[str] = field(default_factory=list)
    count: int = 0


def sums(judged: Iterable[Judged], classes: Classes) -> list[Sum]:
    """The findings, equal ones together: what is not classified first, then the worst first."""
    found: dict[tuple[str, str, str], Sum] = {}
    for file in judged:
        for group in file.groups:
            row = classes.of(group, file.name)
            name, fault, reason = (row.name, row.fault, row.reason) if row else (OPEN, "", "")
            one = found.setdefault(
                (group.fingerprint, name, reason), Sum(group, name, fault, reason)
            )
            one.files.append(file.name)
            one.count += group.count
    order = {name: place for place, name in enumerate((OPEN, "false", "true", "document", "form"))}
    return sorted(
        found.values(),
        key=lambda one: (
            order[one.name],
            ("error", "warning", "note").index(one.first.first.severity),
            -len(one.files),
            one.first.fingerprint,
        ),
    )


def page(parts: Sequence[tuple[str, Part]], classes: Classes) -> Iterator[str]:
    """The report, line by line."""
    judged = [one for _, found in parts for one in found.judged]
    found = sums(judged, classes)
    yield "# Public files and reports\n"
    yield f"Made by `{COMMAND} -o reports/wild.md`.\n"
    yield from _head(judged, found, classes)
    for title, one in parts:
        yield f"## {title}\n"
        yield from _origin(one)
        yield from _findings(sums(one.judged, classes))
        yield from _lacks(one.judged)
        yield from _files(one)
    yield from kinds()


def _head(judged: Sequence[Judged], found: Sequence[Sum], classes: Classes) -> Iterator[str]:
    names = {name: [one for one in found if one.name == name] for name in (*CLASSES, OPEN)}
    rows = [
        ("files", f"{len(judged):,}"),
        ("sessions", f"{sum(one.sessions for one in judged):,}"),
        ("messages read", f"{sum(one.messages for one in judged):,}"),
        ("lines passed over as prose", f"{sum(one.prose for one in judged):,}"),
        ("lines not understood", f"{sum(one.missed for one in judged):,}"),
        ("files that could not be read", f"{sum(bool(one.failed) for one in judged):,}"),
        *(
            (
                f"findings: {CLASSES.get(name, OPEN)}",
                f"{len(ones):,} kinds, {sum(one.count for one in ones):,} times",
            )
            for name, ones in names.items()
        ),
    ]
    yield tabulate(rows, ("", ""), "github", disable_numparse=True) + "\n"
    if names[OPEN] or classes.unused:
        yield "**Not finished.** "
        for one in names[OPEN]:
            yield f"- not classified: `{one.first.fingerprint}` in {one.files[0]}: {_what(one)}"
        for row in classes.unused:
            yield f"- classified, and not found: `{row.finding}` in {', '.join(row.files)}"
        yield ""


def _origin(found: Part) -> Iterator[str]:
    rows = [
        (
            f"{one.package} {one.release}",
            ", ".join(f"{version} ({suite})" for suite, version in one.debian),
        )
        for one in found.releases
    ]
    yield tabulate(rows, ("upstream release", "Debian source package"), "github") + "\n"
    for one in found.missing:
        yield f"- Not had: {one}."
    if found.missing:
        yield ""
    if found.without:
        yield f"{found.without:,} further files hold no QMP.\n"


def _what(one: Sum) -> str:
    first = one.first.first
    subject = " ".join(filter(None, (first.subject, first.pointer)))
    return f"{f'{subject}: ' if subject else ''}{first.message}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _findings(found: Sequence[Sum]) -> Iterator[str]:
    if not found:
        yield "No findings.\n"
        return
    head = ("finding", "blames", "rule", "files", "times", "class", "whose fault", "why")
    rows = [
        (
            f"{one.first.first.severity}: {_what(one)} (`{one.first.fingerprint}`)",
            one.first.first.blame,
            one.first.first.requirement,
            str(len(one.files)),
            f"{one.count:,}",
            one.name,
            one.fault,
            one.reason,
        )
        for one in found
    ]
    yield _table(rows, head)


def _lacks(judged: Sequence[Judged]) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    files: Counter[tuple[str, str]] = Counter()
    for file in judged:
        for one in file.unjudged:
            counts[one.kind, one.text] += one.count
            files[one.kind, one.text] += 1
    if counts:
        yield "Not judged, and said so:\n"
        rows = [
            (kind, text, str(files[kind, text]), f"{count:,}")
            for (kind, text), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        ]
        yield _table(rows, ("kind", "what", "files", "times"))


def _files(found: Part) -> Iterator[str]:
    head = ("file", "format", "sessions", "messages", "prose", "not understood", "schema")
    rows = []
    for one in found.judged:
        others = [name.partition("/")[0] for name in found.also[one.name]]
        name = one.name + (f" (same in {', '.join(others)})" if others else "")
        if one.failed:
            rows.append((name, one.failed, "", "", "", "", "", ""))
            continue
        schema = "; ".join(one.schemas) or "none"
        counts = Counter(group.first.severity for group in one.groups)
        kinds_of = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        numbers = (one.sessions, one.messages, one.prose, one.missed)
        rows.append((name, one.format, *(f"{number:,}" for number in numbers), schema, kinds_of))
    yield "<details><summary>All files</summary>\n"
    yield _table(rows, (*head, "kinds of findings"))
    missed = [(one, line, text) for one in found.judged for line, text in one.first_missed]
    if missed:
        yield "The first lines of each file that were not understood:\n"
        yield "".join(f"- {one.name}:{line}: `{text}`\n" for one, line, text in missed)
    damage = [(one.name, text) for one in found.judged for text in one.damage]
    if damage:
        yield "Damage:\n"
        yield "".join(f"- {name}: {text}\n" for name, text in damage)
    yield "</details>\n"


def _table(rows: Iterable[Sequence[str]], head: Sequence[str]) -> str:
    cells = [[_cell(cell) for cell in row] for row in rows]
    return tabulate(cells, head, "github", disable_numparse=True) + "\n"


def kinds() -> Iterator[str]:
    """The table of kinds of public reports."""
    rows = []
    answers: Counter[str] = Counter()
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            result = seen(kind, Path(folder))
        bad = wrong(kind, result)
        answer = "wrong" if bad else kind.answer
        answers[answer] += 1
        rows.append(
            (
                kind.name,
                kind.where,
                kind.asks,
                result.format or "none",
                f"{result.messages:,}",
                f"**{answer}**",
                "; ".join(bad) if bad else kind.says,
            )
        )
    yield "## Kinds of public reports\n"
    yield (
        "What people paste, where it is found, and what it is asked for. The inputs are small ones "
        "of our own in the same shape (`tests/wild/samples`), with the right answer beside each "
        "(`tests/wild/kinds.toml`); nothing in them is copied. *Helped*: the tool found what the "
        "report is about, or says rightly that there is nothing. *Said*: the tool said what it "
        "could not judge, and why. *Wrong*: it said something wrong, or kept silent.\n"
    )
    told = ", ".join(f"{answers[name]} {name}" for name in (*ANSWERS, "wrong"))
    yield f"{len(KINDS)} kinds: {told}.\n"
    yield _table(rows, ("kind", "found", "asked", "read as", "messages", "answer", "says"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; exit code 1 if it is not finished or wrong, 4 when sources are missing."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument("-o", "--output", type=Path, help="the report (default: stdout)")
    parser.add_argument("--offline", action="store_true", help="use what was fetched before")
    options = parser.parse_args(arguments)
    classes = Classes.load(CLASSIFIED)
    try:
        parts = [
            ("libvirt's .replies files", part("libvirt", ".replies", offline=options.offline)),
            ("QEMU's iotests", part("qemu", ".out", offline=options.offline)),
        ]
    except BuildError as error:
        print(error, file=sys.stderr)
        return 4
    text = "\n".join(page(parts, classes)) + "\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    unfinished = "**Not finished.**" in text or "**wrong**" in text
    if unfinished:
        print("the report is not finished, or names something wrong: see there", file=sys.stderr)
    return int(unfinished)


if __name__ == "__main__":
    sys.exit(main())
