"""A check against a document: what it contradicts, and what it leaves out, blames nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from qmpconf.check.basis import Basis
from qmpconf.check.checking import Outcome, check
from qmpconf.check.choice import Choose, Fixed
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import VERSION, write

if TYPE_CHECKING:
    from pathlib import Path

    from qmpconf.schema.model import Catalog

LAMPS = """\
Lamps
-----

paint-lamp
----------

Arguments:

- "colour": which one (json-string)
- "coats": how many (json-int)

Example:

-> { "execute": "paint-lamp", "arguments": { "colour": "red", "gloss": 1 } }
<- { "return": {} }

query-lamp
----------

Return a json-object with the following information:

- "level": how bright (json-int)

Example:

-> { "execute": "query-lamp" }
<- { "return": { "level": "full" } }
"""

OPENING = [
    f'< {{"QMP": {{"version": {VERSION}, "capabilities": []}}}}',
    '> {"execute": "qmp_capabilities"}',
    '< {"return": {}}',
]
EVENT = '< {"event": "BLOWN", "timestamp": {"seconds": 1, "microseconds": 1}}'


def lamps(partial: str = "") -> Catalog:
    found = compile_document(LAMPS).catalog
    return replace(found, source=replace(found.source, title="lamps.txt", partial=partial))


def judged(path: Path, script: list[str], choose: Choose) -> Outcome:
    return check(TraceReader(str(write(path, [*OPENING, *script]))), choose)


def told(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    return sorted(
        (one.first.severity, one.first.blame, one.first.requirement, one.first.pointer)
        for one in outcome.groups
    )


def choice(catalog: Catalog, how: str) -> Choose:
    """As the user names a catalog, or as it is chosen."""
    if how == "named":
        return Fixed(catalog)
    basis = Basis(catalog)
    return lambda *_: basis


HOW = pytest.mark.parametrize("how", ["named", "chosen"])


@HOW
def test_the_documents_own_examples_blame_the_document(tmp_path: Path, how: str) -> None:
    script = [
        '> {"execute": "paint-lamp", "arguments": {"colour": "blue", "gloss": 2}}',
        '< {"return": {}}',
        '> {"execute": "query-lamp"}',
        '< {"return": {"level": "none"}}',
    ]
    found = judged(tmp_path / "t", script, choice(lamps(), how))
    assert told(found) == [
        ("note", "document", "schema.document", "/arguments"),
        ("note", "document", "schema.document", "/arguments/gloss"),
        ("note", "document", "schema.document", "/return/level"),
    ]
    sources = {one.first.pointer: one.first.source for one in found.groups}
    assert sources["/arguments"] == "lamps.txt, line 14"
    assert sources["/return/level"] == "lamps.txt, line 27"
    words = {one.first.pointer: one.first.message for one in found.groups}
    assert words["/arguments"] == (
        "member 'coats' is missing; the document's own line 14 leaves it out, too"
    )
    assert words["/arguments/gloss"] == (
        "member 'gloss' is unknown here; the document's own line 14 has it, too"
    )


@HOW
def test_what_is_stated_is_an_error_all_the_same(tmp_path: Path, how: str) -> None:
    script = [
        '> {"execute": "paint-lamp", "arguments": {"colour": 5, "coats": "two"}}',
        '< {"error": {"class": "GenericError", "desc": "x"}}',
        '> {"execute": "query-lamp"}',
        '< {"return": {}}',
    ]
    found = judged(tmp_path / "t", script, choice(lamps(), how))
    assert told(found) == [
        ("error", "client", "schema.arguments", "/arguments/coats"),
        ("error", "client", "schema.arguments", "/arguments/colour"),
        ("error", "server", "schema.return", "/return"),
    ]


@HOW
def test_a_fragment_makes_no_error_of_anything(tmp_path: Path, how: str) -> None:
    script = [
        '> {"execute": "paint-lamp", "arguments": {"colour": 5, "fast": true}}',
        '< {"return": {}}',
        '> {"execute": "query-lamp"}',
        '< {"return": {}}',
        '> {"execute": "mend-lamp"}',
        '< {"return": {}}',
        EVENT,
    ]
    found = judged(tmp_path / "t", script, choice(lamps("it has two lamps"), how))
    assert {one.first.severity for one in found.groups} == {"note"}
    blamed = [one.first.message for one in found.groups if one.first.blame == "document"]
    assert "is not a string; the document is a fragment: it has two lamps" in blamed
    lacks = [(one.kind, one.text) for one in found.unjudged]
    assert ("event", "qemu-doc does not describe BLOWN (it has two lamps)") in lacks
    if how == "named":
        assert ("call", "mend-lamp (qemu-doc does not describe it: it has two lamps)") in lacks


def test_a_document_of_commands_says_that_it_has_no_events(tmp_path: Path) -> None:
    found = judged(tmp_path / "t", [EVENT], choice(load_shipped("qemu-1.6.2-doc"), "chosen"))
    assert told(found) == []
    (lack,) = found.unjudged
    assert (lack.kind, lack.text) == ("event", "qemu-1.6.2-doc does not describe BLOWN")


@HOW
def test_introspection_has_no_doubts(tmp_path: Path, how: str) -> None:
    script = [
        '> {"execute": "block_resize", "arguments": {"size": "1M"}}',
        '< {"error": {"class": "GenericError", "desc": "x"}}',
    ]
    found = judged(tmp_path / "t", script, choice(load_shipped("qemu-7.2.22"), how))
    assert told(found) == [("error", "client", "schema.arguments", "/arguments/size")]
