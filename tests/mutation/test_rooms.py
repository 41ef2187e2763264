"""The rooms name files that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.rooms import ROOMS, Room

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_pattern_has_files(room: Room) -> None:
    for pattern in (*room.modules, *room.tests):
        assert list(ROOT.glob(pattern)), pattern
