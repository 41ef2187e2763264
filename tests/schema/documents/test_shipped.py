"""The shipped catalogs are what the compiler makes of the documents.

Runs where QMPCONF_DOCUMENTS names the folder that holds the documents.  Without them the figures of
the shipped catalogs are checked alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.schema import store
from qmpconf.schema.documents.audit import audit
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.model import Catalog, Enum, Member, Object
from qmpconf.schema.walk import is_known, references_of
from tests.schema.documents.given import document

#: File of the document, its catalog.
DOCUMENTS = {
    "qmp-commands-2011-09.hx.txt": "qemu-1.0-dev-doc",
    "qmp-commands-2012-03.hx.txt": "qemu-1.1-dev-doc",
    "qmp-commands-1.6.2.txt": "qemu-1.6.2-doc",
    "qmp-commands-2017-01.txt": "qemu-2.9-dev-doc",
}


def object_of(catalog: Catalog, key: str) -> dict[str, Member]:
    found = catalog.types[key]
    assert isinstance(found, Object)
    return {one.name: one for one in found.members}


@pytest.mark.parametrize(("file", "name"), DOCUMENTS.items())
def test_the_shipped_catalog_is_what_the_compiler_gives(file: str, name: str) -> None:
    compilation = compile_document(read_document(document(file)))
    assert compilation.catalog.name == name
    assert store.encode(compilation.catalog) == store.encode(store.load_shipped(name))


@pytest.mark.parametrize("file", DOCUMENTS)
def test_every_heading_became_a_command_or_is_prose(file: str) -> None:
    compilation = compile_document(read_document(document(file)))
    became = [one.became for one in compilation.headings]
    assert became.count("prose") == 4  # the title and three numbered parts
    commands = {one.removeprefix("command ") for one in became if one.startswith("command ")}
    assert commands == set(compilation.catalog.commands)
    assert len(became) == len(commands) + 4


@pytest.mark.parametrize(
    ("file", "rules"),
    [
        (
            "qmp-commands-2011-09.hx.txt",
            [
                ("args-type.undescribed", "migrate", 461),
                ("args-type.optional", "blockdev-snapshot-sync", 717),
                ("args-type.undescribed", "add_client", 923),
            ],
        ),
        (
            "qmp-commands-2012-03.hx.txt",
            [
                ("args-type.undescribed", "migrate", 2128),
                ("args-type.missing", "blockdev-snapshot-sync", 3688),
            ],
        ),
    ],
)
def test_where_args_type_and_prose_disagree(file: str, rules: list[tuple[str, str, int]]) -> None:
    found = compile_document(read_document(document(file))).findings
    assert [
        (one.requirement.removeprefix("document."), one.subject, one.line)
        for one in found
        if one.requirement.startswith("document.args-type")
    ] == rules


@pytest.mark.parametrize(
    ("file", "findings"),
    [
        (
            "qmp-commands-1.6.2.txt",
            {
                ("example.not-json", "query-blockstats", 1370),
                ("example.misnamed-member", "query-blockstats", 1371),
                ("example.not-json", "query-cpus", 1460),
                ("example.not-json", "query-block", 1287),
                ("example.wrong-type", "block_set_io_throttle", 955),
                ("example.misplaced-member", "query-migrate", 2023),
                ("example.missing-member", "query-migrate", 2019),
                ("example.undocumented-member", "query-migrate", 2089),
                ("example.no-reply", "migrate-set-capabilities", 2122),
                ("heading.no-underline", "dump-guest-memory", 536),
            },
        ),
        ("qmp-commands-2017-01.txt", {("example.wrong-type", "trace-event-set-state", 1)}),
        (
            "qmp-commands-2011-09.hx.txt",
            {("example.unknown-command", "blockdev-snapshot-sync", 722)},
        ),
        ("qmp-commands-2012-03.hx.txt", {("example.not-json", "query-block", 6180)}),
    ],
)
def test_known_defects_are_found_where_they_are(
    file: str, findings: set[tuple[str, str, int]]
) -> None:
    found = audit(compile_document(read_document(document(file))))
    assert findings <= {
        (one.requirement.removeprefix("document."), one.subject, one.line) for one in found
    }


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("qemu-1.0-dev-doc", 49),
        ("qemu-1.1-dev-doc", 61),
        ("qemu-1.6.2-doc", 76),
        ("qemu-2.9-dev-doc", 24),
    ],
)
def test_figures_of_the_shipped_catalogs(name: str, commands: int) -> None:
    catalog = store.load_shipped(name)
    assert len(catalog.commands) == commands
    assert all(is_known(catalog, key) for _, key in references_of(catalog))


def test_shapes_that_are_hard_to_read() -> None:
    catalog = store.load_shipped("qemu-1.6.2-doc")
    assert object_of(catalog, "dump-guest-memory.arguments")["paging"].default == "false"
    assert set(object_of(catalog, "query-cpus.return")) >= {"pc", "nip", "npc", "PC"}
    assert object_of(catalog, "query-blockstats.return")["parent"].type == "query-blockstats.return"
    image = object_of(catalog, "query-block.return.inserted.image")
    assert image["backing-image"].type == "query-block.return.inserted.image"
    regions = catalog.types["query-pci.return.devices.regions"]
    assert isinstance(regions, Object)
    assert set(regions.variants) == {"io", "memory"}
    connected = catalog.types["set_password.arguments.connected"]
    assert isinstance(connected, Enum)
    assert [one.name for one in connected.values] == ["keep", "disconnect", "fail"]


@pytest.mark.parametrize("name", ["qemu-1.0-dev-doc", "qemu-1.1-dev-doc"])
def test_lost_indentation_gives_the_same_nesting(name: str) -> None:
    whole, damaged = store.load_shipped("qemu-1.6.2-doc"), store.load_shipped(name)
    same = [
        key
        for key in damaged.types
        if key.startswith(("query-pci.", "query-spice.", "query-vnc.", "query-version."))
    ]
    assert len(same) > 20
    for key in same:
        assert _names(whole, key) == _names(damaged, key)


def _names(catalog: Catalog, key: str) -> object:
    found = catalog.types[key]
    if isinstance(found, Object):
        return {one.name: (one.type, one.optional) for one in found.members}
    return found.kind


def test_the_audit_page_is_what_the_verb_gives(tmp_path: Path) -> None:
    files = [str(document(file)) for file in (*DOCUMENTS, "qemu-qmp-ref-5.2.0.man.txt")]
    made = tmp_path / "audit.md"
    assert main(["schema", "audit", *files, "--format", "markdown", "-o", str(made)]) == 1
    page = Path(__file__).parents[3] / "reports" / "document-audit.md"
    assert made.read_text() == page.read_text()
