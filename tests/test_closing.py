"""What is closed where its ``with`` block ends, however that ends."""

from __future__ import annotations

import pytest

from qmpconf.closing import Closing


class Counting(Closing):
    """Counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_closed_at_the_end_and_an_error_goes_on() -> None:
    with Counting() as one:
        assert one.closed == 0
    assert one.closed == 1
    with pytest.raises(KeyError), one:
        raise KeyError
    assert one.closed == 2
