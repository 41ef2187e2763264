"""Debian's manual pages against the servers of the same packages, and against their renderings."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qmpconf.schema import store
from qmpconf.schema.agreement import compare
from qmpconf.schema.diff import diff
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.documents.files import read_document
from qmpconf.schema.model import Catalog
from tests.real.builds import RELEASES, Build
from tests.real.conftest import require
from tests.usual import share

PAGES = [
    (f"{product}-{release}", page)
    for release in RELEASES
    for product, page in (
        ("qemu", "qemu-qmp-ref.7.gz"),
        ("qemu-storage-daemon", "qemu-storage-daemon-qmp-ref.7.gz"),
    )
    if (release, product) != ("5.2", "qemu-storage-daemon")  # Debian had no such page then
]


def manual(build: Build, page: str) -> Path:
    for path in build.manuals:
        if path.name == page:
            return path
    pytest.skip(f"no {page} of {build.name}: run 'python -m tests.real.builds --manuals'")


def introspected(build: Build) -> Catalog:
    name = f"{build.product}-{build.version}"
    if name not in store.shipped():
        pytest.skip(f"no catalog {name}: the package is newer than the shipped catalogs")
    return store.load_shipped(name)


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_a_manual_agrees_with_its_server(name: str, page: str) -> None:
    build = require(name)
    compiled = compile_document(read_document(manual(build, page)))
    found = compare(compiled.catalog, introspected(build))
    assert compiled.catalog.source.version == build.version
    assert found.ratio() >= 0.99
    assert found.only_there == []
    assert all(one.condition for one in found.only_here)


@pytest.mark.parametrize(("name", "page"), PAGES)
def test_the_shipped_catalog_is_what_the_compiler_gives(name: str, page: str) -> None:
    build = require(name)
    compiled = compile_document(read_document(manual(build, page)))
    if compiled.catalog.name not in store.shipped():
        pytest.skip(f"{compiled.catalog.name} is not shipped: the package is newer")
    shipped = store.load_shipped(compiled.catalog.name)
    if shipped.source.form != compiled.catalog.source.form:
        assert diff(shipped, compiled.catalog) == []  # 5.2.0 was compiled from a rendered page
        assert diff(compiled.catalog, shipped) == []
    else:
        assert store.encode(compiled.catalog) == store.encode(shipped)


@pytest.mark.parametrize(
    ("name", "page", "width"),
    share(((*page, width) for page in PAGES for width in (66, 80, 120)), 7),
)
def test_a_rendered_manual_gives_the_same_catalog(name: str, page: str, width: int) -> None:
    if not shutil.which("man"):
        pytest.skip("no man: install man-db and groff")
    source = manual(require(name), page)
    environment = os.environ | {"MANWIDTH": str(width), "LC_ALL": "C.UTF-8"}
    rendered = subprocess.run(
        ["man", "-l", str(source)], env=environment, capture_output=True, check=True, text=True
    ).stdout
    if not rendered.strip():
        pytest.skip("man renders nothing here")
    from_source = compile_document(read_document(source)).catalog
    from_page = compile_document(rendered).catalog
    assert from_page.source.version == from_source.source.version
    assert diff(from_source, from_page) == []
    assert diff(from_page, from_source) == []
