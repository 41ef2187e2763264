"""The corpus: inputs that showed a fault, as short as they were made, and the list of them.

``findings.toml`` has a table for each: the file, the target, the words of the command line, the
fault, and how it was mended (empty, until somebody writes it).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.cases import Case, Outcome
from tests.fuzz.targets import BY_NAME

FOLDER = Path(__file__).parent / "corpus"
LIST = "findings.toml"

#: Files that are longer are compressed; their names end so.
_LONG, _PACKED = 1000, ".packed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding: its file in the corpus, and the rest of its table; `name` is JSON, in ASCII."""

    file: str
    target: str
    words: tuple[str, ...]
    old: bool
    name: str
    fault: str
    mended: str
    folder: Path = FOLDER

    def case(self) -> Case:
        """The case that showed the fault."""
        data = (self.folder / self.file).read_bytes()
        if self.file.endswith(_PACKED):
            data = gzip.decompress(data)
        return Case(BY_NAME[self.target], list(self.words), json.loads(self.name), data, self.old)


def entries(folder: Path = FOLDER) -> list[Entry]:
    """All findings of a corpus, in the order of its list."""
    path = folder / LIST
    if not path.exists():
        return []
    tables = tomllib.loads(path.read_text(encoding="utf-8")).get("finding", [])
    return [Entry(**{**one, "words": tuple(one["words"])}, folder=folder) for one in tables]


def keep(case: Case, outcome: Outcome, folder: Path = FOLDER) -> str:
    """Write a finding's file and its table; gives the file's name."""
    data = case.data
    digest = hashlib.sha256(outcome.key.encode() + data).hexdigest()[:8]
    plain = "".join(
        char for char in case.name if char.isascii() and (char.isalnum() or char in ".-")
    )
    name = f"{case.target.verb.replace(' ', '-')}-{digest}-{plain[-40:]}"
    if len(data) > _LONG and not data.startswith(b"\x1f\x8b"):
        data, name = gzip.compress(data, mtime=0), name + _PACKED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    table = {
        "file": name,
        "target": case.target.name,
        "words": case.words,
        "old": case.old,
        "name": json.dumps(case.name),
        "fault": f"{outcome.wrong} ({outcome.key})",
        "mended": "",
    }
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    with open(folder / LIST, "a", encoding="utf-8") as file:
        file.write("\n[[finding]]\n" + "".join(lines))
    return name
