"""The shipped catalogs are what libvirt's files and Debian's builds for other architectures say, where these are at hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from qmpconf.schema import store
from qmpconf.schema.names import Name
from tests.real.architectures import answers
from tests.real.builds import BuildError
from tests.real.catalogs import FOLDER, File, compiled, encoded, files, of_debian

SHIPPED = [one for one in store.shipped() if store.source_of(one).origin]


@pytest.fixture(scope="module")
def there() -> dict[str, File]:
    """The files that were fetched, by what a catalog says of its origin."""
    try:
        found, _ = files(offline=True)
    except BuildError as error:
        pytest.skip(f"{error}; get them with: python -m tests.real.catalogs --check")
    return {f"libvirt {one.libvirt}, {one.path.name}": one for one in found}


OF_DEBIAN = [one for one in SHIPPED if store.source_of(one).origin.startswith("Debian")]


@pytest.mark.parametrize("name", OF_DEBIAN)
def test_the_catalog_of_another_architecture_is_what_debian_s_build_answered(name: str) -> None:
    made = (of_debian(one) for one in answers(offline=True)[0])
    found = next((one for one in made if one.source == store.source_of(name)), None)
    if found is None:
        pytest.skip(f"{store.source_of(name).origin} was not asked")
    assert encoded(found) == gzip.decompress((FOLDER / f"{name}{store.SUFFIX}").read_bytes())


@pytest.mark.parametrize("name", [one for one in SHIPPED if one not in OF_DEBIAN])
def test_a_shipped_catalog_is_made_again(name: str, there: dict[str, File], tmp_path: Path) -> None:
    origin = store.source_of(name).origin
    if origin not in there:
        pytest.skip(f"{origin} was not fetched")
    made = compiled(there[origin], tmp_path)
    assert made is not None
    assert made.name == name
    assert encoded(made) == gzip.decompress((FOLDER / f"{name}{store.SUFFIX}").read_bytes())


def test_a_file_that_says_another_version_than_its_build_is_passed_over(
    there: dict[str, File], tmp_path: Path
) -> None:
    file = there.get("libvirt 9.0.0, caps_4.2.0.aarch64.replies")
    if file is None:
        pytest.skip("libvirt 9.0.0 was not fetched")
    assert compiled(file, tmp_path) is None
    assert "qemu-4.2.0-aarch64" not in store.shipped()


def test_what_came_before_a_release_is_named_so() -> None:
    for name in SHIPPED:
        version = store.source_of(name).version
        known = Name.of(name)
        assert known is not None
        assert bool(known.before) == (int(version.rpartition(".")[2]) >= 50)
