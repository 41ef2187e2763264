"""What stands on the screen, and what keys and mouse do there; `screens/` has whole screens."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from qmpconf.outputs import lock
from qmpconf.trace.follow import GONE
from qmpconf.view.app import View
from qmpconf.view.document import Document
from qmpconf.view.folder import recordings
from qmpconf.view.help import KEYS
from qmpconf.view.message_list import MessageList
from tests.view.samples import HEAD, lines, sample
from tests.view.screens import ask, drive, is_screen, press, rest, shown, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def view(here: Path) -> View:
    return View(Document(os.path.basename(sample(here))))


def cursor(pilot: Pilot[None]) -> int:
    """The line of the trace on which the cursor is."""
    found = pilot.app.screen.query_one(MessageList)
    assert found.row is not None
    return found.document.index.line(found.row)


def test_whole_screens(view: View) -> None:
    """80 columns: a call, its finding and its schema; lanes; the keys; 40 and 200 columns."""

    async def do(pilot: Pilot[None]) -> None:
        is_screen("finding-80x24", await press(pilot, "e"))
        is_screen("lanes-80x24", await press(pilot, "l"))
        await press(pilot, "l")
        await pilot.resize_terminal(40, 20)
        is_screen("finding-40x20", await rest(pilot))
        is_screen("schema-40x20", await press(pilot, "v"))
        is_screen("alone-40x20", await press(pilot, "v"))
        is_screen("keys-40x20", await press(pilot, "v", "question_mark"))
        await press(pilot, "escape")
        await pilot.resize_terminal(200, 50)
        is_screen("joined-200x50", await press(pilot, "t"))

    drive(view, (80, 24), do)


def test_keys(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        assert cursor(pilot) == 2
        await ask(pilot, "colon", "10")
        assert cursor(pilot) == 10
        await press(pilot, "enter")
        assert cursor(pilot) == 12, "the response"
        await press(pilot, "enter", "down", "k", "j")
        assert cursor(pilot) == 11
        await press(pilot, "g", "pagedown", "pageup", "end")
        assert cursor(pilot) == 22
        assert "no other message belongs to this one" in await press(pilot, "enter")
        text = await press(pilot, "g", "E")
        assert "no finding before this one" in text
        await press(pilot, "e", "e")
        assert cursor(pilot) == 14
        assert "'x' is not the number of a line" in await ask(pilot, "colon", "x")
        assert "is not the number of a line" in await ask(pilot, "colon", "9" * 5000)
        await ask(pilot, "colon", "14")
        await press(pilot, "colon", "escape", "down")
        assert cursor(pilot) == 15

    drive(view, (100, 30), do)


def test_search(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        assert "search something first" in await press(pilot, "n")
        assert "'PAUSED' was not found" in await ask(pilot, "slash", "PAUSED")
        await ask(pilot, "slash", "paused")
        assert cursor(pilot) == 14
        await press(pilot, "n")
        assert cursor(pilot) == 14, "there is one only"
        text = await ask(pilot, "slash", "query-status")
        assert cursor(pilot) == 10, "around the end"
        assert "on from the first message" in text
        for line in (11, 12, 14):
            await press(pilot, "n")
            assert cursor(pilot) == line, "a response is found by its command's name"
        assert "on from" not in await press(pilot, "N")
        assert cursor(pilot) == 12
        for of_the_trace in ("conn", "from"):
            text = await ask(pilot, "slash", of_the_trace)
            assert f"'{of_the_trace}' was not found" in text, "no message says so"

    drive(view, (100, 30), do)


def test_filters(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        await ask(pilot, "colon", "12")
        text = await press(pilot, "s")
        assert "| only session = 1 |" in text
        assert cursor(pilot) == 12, "the cursor stays where it was"
        assert " 2 <-" not in text
        assert "of 21" in await press(pilot, "escape")
        assert cursor(pilot) == 12
        text = await ask(pilot, "f", "took > 50 parsecs")
        assert "column 8: 'parsecs' is not a unit here" in text
        assert "took > 50 parsecs" in text, "what was typed stays"
        await press(pilot, "escape")
        text = await ask(pilot, "f", "took > 50ms")
        assert " of 2 | only took > 50ms" in text
        assert " of 1 | only took > 50ms" in await press(pilot, "t")
        assert cursor(pilot) == 11
        assert "0 of 0 | only command = x" in await ask(pilot, "f", "command = x")
        assert "No message passes this filter." in shown(pilot)
        assert "of 14" in await ask(pilot, "f", "")

    drive(view, (120, 30), do)


def test_what_was_typed_wrongly_is_said_in_full(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        text = await ask(pilot, "f", "kind = nix")
        assert "malformed" in text
        assert "fault" in text, "the last one of those that there are"

    drive(view, (60, 24), do)


def test_long_recordings_keep_their_columns(here: Path) -> None:
    """Numbers of lines and times of days are as wide as they come."""
    text = "\n".join(lines()).replace('"t":0.2', '"t":1234567.2')
    (here / "a.qmptrace").write_text(text + "\n")

    async def do(pilot: Pilot[None]) -> None:
        text = await press(pilot, "end")
        _, head, *rows = text.splitlines()
        closed = [row for row in rows if "session 2 closed" in row]
        assert "1234567.220000" in closed[0]
        assert closed[0].index("session 2 closed") == head.index("message")
        assert rows[0][: head.index("message")].endswith("  "), rows[0]

    drive(View(Document("a.qmptrace")), (100, 30), do)


def test_the_cursor_stays_where_it_is_while_a_filtered_recording_grows(here: Path) -> None:
    everything = "\n".join(lines()) + "\n"
    begun = "\n".join(lines()[:11]) + "\n"
    (here / "a.qmptrace").write_text(begun)
    view = View(Document("a.qmptrace", follow=True))

    async def run() -> None:
        async with view.run_test(size=(100, 30)) as pilot:
            found = pilot.app.screen.query_one(MessageList)
            await until(pilot, lambda: len(found.rows) == 10 and found.cursor == 9)
            await pilot.press("k", "j")  # from now on the last one is not followed
            await pilot.press("f")
            pilot.app.screen.query_one(Input).value = "kind = return"
            await pilot.press("enter")
            await until(pilot, lambda: found.rows.seen == 10 and found.wish is None)
            assert cursor(pilot) == 9, "the last one of those that pass"
            with (here / "a.qmptrace").open("a") as file:
                file.write(everything[len(begun) :])
            await until(pilot, lambda: len(found.rows) == 4)
            assert cursor(pilot) == 9

    asyncio.run(run())


def test_a_recorder_that_died_is_said_and_one_that_goes_on_is_followed(here: Path) -> None:
    everything = "\n".join(lines()) + "\n"
    begun = "\n".join(lines()[:11]) + "\n"
    (here / "a.qmptrace").write_text(begun)
    view = View(Document("a.qmptrace", follow=True))

    async def run() -> None:
        with (here / "a.qmptrace").open("a") as file:
            assert lock(file.fileno())
            async with view.run_test(size=(160, 30)) as pilot:
                await until(pilot, lambda: "10 of 10 | follows |" in shown(pilot))
                file.close()
                await until(pilot, lambda: f"10 of 10 | {GONE} |" in shown(pilot))
                with (here / "a.qmptrace").open("a") as again:
                    again.write(everything[len(begun) :])
                await until(pilot, lambda: "21 of 21 | 5 errors" in shown(pilot))

    asyncio.run(run())


def test_two_messages_compared(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        assert "mark a message with m first" in await press(pilot, "c")
        await ask(pilot, "colon", "12")
        assert "line 12 is marked" in await press(pilot, "m")
        assert "this is the marked message" in await press(pilot, "c")
        await ask(pilot, "colon", "14")
        is_screen("compared-80x24", await press(pilot, "c"))
        assert "compared" not in (await press(pilot, "escape")).splitlines()[0]

    drive(view, (80, 24), do)


def test_the_mouse(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        await pilot.click(MessageList, offset=(20, 6))
        await rest(pilot)
        assert cursor(pilot) == 8
        await pilot.click(MessageList, offset=(20, 3), times=2)
        await rest(pilot)
        assert cursor(pilot) == 6, "the response of the command in line 5"

    drive(view, (80, 24), do)


def test_nothing_that_was_recorded_steers_the_terminal(view: View) -> None:
    async def do(pilot: Pilot[None]) -> None:
        texts = [await ask(pilot, "colon", "17")]
        texts += [await press(pilot, key) for key in ("t", "l")]
        await press(pilot, "m")
        await ask(pilot, "colon", "12")
        texts.append(await press(pilot, "c"))
        for text in texts:
            assert all(line.isprintable() for line in text.splitlines())
            assert "[2Jnope" in text
        await press(pilot, "escape")

    drive(view, (120, 40), do)


def test_a_folder(here: Path) -> None:
    sample(here)
    (here / "empty.qmptrace").write_text(HEAD + "\n")
    (here / "text.qmptrace").write_text("no trace\n")
    (here / "\x1b[31m.qmptrace").write_text(HEAD + "\n")
    found = recordings((str(path) for path in sorted(here.iterdir())), str(here))
    view = View(recordings=found, folder="recordings", opening=Document)

    async def do(pilot: Pilot[None]) -> None:
        text = shown(pilot)
        assert "recordings: 4 recordings" in text
        assert "\\u001B[31m.qmptrace" in text
        assert "There is no message." in await press(pilot, "down", "enter")
        assert "recordings: 4 recordings" in await press(pilot, "escape")
        assert "query-status" in await press(pilot, "down", "enter")
        await press(pilot, "b")
        assert "is not the first line of a trace" in await press(pilot, "down", "enter")
        await pilot.resize_terminal(40, 20)
        assert "sample.qmptrace" in await rest(pilot)

    drive(view, (120, 24), do)


def test_an_empty_trace_and_one_that_is_cut_off(here: Path) -> None:
    path = here / "a.qmptrace"
    path.write_text(HEAD + "\n")

    async def empty(pilot: Pilot[None]) -> None:
        text = await press(pilot, "down", "enter", "e", "t", "l", "s", "m", "c", "n", "G", "v")
        assert "0 of 0" in text
        assert "the recording was cut off" in text

    drive(View(Document("a.qmptrace")), (80, 24), empty)
    path.write_text("\n".join(lines()[:9]) + '\n{"t":1')

    async def torn(pilot: Pilot[None]) -> None:
        assert "a.qmptrace:10: the last line is torn" in shown(pilot)

    drive(View(Document("a.qmptrace")), (120, 24), torn)


def test_the_screen_and_the_keys_of_the_page_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "qmpconf/view/README.md").read_text()
    for pressed, told in KEYS:
        assert f"| `{pressed}` | {told} |" in page
    view = View(Document("traces/qemu-7.2.22-libvirtd.qmptrace.gz"))

    async def do(pilot: Pilot[None]) -> None:
        text = await ask(pilot, "colon", "24")
        if os.environ.get("QMPCONF_SCREENS") == "write":
            (ROOT / "qmpconf/view/README.md").write_text(
                re.sub(r"```text\n.*?```", lambda _: f"```text\n{text}\n```", page, flags=re.DOTALL)
            )
        assert f"```text\n{text}\n```" in (ROOT / "qmpconf/view/README.md").read_text()

    drive(view, (110, 30), do)
