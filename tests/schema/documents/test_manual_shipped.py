"""The shipped catalogs of the reference manuals: what is in them, and that they are made anew.

The comparison with the document runs where QMPCONF_DOCUMENTS names the folder that holds it.
Debian's pages are compared in tests/real.
"""

from __future__ import annotations

import json

import pytest

from qmpconf.schema import store
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.documents.result import Compilation
from qmpconf.schema.model import Alternate, Enum, Object
from qmpconf.schema.walk import shape_of
from tests.schema.documents.given import document

MANUALS = [name for name in store.shipped() if name.endswith("-doc")]
NAME = "qemu-5.2.0-doc"


@pytest.fixture(scope="module")
def compiled() -> Compilation:
    return compile_document(read_document(document("qemu-qmp-ref-5.2.0.man.txt")))


def test_the_shipped_catalog_is_what_the_compiler_gives(compiled: Compilation) -> None:
    assert compiled.catalog.name == NAME
    assert store.encode(compiled.catalog) == store.encode(store.load_shipped(NAME))


def test_the_report_accounts_for_every_heading(compiled: Compilation) -> None:
    became = [one.became.split()[0] for one in compiled.headings]
    assert {kind: became.count(kind) for kind in set(became)} == {
        "command": 196,
        "event": 48,
        "type": 436,
        "prose": 37,
    }
    glued = [one for one in compiled.findings if one.requirement == "document.heading.glued"]
    assert len(glued) == 52


def test_the_findings_are_the_documents_own(compiled: Compilation) -> None:
    found = {
        (one.requirement.removeprefix("document."), one.subject, one.line)
        for one in compiled.findings
        if one.requirement != "document.heading.glued"
    }
    assert found == {
        ("arguments.missing", "block-dirty-bitmap-add", 3545),
        ("arguments.missing", "block-dirty-bitmap-clear", 3586),
        ("arguments.missing", "block-dirty-bitmap-disable", 3624),
        ("arguments.missing", "block-dirty-bitmap-enable", 3606),
        ("arguments.missing", "block-dirty-bitmap-merge", 3642),
        ("arguments.missing", "block-dirty-bitmap-remove", 3564),
        ("returns.contradicts", "query-dump", 8545),
        ("returns.contradicts", "query-tpm", 9770),
        ("type.unknown", "query-cpu-definitions", 15930),
        ("type.unknown", "query-migrate-capabilities", 11806),
        ("type.unknown", "query-xen-replication-status", 12869),
    }
    assert [(one.subject, one.pointer) for one in compiled.undetermined] == [("qom-get", "return")]


def test_what_the_document_does_not_state_is_concluded_and_marked(compiled: Compilation) -> None:
    concluded = {
        (name, one.how, one.key)
        for name, command in compiled.catalog.commands.items()
        for one in command.facts.concluded
    }
    assert len(concluded) == 20
    assert concluded >= {
        ("query-cpu-definitions", "spelling", "[CpuDefinitionInfo]"),
        ("query-memory-devices", "example", "[MemoryDeviceInfo]"),
        ("block-dirty-bitmap-merge", "example", "BlockDirtyBitmapMerge"),
        ("query-dirty-rate", "rest", "DirtyRateInfo"),
    }


def test_every_example_is_reassembled(compiled: Compilation) -> None:
    broken = []
    for example in compiled.examples:
        try:
            json.loads(example.text)
        except ValueError:
            broken.append((example.subject, example.line))
    assert len(compiled.examples) == 395
    assert broken == [  # each lacks a comma or a bracket, has one too many, or is shortened
        ("MEMORY_FAILURE", 833),
        ("query-blockstats", 2515),
        ("BLOCK_JOB_READY", 6638),
        ("query-dump-guest-memory-capability", 8597),
        ("query-rocker-of-dpa-flows", 9556),
        ("query-spice", 10028),
        ("query-hotpluggable-cpus", 15265),
        ("query-balloon", 15372),
        ("MEM_UNPLUG_ERROR", 15582),
    ]


def test_counts_of_the_5_2_manual() -> None:
    catalog = store.load_shipped(NAME)
    assert (len(catalog.commands), len(catalog.events)) == (196, 48)
    named = [one for one in catalog.types.values() if one.name]
    assert sum(isinstance(one, Object) for one in named) == 306
    assert sum(isinstance(one, Enum) for one in named) == 125
    assert sum(isinstance(one, Alternate) for one in named) == 5


def test_single_facts_of_the_5_2_manual() -> None:
    catalog = store.load_shipped(NAME)
    assert catalog.source.title == "qemu-qmp-ref(7) 5.2.0"
    options = shape_of(catalog, catalog.commands["blockdev-add"].arguments)
    assert options.tag == "driver"
    assert options.variants["qcow2"] == "BlockdevOptionsQcow2"
    assert options.members["detect-zeroes"].optional
    transaction = shape_of(catalog, "TransactionAction")
    kinds = catalog.types[transaction.members["type"].type]
    assert isinstance(kinds, Enum)
    assert {one.name: one.facts.since for one in kinds.values}["abort"] == "1.6"
    info = shape_of(catalog, "BlockDeviceInfo").members
    assert info["encryption_key_missing"].facts.features == ("deprecated",)
    assert catalog.commands["query-gic-capabilities"].facts.condition == "defined(TARGET_ARM)"
    assert catalog.commands["query-block"].returns == "[BlockInfo]"
    added = catalog.types[catalog.commands["device_add"].arguments]
    assert isinstance(added, Object)
    assert added.open


@pytest.mark.parametrize("name", MANUALS)
def test_catalogs_hold_no_sentences(name: str) -> None:
    """Facts only: a condition is the longest text that a document's catalog can hold."""
    catalog = store.load_shipped(name)
    for found in catalog.types.values():
        parts = found.members if isinstance(found, Object) else getattr(found, "values", ())
        for part in parts:
            assert " " not in part.name
            assert " " not in getattr(part, "default", "")
            assert len(part.facts.since) < 10
            assert not any(" " in one for one in part.facts.features)


@pytest.mark.parametrize(
    ("name", "commands", "events"),
    [
        ("qemu-7.2.22-doc", 220, 52),
        ("qemu-10.0.13-doc", 240, 56),
        ("qemu-11.1.3-doc", 243, 57),
        ("qemu-storage-daemon-7.2.22-doc", 74, 13),
        ("qemu-storage-daemon-10.0.13-doc", 76, 13),
        ("qemu-storage-daemon-11.1.3-doc", 77, 13),
    ],
)
def test_counts_of_debians_manuals(name: str, commands: int, events: int) -> None:
    catalog = store.load_shipped(name)
    assert (len(catalog.commands), len(catalog.events)) == (commands, events)
    assert catalog.source.kind == "document"
    assert catalog.source.product == name.rsplit("-", 2)[0]
