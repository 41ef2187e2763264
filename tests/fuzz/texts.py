"""Changes of bytes and of lines, whatever they mean."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random

from tests.fuzz.values import DIGITS, NUMBERS

#: No mutated input is longer: what takes long then is a matter of its form, not of its size.
LONGEST = 1 << 18

BYTES = (
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\x0c",
    b"\x85",
    b"\xe2\x80\xa8",
    b"\\",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"->",
    b"<-",
    b"\x1b[0m",
    b"#",
    b"=",
    b"|",
    b"%",
    b"...",
    b"\\n",
    b"\\x",
    b"\\u12",
    b"\\ud800",
    b"0",
    b"9" * 25,
    b"9" * 5000,
    b"@",
    b"Since: 99999999999999999999999.1",
    b"]" * 500,
    b"[" * 2000,
    b"{" * 500,
    b"(" * 300,
    b'{"a":' * 300,
    b"' " * 200,
    b'" ' * 200,
    b"\\" * 300,
    b" " * 3000,
    b"-" * 3000,
    b"\n" * 300,
    b"a" * 5000,
    b"1" * 5000 + b".",
)

Change = Callable[[Random, bytes], bytes]


def _spot(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def bytewise(rng: Random, data: bytes) -> bytes:
    """Some bytes put in, taken out, or turned over."""
    at = _spot(rng, data)
    kind = rng.randrange(4)
    if kind == 0:
        return data[:at] + rng.choice(BYTES) + data[at:]
    if kind == 1:
        return data[:at] + data[at + rng.choice((1, 1, 2, 5, 40, 300)) :]
    if kind == 2 and at < len(data):
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4))) + data[at + rng.randrange(5) :]


def linewise(rng: Random, data: bytes) -> bytes:
    """A line moved, doubled, dropped, cut, indented, joined, or repeated often."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(10)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif kind == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines[at] = lines[at][: _spot(rng, lines[at])]
    elif kind == 4:
        lines[at] = b" " * rng.choice((1, 2, 4, 8, 40)) + lines[at]
    elif kind == 5:
        lines[at : at + 2] = [b"".join(lines[at : at + 2])]
    elif kind == 6:
        times = rng.choice((3, 30, 300))
        lines[at:at] = [lines[at]] * min(times, 1 + LONGEST // 8 // (len(lines[at]) + 1))
    elif kind == 7:
        del lines[at : at + rng.randrange(1, 20)]
    elif kind == 8:
        lines = lines[: at + 1]
    else:
        lines.insert(at, rng.choice(BYTES))
    return b"\n".join(lines)


def whole(rng: Random, data: bytes) -> bytes:
    """The whole file in another encoding, cut, empty, compressed, damaged."""
    kind = rng.randrange(9)
    if kind == 0:
        return data[: _spot(rng, data)]
    if kind == 1:
        packed = gzip.compress(data, 1)
        return (
            packed
            if rng.random() < 0.4
            else bytewise(rng, packed)
            if rng.random() < 0.5
            else whole_cut(rng, packed)
        )
    if kind == 2:
        return data.decode("utf-8", "replace").encode(
            rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig")), "replace"
        )
    if kind == 3:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"", b" ")))
    if kind == 4:
        return data + rng.choice((b"\0" * 1000, data[-200:], data, b"\n\n", b"\x1f\x8b"))
    if kind == 5:
        return b"\0" * rng.choice((1, 600)) + data
    if kind == 6:
        return rng.choice((b"", b"\n", b"\0", b"{}", b"[]", b"\x1f\x8b", b"null", b"\xef\xbb\xbf"))
    return data.replace(
        *rng.choice(
            (
                (b'"', b"'"),
                (b":", b": "),
                (b"0", b"9"),
                (b"-> ", b"->"),
                (b" ", b"\t"),
                (b"e", b"\xc3\xa9"),
            )
        )
    )


def whole_cut(rng: Random, data: bytes) -> bytes:
    """The file up to somewhere."""
    return data[: _spot(rng, data)]


_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def numbers(rng: Random, data: bytes) -> bytes:
    """One number in the text replaced."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return bytewise(rng, data)
    one = rng.choice(found)
    other = rng.choice((*NUMBERS, "9" * rng.choice(DIGITS))).encode()
    return data[: one.start()] + other + data[one.end() :]
