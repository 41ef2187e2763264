"""The documents beside the code: every citation leads to a section, every link to a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("qmpconf", "tests", "traces")

#: ``qmpconf/trace/README.md, What a recorder does``, perhaps over a line's end.
CITATION = re.compile(
    r"(qmpconf/(?:[a-z]+/)*README\.md),\s+(?:#: )?([A-Z][A-Za-z -]*(?:\s+(?:#: )?[a-z]+)*)"
)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([^)\s]*))?\)")


def sections(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


def citations() -> Iterator[tuple[str, str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path == Path(__file__):
                continue
            for found in CITATION.finditer(path.read_text(encoding="utf-8")):
                words = re.sub(r"\s+(?:#: )?", " ", found[2])
                yield str(path.relative_to(ROOT)), found[1], words


def documents() -> list[Path]:
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "qmpconf").rglob("*.md"), ROOT / "traces/README.md"]
    )


def test_every_citation_leads_to_a_section() -> None:
    found = list(citations())
    assert len(found) > 25
    for where, document, words in found:
        names = sections(ROOT / document)
        assert any(words == name or words.startswith(f"{name} ") for name in names), (
            f"{where} cites {document}, {words!r}: it has {sorted(names)}"
        )


def test_nothing_looks_outside_the_repository() -> None:
    """Folders beside it are named by environment variables alone (QMPCONF_DOCUMENTS)."""
    outside = ["shared" + "/documents", *(f"{up}shared" for up in ("../", '.parent / "'))]
    files = [
        ROOT / ".ci/run",
        *ROOT.glob("*.*"),
        *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")),
        *(ROOT / ".github").rglob("*.yml"),
    ]
    texts = [path for path in files if path.suffix in {"", ".py", ".md", ".toml", ".yml", ".sh"}]
    read = [path for path in texts if path.is_file()]
    assert len(read) > 500
    for path in read:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [one for one in outside if one in text], path


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        there = path.parent / target
        assert there.exists(), f"{path.name} links to {target}"
        if anchor and there.suffix == ".md":
            slugs = {
                re.sub(r"[^\w -]", "", name).lower().replace(" ", "-") for name in sections(there)
            }
            assert anchor in slugs, f"{path.name} links to {target}#{anchor}"
