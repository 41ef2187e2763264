"""`schema diff` names what QEMU's own list of removed features names, as far as schemas show it."""

from __future__ import annotations

import pytest

from qmpconf.schema.select import Version
from tests.real import removed
from tests.real.builds import BuildError

LIST = """\
Removed features
================

System emulator command line arguments
--------------------------------------

``-no-such-thing`` (removed in 6.0)
'''''''''''''''''''''''''''''''''''

QEMU Machine Protocol (QMP) commands
------------------------------------

``one`` and ``two`` (removed in 6.0)
''''''''''''''''''''''''''''''''''''

Use ``three``.

``one`` and ``two`` result parts[i].state (removed in 7.1)
''''''''''''''''''''''''''''''''''''''''''''''''''''''''''

``migrate-set-capability`` "fast" option (removed in 8.0.1)
'''''''''''''''''''''''''''''''''''''''''''''''''''''''''''

QEMU Machine Protocol (QMP) events
----------------------------------

``DONE`` (removed in 9.1)
'''''''''''''''''''''''''

Human Monitor Protocol (HMP) commands
-------------------------------------

``four`` (removed in 9.1)
'''''''''''''''''''''''''
"""


def test_headings_are_read_by_rules() -> None:
    found = removed.listed(LIST)
    assert [(one.kind, one.subjects, one.path, one.release) for one in found] == [
        ("command", ("one", "two"), (), "6.0"),
        ("command", ("one", "two"), ("parts", "state"), "7.1"),
        ("command", ("migrate-set-capabilities",), ("fast",), "8.0.1"),
        ("event", ("DONE",), (), "9.1"),
    ]


@pytest.fixture(scope="module")
def compared() -> tuple[removed.Compared, Version]:
    try:
        text, version = removed.document(offline=True)
    except BuildError as error:
        pytest.skip(str(error))
    found = Version.parse(version)
    assert found is not None
    return removed.Compared(removed.listed(text)), found


def test_what_qemu_lists_as_removed_schema_diff_names(
    compared: tuple[removed.Compared, Version],
) -> None:
    found, _ = compared
    assert len(found.listed) > 25
    assert [one.listed.heading for one in found.shown if one.missed] == []
    shown = [one for one in found.shown if one.change]
    assert len(shown) > 25
    assert all(one.reason for one in found.shown if not one.change)


def test_what_is_gone_and_not_in_the_list_is_unstable_or_explained(
    compared: tuple[removed.Compared, Version],
) -> None:
    found, version = compared
    rest = {what for _, _, what in found.unlisted(version)}
    assert {one for one in rest if not removed.known(one)} == set()
