"""Lines of styled text on the screen: drawn one by one as they come into view, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qmpconf.view.styled import Line


@lru_cache(64)
def style_of(name: str) -> Style:
    """A style by its name."""
    return Style.parse(name) if name else Style.null()


def strip(line: Line, width: int, *, over: str = "") -> Strip:
    """A line of the screen, filled up to `width`; `over` is a style that lies over all of it."""
    above = style_of(over)
    segments = [Segment(text, style_of(name) + above) for text, name in line if text]
    return Strip(segments).adjust_cell_length(width, above)


class Page(ScrollView, can_focus=True):
    """A text in lines, to be scrolled; `Resized` says that it has another width, for which it is made anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
    ]

    class Resized(Message):
        """The page has another width."""

    def __init__(self, id: str, title: str) -> None:  # noqa: A002 - as textual calls it
        super().__init__(id=id)
        self.border_title = title
        self.lines: Sequence[Line] = ()

    @property
    def room(self) -> int:
        """The columns of a line; one is left for the scroll bar."""
        return max(8, self.size.width - 1)

    def show(self, lines: Sequence[Line], *, again: bool = False) -> None:
        """Show other lines, from the first one; with `again`, it is the same text."""
        self.lines = lines
        self.virtual_size = Size(max(1, self.size.width - 1), len(lines))
        if not again:
            self.scroll_to(0, 0, animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Line `y` of what is in view."""
        at = y + int(self.scroll_offset.y)
        line = self.lines[at] if at < len(self.lines) else ()
        return strip(line, self.size.width, over="")

    def on_resize(self, _event: Resize) -> None:
        """Fold the lines anew."""
        self.post_message(self.Resized())
