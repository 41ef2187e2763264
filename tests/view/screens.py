"""The view on a terminal that only a program looks at: keys go in, the screen comes out as text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from qmpconf.view.app import View
from qmpconf.view.trace import TraceScreen

#: The screens as they should be; with QMPCONF_SCREENS=write they are written down.
SCREENS = Path(__file__).parent / "screens"


def shown(pilot: Pilot[None]) -> str:
    """What stands on the screen."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait until something is true."""
    for _ in range(6000):
        await pilot.pause()
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(shown(pilot))


async def rest(pilot: Pilot[None]) -> str:
    """The screen, once nothing is under way."""
    await pilot.pause()
    screen = pilot.app.screen
    if isinstance(screen, TraceScreen):
        await until(pilot, lambda: screen.rests)
        screen._look()
        await until(pilot, lambda: screen.rests)
    await pilot.pause()
    return shown(pilot)


async def press(pilot: Pilot[None], *keys: str) -> str:
    """The screen behind some keys."""
    await pilot.press(*keys)
    return await rest(pilot)


async def ask(pilot: Pilot[None], key: str, text: str) -> str:
    """The screen behind what is typed where `key` asks for something."""
    await pilot.press(key)
    field = pilot.app.screen.query_one(Input)
    field.value = text
    return await press(pilot, "enter")


def drive(view: View, size: tuple[int, int], do: Callable[[Pilot[None]], Awaitable[None]]) -> None:
    """Run a view in a terminal of `size` (columns, lines)."""

    async def run() -> None:
        async with view.run_test(size=size) as pilot:
            await rest(pilot)
            await do(pilot)

    asyncio.run(run())


def is_screen(name: str, text: str) -> None:
    """Compare a screen with the one that was written down."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get("QMPCONF_SCREENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text()
