"""QAPI source of Debian's packages: real servers have what it says, and QEMU's test schemas are judged alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.schema import store
from qmpconf.schema.agreement import compare
from qmpconf.schema.sources import compile_file
from tests.real import qapi
from tests.real.builds import BuildError
from tests.real.conftest import require
from tests.real.sources import Sources, sources


def source_of(release: str) -> Sources:
    try:
        releases, _ = sources("qemu", offline=True)
    except BuildError as error:
        pytest.skip(f"{error}; get them with: {qapi.COMMAND}")
    for found in reversed(releases):
        if f"{found.release}.".startswith(f"{release}.") and (found.folder / "qapi").exists():
            return found
    pytest.skip(f"there is no source of QEMU {release}; get it with: {qapi.COMMAND}")


@pytest.mark.parametrize("release", ["10.0", "7.2", "5.2"])
@pytest.mark.parametrize("product", list(qapi.SCHEMAS))
def test_a_server_has_what_its_source_says(product: str, release: str) -> None:
    found = qapi.compared(source_of(release), require(f"{product}-{release}"))
    assert list(found.differences) == []
    assert found.agreement.count("agree") > 3000
    assert found.agreement.count("undetermined") == 0
    assert not found.resolved.open


def test_the_guest_agent_has_the_commands_of_its_source(tmp_path: Path) -> None:
    found = qapi.agents(source_of("7.2"), tmp_path)
    if not found.version.startswith("7.2"):
        pytest.skip(f"another version: {found.version}")
    assert (found.unknown, found.answers) == ([], [])
    assert all(found.lacking.values())
    assert len(found.shared) > 35


def test_the_guest_agents_catalog_says_nothing_else_than_its_source() -> None:
    source = compile_file(source_of("7.2").folder / qapi.AGENT).catalog
    found = compare(source, store.load_shipped("qemu-ga-7.2.22-doc"))
    assert (found.only_here, found.only_there) == ([], [])
    assert [one.place for one in found.differences if one.outcome == "disagree"] == []
    assert found.count("agree") > 700
    assert found.count("undetermined") <= 1  # guest-file-open, which returns "a handle"


@pytest.mark.parametrize("release", ["10.0", "7.2", "5.2"])
def test_test_schemas_are_judged_as_qemu_judges_them(release: str) -> None:
    found = qapi.tested(source_of(release))
    assert len(found) > 190
    # What is right is right by the rules of any release; what is wrong, today's rules find in full.
    unlike = [one for one in found if not one.is_same and (release == "10.0" or not one.expected)]
    assert unlike == []
