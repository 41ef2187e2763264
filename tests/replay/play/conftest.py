"""A short recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replay.conftest import written
from tests.replay.play.samples import OPENING


@pytest.fixture
def trace(tmp_path: Path) -> str:
    """A recording of one command and its answer."""
    script = [*OPENING, '1->{"execute":"a"}', '1<-{"return": 1}', "1-client"]
    return written(tmp_path / "trace", script)
