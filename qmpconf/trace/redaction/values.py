"""What was taken out of messages, kept so that it is found again where a server echoes it.

`Values` collects what one message gave, `Seen` what a whole trace has given: error texts, replies,
events and ids may repeat it.  A value is found as it is, JSON-escaped, in base64 and URL-encoded.

A short value is found by chance as well, so one of less than eight characters must stand alone, and
one of less than four is not looked for, nor is a word of the protocol.  The newest `MOST` are kept.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

from qmpconf.protocol.values import dumps
from qmpconf.trace.redaction.names import REPLACEMENT

#: Values that are kept, at most; the oldest one goes first.
MOST = 1000
#: Values that are looked for one by one; of more, the words are looked for.
_FEW = 32
#: Longer values are contents, which nobody echoes.
LONGEST = 4096
_SHORTEST = 4
#: Values of this length are found inside of words.
_LONG = 8

#: Words that stand everywhere in QMP, and protect nothing.
_WORDS = frozenset(
    [
        "password",
        "passwd",
        "secret",
        "cookie",
        "token",
        "default",
        "enabled",
        "disabled",
        "connected",
        "disconnect",
        "keep",
        "true",
        "false",
        "none",
        "null",
        "data",
        "test",
        "base64",
        "name",
        "type",
        "user",
        "root",
        "admin",
        "qemu",
        "value",
        "object",
        "protocol",
        "display",
        "redacted",
        "vnc",
        "spice",
        "driver",
        "file",
        "disk",
        "drive",
        "device",
        "monitor",
        "string",
        "number",
        "guest-exec",
        "raw",
        "qcow2",
        "localhost",
        "127.0.0.1",
        "unix",
        "socket",
    ]
)
_MIXED = re.compile(r"(?=.*[a-zA-Z])(?=.*(?:[0-9]|[^\w\s./:,=-]|[a-z][A-Z]))", re.DOTALL)
_A_WORD = re.compile(r"[^\s\"'\\{}()\[\],:;=|&<>]+")
_SIMPLE_PATH = re.compile(r"/[\w./-]*|-{1,2}[\w-]+")


class Values:
    """What was replaced in one message: how often, and the values to look for (the first of many)."""

    def __init__(self) -> None:
        self.count = 0
        self.found: dict[str, None] = {}

    def add(self, *texts: str, weak: bool = False) -> None:
        """A value was replaced; `texts` are its forms.  A `weak` one is probably no secret."""
        self.count += 1
        if len(self.found) < MOST:
            for text in texts:
                if is_telling(text) and (not weak or is_random(text)):
                    self.found[text] = None

    def add_words(self, text: str) -> None:
        """A stretch was replaced that holds a secret somewhere: each word of it may be one."""
        self.add(text, weak=True)
        for word in _A_WORD.findall(text[:LONGEST]):
            self.add(word, weak=True)


def is_telling(text: str) -> bool:
    """Whether a secret is such that what is found elsewhere is probably the same one."""
    return (
        _SHORTEST <= len(text) <= LONGEST
        and REPLACEMENT not in text
        and text.lower() not in _WORDS
        and any(char.isalnum() for char in text)
    )


def is_random(text: str) -> bool:
    """Whether a text is neither a word nor a path nor an option, but may be a password."""
    return (
        len(text) >= 6 and _MIXED.match(text) is not None and _SIMPLE_PATH.fullmatch(text) is None
    )


class Seen:
    """The values that were replaced in a trace, and the exact ones that its user gave.

    `given` values are found wherever they stand, however short.  `forms` are the bytes in which they
    are looked for; it is empty as long as there is nothing to look for.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._given = {value: _forms(value) for value in given if value}
        self._values: dict[str, list[str]] = {}
        self.forms: dict[bytes, str] = {}  # as it may stand in a message: the value
        self._words: dict[bytes, list[str]] | None = None  # the longest word of a form: its values
        self._written: tuple[bytes, ...] | None = None
        for value, forms in self._given.items():
            self._enter(value, forms)

    def add(self, values: Values) -> None:
        """Look for these from now on."""
        for value in values.found:
            if value in self._given:
                continue
            forms = self._values.pop(value, None)
            if forms is None:
                forms = _forms(value)
                self._enter(value, forms)
            self._values[value] = forms  # the newest
            if len(self._values) > MOST:
                self._drop(next(iter(self._values)))

    @property
    def written(self) -> tuple[bytes, ...]:
        """The `forms`; the same tuple until there are others."""
        if self._written is None:
            self._written = tuple(self.forms)
        return self._written

    def is_given(self, text: str) -> bool:
        """Whether the user named this value as a secret."""
        return text in self._given

    def _enter(self, value: str, forms: list[str]) -> None:
        for written in _written(forms):
            self.forms.setdefault(written, value)
        self._words = self._written = None

    def _drop(self, value: str) -> None:
        for written in _written(self._values.pop(value)):
            if self.forms.get(written) == value:
                del self.forms[written]
        self._words = self._written = None

    def finder(self, data: bytes) -> re.Pattern[str] | None:
        """What finds the values that may stand in the strings of `data`; None: there are none."""
        found = self._candidates(data)
        if not found:
            return None
        return re.compile("|".join(map(self._pattern, dict.fromkeys(found))))

    def first_in(self, data: bytes, start: int) -> int | None:
        """Where the first of the values stands in bytes that are not a message, from `start` on."""
        places = [
            at
            for value in dict.fromkeys(self._candidates(data))
            for form in _written(self._given.get(value) or self._values[value])
            if (at := data.find(form, start)) >= 0
        ]
        return min(places, default=None)

    def _candidates(self, data: bytes) -> list[str]:
        """The values that may stand in `data`, also with characters escaped that need not be."""
        if b"\\" in data:
            data = data + b"\0" + _ESCAPED.sub(_unescaped, data)
        if len(self.forms) <= _FEW:
            return [value for form, value in self.forms.items() if form in data]
        words = self._by_word()
        found = dict.fromkeys(words.get(b"", ()))
        for word in _WORD.finditer(data):
            if word.group() in words:
                found.update(dict.fromkeys(words[word.group()]))
        return list(found)

    def _by_word(self) -> dict[bytes, list[str]]:
        if self._words is None:
            self._words = {}
            for form, value in self.forms.items():
                word = max(_WORD.findall(form), key=len, default=b"")
                self._words.setdefault(word, []).append(value)
        return self._words

    def _pattern(self, value: str) -> str:
        forms = self._given.get(value) or self._values[value]
        pattern = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        if value not in self._given and len(value) < _LONG:
            return rf"(?<![^\W_])(?:{pattern})(?![^\W_])"
        return pattern


_WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
_ESCAPED = re.compile(rb"\\(?:u00([0-7][0-9a-fA-F])|([/'\"\\]))")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else found[2]


def _forms(value: str) -> list[str]:
    """A value as others may write it: itself first."""
    data = value.encode("utf-8", "surrogateescape")
    packed = base64.b64encode(data).rstrip(b"=").decode()
    forms = [value, *_escaped(value), quote(data, safe=""), quote(data)]
    if len(packed) >= _LONG:
        forms += [packed, base64.urlsafe_b64encode(data).rstrip(b"=").decode()]
    if len(value) % 4 == 0 and _BASE64.fullmatch(value):
        with contextlib.suppress(ValueError):
            inner = base64.b64decode(value, validate=True).decode("utf-8").strip()
            if is_telling(inner) and inner.isprintable():
                forms.append(inner)
    return list(dict.fromkeys(forms))


def _written(forms: Iterable[str]) -> list[bytes]:
    """The bytes of these texts in a JSON string: as they are, and escaped, once and twice."""
    found: dict[bytes, None] = {}
    for form in forms:
        for once in (form, *_escaped(form)):
            for text in (once, *_escaped(once)):
                found[text.encode("utf-8", "surrogateescape")] = None
    return list(found)


def _escaped(text: str) -> list[str]:
    """A text as it stands in a JSON string: as QEMU and as most libraries write it."""
    found = (dumps(text).decode(), json.dumps(text), json.dumps(text, ensure_ascii=False))
    return [one[1:-1] for one in dict.fromkeys(found)]
