"""What was found in public files, and what a reader found when reading them against the findings.

`judge` converts and checks one file.  `Classes` holds what somebody who has read the file says of
each finding (``wild.toml``): which of `CLASSES` it belongs to, and why.  A finding of which
nothing is said yet has the class `OPEN`, and so has one in a file that its row does not name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from qmpconf.check.checking import check_trace
from qmpconf.check.unjudged import Unjudged
from qmpconf.errors import QmpconfError
from qmpconf.findings import Group
from qmpconf.trace.convert.converting import convert

#: What a finding can be, with what that means.
CLASSES: Mapping[str, str] = {
    "true": "the file does hold what the finding says",
    "document": "the catalog is made from a document, and the document is wrong",
    "form": "the form of the file cannot hold what is missing, or masks it; nobody is blamed",
    "false": "a false alarm",
}
OPEN = "not classified"


@dataclass(frozen=True, slots=True)
class Judged:
    """One file: what was read, and what was found.

    `name` begins with the release ("qemu-7.2/085.out"); `format` is the one that was guessed.
    `missed` are lines that were not understood, of which `first_missed` has the first few.
    `failed` says why it could not be read, "" if it could.
    """

    name: str
    format: str = ""
    sessions: int = 0
    messages: int = 0
    prose: int = 0
    missed: int = 0
    first_missed: tuple[tuple[int, str], ...] = ()
    damage: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    failed: str = ""


def judge(path: Path, name: str, scratch: Path, schema: str = "auto") -> Judged:
    """Convert the file `path`, and check what came of it against `schema`."""
    trace = scratch / "judged.qmptrace"
    try:
        done = convert(str(path), str(trace), overwrite=True)
        outcome = check_trace(str(trace), schema)
    except QmpconfError as error:
        return Judged(name, failed=str(error).replace(str(path), path.name))
    notes = done.notes
    damage = [text for is_damage, _, text in notes.told() if is_damage]
    return Judged(
        name,
        done.source.name,
        outcome.sessions,
        outcome.messages,
        notes.prose,
        notes.misses,
        tuple(notes.missed_lines),
        tuple(damage + ([str(done.failed)] if done.failed else [])),
        tuple(outcome.schemas),
        tuple(outcome.groups),
        outcome.unjudged,
    )


@dataclass(frozen=True, slots=True)
class Class:
    """What a reader says of some findings in the files that fit `files`.

    `finding` is their fingerprint, or a requirement whose findings do nothing but quote the file.
    `name` is one of `CLASSES`, `fault` says whose fault it is, `reason` what the file holds there.
    """

    finding: str
    files: tuple[str, ...]
    name: str
    fault: str
    reason: str

    def holds(self, group: Group, file: str) -> bool:
        """Whether it is about that finding in that file."""
        known = self.finding in (group.fingerprint, group.first.requirement)
        return known and any(fnmatchcase(file, one) for one in self.files)


class Classes:
    """All that readers have said; `unused` are the rows that no finding asked for."""

    def __init__(self, rows: Iterable[Class]) -> None:
        self._rows = list(rows)
        self.unused = list(self._rows)

    @classmethod
    def load(cls, path: Path) -> Classes:
        """The rows of a TOML file.  Raises ValueError for a class that there is not."""
        rows = []
        for row in tomllib.loads(path.read_text(encoding="utf-8")).get("read", []):
            if row["class"] not in CLASSES:
                raise ValueError(f"{path}: {row['finding']}: no class {row['class']!r}")
            known = ("finding", "files", "class", "fault", "reason")
            finding, files, name, fault, reason = (row[one] for one in known)
            rows.append(Class(finding, tuple(files), name, fault, reason))
        return cls(rows)

    def of(self, group: Group, file: str) -> Class | None:
        """What is said of a finding; None if nothing is."""
        for row in self._rows:
            if row.holds(group, file):
                if row in self.unused:
                    self.unused.remove(row)
                return row
        return None
