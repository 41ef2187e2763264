"""What looks like a secret, and stands in a trace: for whoever gives it to somebody else.

`scan` goes further than the redactor, which must not spoil what it does not know: it lists what the
redactor would replace, and besides that

- a value behind a word such as *password* or *token* in any text, also in a sentence;
- a string that looks random, where the name of its member or its command is a sensitive one;
- names that only hint at a secret (``login``, ``pin``, ``signature``) with a value that looks random.

A `Suspect` never holds the value: only how long it is, and of a long one how it begins.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qmpconf.protocol.framing import Kind
from qmpconf.protocol.places import pointer, pointer_parts, resolve
from qmpconf.protocol.spans import spots, text_of
from qmpconf.protocol.values import Malformed, loads
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.redaction.names import REPLACEMENT
from qmpconf.trace.redaction.records import redacted_header
from qmpconf.trace.redaction.redactor import Redactor


@dataclass(frozen=True, slots=True)
class Suspect:
    """One place: the trace's line, the session (0: the header), the JSON pointer, and why.

    `shown` says what stands there without giving it away.
    """

    line: int
    conn: int
    place: str
    why: str
    shown: str


_KNOWN = "a place of secrets"
_SAID = "stands behind a word for a secret"
_RANDOM = "looks random, in a sensitive place"

#: Characters of a value that are shown, of one that has so many at least.
_SHOWN, _LONG = 2, 12


def scan(reader: TraceReader, secrets: Iterable[str] = ()) -> Iterator[Suspect]:
    """What looks like a secret in a trace; `secrets` are exact values to look for besides.

    Raises `InputError` where the trace cannot be read on.
    """
    redactor = Redactor(secrets)
    yield from _header(reader, redactor)
    for item in reader.items():
        if not isinstance(item, Item) or item.frame.kind is Kind.SPACE:
            continue
        frame, places = redactor(item.conn, item.sender, item.frame)
        found = [
            (place, _KNOWN, text)
            for place in places
            if frame.data != item.frame.data
            and (text := _changed(item.frame.data, frame.data, place)) is not None
        ]
        known = set(places)
        found += [one for one in _looks(frame.data, item.sender == "client") if one[0] not in known]
        for place, why, text in found:
            yield Suspect(item.line, item.conn, place, why, shown(text))


def _header(reader: TraceReader, redactor: Redactor) -> Iterator[Suspect]:
    before = dict(_strings(reader.header.meta))
    after = dict(_strings(redacted_header(reader.header, redactor).meta))
    for place, text in before.items():
        if after.get(place) != text:
            yield Suspect(1, 0, "/meta" + place, _KNOWN, shown(text))
        else:
            for why, value in _in_text(text):
                yield Suspect(1, 0, "/meta" + place, why, shown(value))


def _strings(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, place + pointer([name]))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{place}/{index}")


def _changed(before: bytes, after: bytes, place: str) -> str | None:
    """What stood at a place and was replaced; None where there is nothing but a placeholder."""
    if not place:
        return before.decode("utf-8", "replace")
    try:
        old, new = resolve(loads(before), place), resolve(loads(after), place)
    except (Malformed, KeyError):
        return pointer_parts(place)[-1] if REPLACEMENT not in place else "a member's name"
    return None if old == new else str(old)


def _looks(data: bytes, is_client: bool) -> Iterator[tuple[str, str, str]]:
    """Place, reason and text of what looks like a secret in a message that was redacted."""
    try:
        loads(data)
    except Malformed:
        text = data.decode("utf-8", "replace")
        yield from (("", why, value) for why, value in _in_text(text))
        return
    for spot in spots(data):
        if not spot.is_string or spot.end - spot.start > _LONGEST:
            continue
        text = text_of(data[spot.start : spot.end])
        if len(text) < _SHORTEST or text == REPLACEMENT or spot.path[:1] == ["id"]:
            continue
        where = [(why, value) for why, value in _in_text(text)]
        if not where and _HINTS.search(spot.name) and _is_random(text):
            where = [(_RANDOM, text)]
        if not where and is_client and spot.path[:1] == ["arguments"] and _is_token(text):
            where = [(_RANDOM, text)]
        if where:
            place = pointer(spot.path)
            yield from ((place, why, value) for why, value in where)


#: Strings of other lengths are not looked at.
_SHORTEST, _LONGEST = 4, 1 << 16

_WORDS = (
    r"password|passwd|passphrase|passcode|secret|token|api[-_ ]?key|cookie|authorization|credential|"
    r"private key"
)
#: A word for a secret with a value behind it, in any text.
_SAYS = re.compile(
    rf"(?i)\b(?:{_WORDS})s?\b\\*[\"']?\s{{0,3}}(?:[:=]|\bis\b|\bwas\b)\s{{0,3}}"
    r"\\*[\"']?([^\s\"'\\,;&<>]{3,})"
)
_QUOTED = re.compile(rf"(?i)\b(?:{_WORDS})\s[\"']([^\"'\s]{{4,}})[\"']")
#: A scheme's or a vendor's own signs.
_MARKED = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+|"
    r"glpat-[\w-]{16,})|\$(?:1|2[aby]|5|6|y)\$[\w./$]{8,}"
)
_HINTS = re.compile(
    r"(?i)auth|login|(?:^|[^a-z])(?:pin|otp|pw|salt|nonce|sig|iv)(?:[^a-z]|$)|signature|session|"
    r"ticket|bearer|key|secret|passw|token|cred|opaque|encrypt"
)
#: What looks random and is not: a UUID, a path, a version, a name of parts, an address.
_NAMES = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|.*[/\\].*|[a-z0-9]+(?:[-_.:][a-z0-9]+)*|"
    r"(?:[0-9A-Fa-f]{2}[:-]){5,}[0-9A-Fa-f]{2}|#\w+|[A-Z][A-Z_0-9]*|0x[0-9a-fA-F]+|[0-9.:\[\]]+|"
    r"[A-Za-z]+"
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")


def _in_text(text: str) -> Iterator[tuple[str, str]]:
    for pattern in (_SAYS, _QUOTED):
        for found in pattern.finditer(text):
            if REPLACEMENT not in found[1] and not _is_dull(found[1]):
                yield _SAID, found[1]
    for found in _MARKED.finditer(text):
        yield "is made like a token", found[0]


def _is_dull(text: str) -> bool:
    """Whether a value is a word that says whether there is a secret."""
    return text.lower().strip(".,") in _DULL


_DULL = frozenset(
    [
        "on",
        "off",
        "yes",
        "no",
        "true",
        "false",
        "none",
        "null",
        "not",
        "missing",
        "invalid",
        "required",
        "wrong",
        "empty",
        "set",
        "unset",
        "expired",
        "disabled",
        "enabled",
        "unsupported",
        "unknown",
        "incorrect",
        "needed",
        "too",
        "string",
        "str",
    ]
)


def _is_random(text: str) -> bool:
    return len(text) >= 8 and _NAMES.fullmatch(text) is None and entropy(text) >= 2.8


def _is_token(text: str) -> bool:
    if _HEX.fullmatch(text):
        return entropy(text) >= 3.0
    return bool(_TOKEN.fullmatch(text)) and not _NAMES.fullmatch(text) and entropy(text) >= 3.8


def entropy(text: str) -> float:
    """Bits a character: how evenly the characters of a text are spread."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def shown(text: str) -> str:
    """How long a text is, and of a long one how it begins."""
    size = f"{len(text)} character{'' if len(text) == 1 else 's'}"
    if len(text) < _LONG or not text[:_SHOWN].isprintable():
        return size
    return f"{text[:_SHOWN]}..., {size}"
