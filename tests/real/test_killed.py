"""The recorder is killed under load: what a client or QEMU has received stands in the trace.

Fifty times, at a random moment of a session of short and of 200 KB replies and events.  The file
must read like any other trace, with a torn last line at the most.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.conftest import require
from tests.real.reliability.kills import killed
from tests.usual import share

TIMES = 50


@pytest.mark.parametrize("suffix", share(["", ".gz"], 2))
def test_nothing_that_arrived_is_missing(tmp_path: Path, suffix: str) -> None:
    tally = killed(require("qemu-7.2"), tmp_path, TIMES // 2, suffix)
    assert tally.problems == []
    assert (tally.sessions, tally.lost, tally.invented) == (TIMES // 2, 0, 0)
    assert tally.messages > TIMES * 10
