"""What is said where nothing passes a filter."""

from __future__ import annotations

import pytest

from qmpconf.trace.filter.empty import nothing_passes
from qmpconf.trace.filter.parsing import parse

EVENT, COMMAND = "events have capitals: event = ", "commands have small letters: command = "


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("event = stop", f" ({EVENT}STOP)"),
        ("session = 1 and event ~ device_*", f" ({EVENT}DEVICE_*)"),
        ("event in (STOP, resume)", f" ({EVENT}RESUME)"),
        ("command = STOP or event = STOP", f" ({COMMAND}stop)"),
        ("event = STOP", ""),
        ("command = stop", ""),
        ("not event = stop", ""),  # which passes everything
        ("event ~~ stop", ""),  # may be a part of a name that is not known here
        ("command != STOP", ""),
        ("id = stop or error", ""),
    ],
)
def test_a_name_in_the_wrong_case_is_said(text: str, hint: str) -> None:
    assert nothing_passes(parse(text)) == f"no message passes the filter: {text}{hint}"
