"""Hex dumps, escaped bytes and partial lines: what stands there is what was dumped."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.convert.converting import convert
from qmpconf.trace.convert.dumped import is_dumped, restored, row_of
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Traffic

COMMAND = '{"execute":"stop","id":"caf\u00e9  two"}'
ANSWER = '{"return": {}, "id": "caf\u00e9  two"}'


def text_of(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def rows(data: bytes, size: int = 16) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + size]) for at in range(0, len(data), size)]


def spaced(data: bytes, width: int = 1) -> str:
    return " ".join(data[at : at + width].hex() for at in range(0, len(data), width))


def xxd(data: bytes) -> str:
    return "".join(f"{at:08x}: {spaced(one, 2):39s}  {text_of(one)}\n" for at, one in rows(data))


def canonical(data: bytes) -> str:
    halves = [(at, one, spaced(one[:8]) + "  " + spaced(one[8:])) for at, one in rows(data)]
    return "".join(f"{at:08x}  {half:49s} |{text_of(one)}|\n" for at, one, half in halves)


def tcpdump(data: bytes) -> str:
    shown = (f"\t0x{at:04x}:  {spaced(one, 2):39s}  {text_of(one)}\n" for at, one in rows(data))
    return "10:00:00.1 IP a.1 > b.2: Flags [P.]\n" + "".join(shown)


def socat(data: bytes) -> str:
    shown = (f" {spaced(one):47s}  {text_of(one)}\n" for _, one in rows(data))
    return "> 2026/11/20 10:00:00.000001  length=1 from=0 to=0\n" + "".join(shown) + "--\n"


def follow(data: bytes) -> str:
    """Wireshark's: it parts the text, too, and indents one side."""
    lines = []
    for at, one in rows(data):
        text = text_of(one)
        indent = "    " if b"return" in data else ""
        half = spaced(one[:8]) + "  " + spaced(one[8:])
        lines.append(f"{indent}{at:08X}  {half:49s} {text[:8]} {text[8:]}\n")
    return "".join(lines)


def od(data: bytes) -> str:
    return "".join(f"{at:06x} {spaced(one)}  >{text_of(one)}<\n" for at, one in rows(data))


def plain(data: bytes) -> str:
    return "".join(f"{one.hex()}\n" for _, one in rows(data, 30)) + "\n"


def strace(data: bytes) -> str:
    return 'write(3, "' + "".join(f"\\x{byte:02x}" for byte in data) + f'", {len(data)}) = 1\n'


@pytest.mark.parametrize(
    "shown",
    [xxd, canonical, tcpdump, socat, follow, od, plain, strace],
    ids=lambda one: one.__name__,
)
def test_messages_that_were_dumped(shown: object, tmp_path: Path) -> None:
    assert callable(shown)
    text = shown(f"{COMMAND}\n".encode()) + shown(f"{ANSWER}\r\n".encode())
    source, target = tmp_path / "dump.txt", tmp_path / "t.qmptrace"
    source.write_text(text)
    done = convert(str(source), str(target))
    records = TraceReader(str(target)).records()
    said = [one.data.decode().strip() for one in records if isinstance(one, Traffic)]
    assert said == [COMMAND, ANSWER]
    assert done.notes.misses == 0
    assert any("put together" in text for _, _, text in done.notes.told())


def test_a_line_of_a_container_that_came_in_parts() -> None:
    long = '{"return": ["' + "x" * 50 + '"]}'
    begin = "2026-11-20T10:00:00.123456789Z stdout "
    other = begin.replace("stdout", "stderr")
    text = f"{begin}P {long[:30]}\n{begin}P {long[30:40]}\n{begin}F {long[40:]}\n{other}F done\n"
    lines = list(restored(text.encode().splitlines(keepends=True)))
    assert lines == [f"{begin}{long}\n".encode(), b"\n", b"\n", f"{other}done\n".encode()]
    assert is_dumped(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        '-> {"execute": "x"}\n<- {"return": {}}\n',
        "00000010: 7b22 7265  something else\n",
        "deadbeef cafe babe\n",
        r"a path C:\x64\x65 and {'return': 1}",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert not is_dumped(text.encode())


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_come_back(data: bytes) -> None:
    for shown in (xxd, canonical, od, follow):
        found = [row_of(line.encode()) for line in shown(data).splitlines()]
        assert b"".join(one.data for one in found if one) == data


@given(
    st.lists(st.sampled_from([b"7b 22\n", b'00000000: 7b22  {"\n', b"x\n", b"\\x7b" * 9, b"\n"]))
)
def test_every_line_keeps_its_number(parts: list[bytes]) -> None:
    lines = b"".join(parts).splitlines(keepends=True)
    assert len(list(restored(lines))) == len(lines)


@pytest.mark.parametrize("part", [b"7b 22 ", b"\\x7b", b"0000  ", b"  ", b"7b"])
def test_megabytes_of_half_a_dump_take_no_longer(part: bytes) -> None:
    assert not is_dumped(part * (1 << 18))
