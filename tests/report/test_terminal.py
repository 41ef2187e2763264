"""What a terminal is shown."""

from __future__ import annotations

import io

import pytest

from qmpconf.report.terminal import Terminal, columns, cut


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them() -> None:
    assert Terminal(Screen(), {}).paint("x", "bold red") == "\x1b[1;31mx\x1b[0m"
    assert Terminal(Screen(), {"NO_COLOR": ""}).coloured
    for stream, environment in (
        (io.StringIO(), {}),
        (Screen(), {"NO_COLOR": "1"}),
        (Screen(), {"TERM": "dumb"}),
    ):
        assert Terminal(stream, environment).paint("x", "bold red") == "x"
    assert Terminal(io.StringIO(), {}).width(99) == 99


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcde..."),
        ("日本語日本語", 12, "日本語日本語"),
        ("日本語日本語", 11, "日本語日..."),
        ("日本語日本語", 10, "日本語..."),
        ("e\u0301" * 8, 8, "e\u0301" * 8),
    ],
)
def test_cut(text: str, room: int, shown: str) -> None:
    assert cut(text, room) == shown
    assert columns(shown) <= room
