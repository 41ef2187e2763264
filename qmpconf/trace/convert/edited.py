"""JSON objects as people leave them in texts: over several lines, shortened, masked, wrapped.

`Edited` follows one object token by token, and knows at the first one that does not fit that the
text is not an object.  What stands in the place of a value (`qmpconf.trace.convert.placeholders`)
becomes a string, what stands in the place of members or elements is left out.  The JSON pointers of
both are kept, so that nobody judges them.  All else stays as it is written, byte for byte.

It takes time in proportion to the text, and knows nothing of QMP but which members cannot be
strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, Flag, auto

from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed, is_json, loads
from qmpconf.trace.convert.logs.quoting import of_literal
from qmpconf.trace.convert.placeholders import CUT, GRAMMAR, MASK, QUOTED_MASK

#: Deeper objects are noise; QEMU refuses them as well.
_DEEPEST = 1024
#: More hidden places than this are said by the pointer of the whole message.
_MANY = 500
#: A shorter line was not wrapped by a mail program or a terminal; a string takes so many lines.
_WRAPPED = 60
_MOST_WRAPPED = 30
#: Longer strings are not masks.
_LONGEST_MASK = 200

_SPACE = re.compile(rb"(?:[ \t\r\n\f\v]|\xc2\xa0)*")
_STRING = rb"\"(?:[^\"\\\x00-\x1f]|\\[^\x00-\x1f])*+\"|'(?:[^'\\\x00-\x1f]|\\[^\x00-\x1f])*+'"
_TOKEN = re.compile(
    rb"(?P<mark>[{}\[\]:,])"
    rb"|(?P<string>%b)"
    rb"|(?P<value>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?(?![\w.])"
    rb"|(?:true|false|null)(?!\w))"
    rb"|(?P<python>(?:True|False|None)(?!\w))"
    rb"|(?P<prefix>[uUbB](?=[\"']))"
    rb"|(?P<open>[\"'])(?:[^\x00-\x1f\\]|\\[^\x00-\x1f])*+(?=[ \t\r\n]*\Z)" % _STRING
)
_REST = {
    quote: re.compile(rb"(?:[^%b\\\x00-\x1f]|\\[^\x00-\x1f])*+(%b)?" % (quote, quote))
    for quote in (b'"', b"'")
}
#: A remark that somebody has put behind a member.
_REMARK = re.compile(rb"(?:#|//)[^\n]*|/\*[^\n]*?\*/")
_PYTHON = {b"True": b"true", b"False": b"false", b"None": b"null"}
#: Members of a message that are objects: a placeholder for one becomes an empty one.
_OBJECTS = frozenset({"arguments", "data", "error", "timestamp", "QMP"})
#: Members of a message that name something: a placeholder there makes a form of it.
_NAMES = frozenset({"execute", "exec-oob", "event"})


class State(Enum):
    """How far the object has come."""

    OPEN = auto()
    WHOLE = auto()
    BROKEN = auto()


class Change(Flag):
    """What was changed of it; `FORM` is a description of messages, which nobody has sent."""

    NONE = 0
    MASKED = auto()
    ABRIDGED = auto()
    WRAPPED = auto()
    PYTHON = auto()
    REMARK = auto()
    COMMA = auto()
    FORM = auto()


class _Need(Enum):
    VALUE = auto()  # behind a colon
    ELEMENT = auto()
    FIRST_ELEMENT = auto()
    KEY = auto()
    FIRST_KEY = auto()
    COLON = auto()
    COMMA = auto()


_MAY_BE_CUT = frozenset(
    {_Need.ELEMENT, _Need.FIRST_ELEMENT, _Need.KEY, _Need.FIRST_KEY, _Need.COMMA}
)
_KEYS = frozenset({_Need.KEY, _Need.FIRST_KEY})
_ELEMENTS = frozenset({_Need.ELEMENT, _Need.FIRST_ELEMENT})
_FIRST = frozenset({_Need.FIRST_KEY, _Need.FIRST_ELEMENT})


@dataclass(frozen=True, slots=True)
class Object:
    """An object that was read: JSON, or QEMU's dialect of it.

    `places` are the JSON pointers of what is not its author's.  `begin` is the text up to the first
    of the `changes`.  The end of one that is `cut_off` was left out.
    """

    text: bytes
    places: tuple[str, ...] = ()
    changes: Change = Change.NONE
    begin: bytes = b""
    cut_off: bool = False


@dataclass(slots=True)
class _Level:
    is_object: bool
    key: str | int


@dataclass(slots=True)
class Edited:
    """One object, line by line.

    `names` are the members that it has so far.  Strings are masks also where `mask` matches.  With
    `strict`, it has to be JSON, or QEMU's dialect of it, as it stands.
    """

    mask: re.Pattern[bytes] | None = None
    strict: bool = False
    state: State = State.OPEN
    names: list[str] = field(default_factory=list)
    changes: Change = Change.NONE
    _need: _Need = _Need.VALUE
    _levels: list[_Level] = field(default_factory=list)
    _pieces: list[bytes] = field(default_factory=list)
    _size: int = 0  # of all pieces
    _edits: list[tuple[int, int, bytes]] = field(default_factory=list)  # begin, end, what is there
    _places: dict[str, None] = field(default_factory=dict)
    _comma: int = 0  # where the latest comma stands
    _cut: _Need | None = None  # something was left out just now, where this was due
    _quote: bytes = b""  # of a string that goes on in the next line
    _wrapped: int = 0  # how many lines it has taken

    @property
    def written(self) -> bytes:
        """What was read so far, as it is written."""
        return b"".join(self._pieces)

    @property
    def begin(self) -> bytes:
        """The same, up to the first change."""
        written = self.written
        return written[: min(one[0] for one in self._edits)] if self._edits else written

    @property
    def is_cut(self) -> bool:
        """Whether the latest thing that it says is that something was left out."""
        return self.state is State.OPEN and self._cut is not None and not self._quote

    def feed(self, text: bytes, at: int = 0) -> int:
        """Take a line from `at` on; gives where the object ends in it, or where it is broken."""
        begin = at
        self._size -= at  # so that `_size` plus a place in the line is a place in the object
        if self._quote:
            at = self._go_on(text, at)
        while self.state is State.OPEN:
            space = _SPACE.match(text, at)
            at = space.end() if space else at
            if at >= len(text) or self._quote:
                break
            at = self._step(text, at)
        end = at if self.state is not State.OPEN else len(text)
        self._pieces.append(text[begin:end])
        self._size += end
        return end

    def _step(self, text: bytes, at: int) -> int:
        """Take what stands at `at`; gives where it ends."""
        if not self._levels and text[at : at + 1] != b"{":
            return self._break(at)
        if self._need in _MAY_BE_CUT and not self.strict and self._levels:
            cut = CUT.match(text, at)
            if cut is not None and cut.end() > at:
                return self._leave_out(at, cut.end())
            remark = _REMARK.match(text, at)
            if remark is not None:
                self._edit(at, remark.end(), b"", Change.REMARK)
                return remark.end()
        found = _TOKEN.match(text, at)
        if found is None:
            return self._hidden(text, at)
        kind, token = found.lastgroup, found.group()
        if kind == "mark":
            return self._mark(text, at, token)
        if self.strict and kind not in ("string", "value"):
            return self._break(at)
        if kind == "prefix":
            self._edit(at, at + 1, b"", Change.PYTHON)
            return at + 1
        if self._need is _Need.COMMA and self._cut is not None:
            self._edit(at, at, b", ", Change.ABRIDGED)
            self._need = _Need.KEY if self._levels[-1].is_object else _Need.ELEMENT
        elif self._need is _Need.COMMA and self._lacks_comma(text, at, found):
            self._edit(at, at, b", ", Change.COMMA)
            self._need = _Need.KEY
        if kind == "open":
            if len(text.rstrip()) < _WRAPPED or self._need in (_Need.COLON, _Need.COMMA):
                return self._break(at)
            self._quote, self._wrapped = found.group("open"), 0
            if self._need not in _KEYS:
                self._hide()
            self._wrap(found.end(), len(text), token)
            return len(text)
        if self._need in _KEYS:
            return self._key(at, found) if kind == "string" else self._hidden(text, at)
        if self._need in (_Need.COLON, _Need.COMMA):
            return self._break(at)
        if kind == "python":
            self._edit(at, found.end(), _PYTHON[token], Change.PYTHON)
        elif kind == "string" and self._is_mask(token[1:-1]):
            self._hide()
            self.changes |= Change.MASKED
        self._value_ends()
        return found.end()

    # --- tokens --------------------------------------------------------------------------------

    def _mark(self, text: bytes, at: int, mark: bytes) -> int:
        need, cut = self._need, self._cut
        if mark in (b"{", b"["):
            return self._opens(text, at, mark)
        if mark == b":":
            if need is not _Need.COLON:
                return self._break(at)
            self._need = _Need.VALUE
        elif mark == b",":
            if need is _Need.COMMA:
                level = self._levels[-1]
                if not level.is_object:
                    level.key = int(level.key) + 1
                self._need = _Need.KEY if level.is_object else _Need.ELEMENT
                self._comma = self._size + at
                self._cut = self._need if cut is not None else None
                return at + 1
            if cut is None:
                return self._break(at)
            self._edit(at, at + 1, b"", Change.ABRIDGED)  # before or behind what was left out
            return at + 1
        else:
            level = self._levels[-1]
            fits = need is _Need.COMMA or need in _FIRST or cut in (_Need.KEY, _Need.ELEMENT)
            if not fits and need in (_Need.KEY, _Need.ELEMENT) and self._is_typed:
                self.changes |= Change.COMMA  # and none belongs behind the last one
                fits, cut = True, need
            if level.is_object != (mark == b"}") or need in (_Need.COLON, _Need.VALUE) or not fits:
                return self._break(at)
            if need in (_Need.KEY, _Need.ELEMENT) and cut is need:
                self._edits.append((self._comma, self._comma + 1, b""))
            self._levels.pop()
            self._value_ends()
        self._cut = None
        return at + 1

    @property
    def _is_typed(self) -> bool:
        """Whether somebody has laid it out, and may have slipped: a program would not."""
        return bool(self._pieces) and not self.strict

    def _lacks_comma(self, text: bytes, at: int, found: re.Match[bytes]) -> bool:
        """Whether a member begins a line, and only the comma behind the one before is missing."""
        begins = self._is_typed and not text[:at].strip() and self._levels[-1].is_object
        return begins and found.lastgroup == "string" and text[found.end() :].lstrip()[:1] == b":"

    def _opens(self, text: bytes, at: int, mark: bytes) -> int:
        may_hide = self._need is _Need.VALUE and self._levels and not self.strict
        if may_hide and MASK.match(text, at) is not None:
            return self._hidden(text, at)
        if self._need is _Need.COMMA and self._cut is not None and not self._levels[-1].is_object:
            self._edit(at, at, b", ", Change.ABRIDGED)
            self._need = _Need.ELEMENT
        if self._need not in (_Need.VALUE, *_ELEMENTS) or len(self._levels) >= _DEEPEST:
            return self._break(at)
        is_object = mark == b"{"
        self._levels.append(_Level(is_object, "" if is_object else 0))
        self._need = _Need.FIRST_KEY if is_object else _Need.FIRST_ELEMENT
        self._cut = None
        return at + 1

    def _key(self, at: int, found: re.Match[bytes]) -> int:
        try:
            name = loads(found.group())
        except Malformed:
            return self._break(at)
        self._levels[-1].key = name
        if len(self._levels) == 1:
            self.names.append(name)
        self._need, self._cut = _Need.COLON, None
        return found.end()

    def _value_ends(self) -> None:
        self._cut = None
        if self._levels:
            self._need = _Need.COMMA
        else:
            self.state = State.WHOLE

    def _break(self, at: int) -> int:
        self.state = State.BROKEN
        return at

    # --- what is not there ---------------------------------------------------------------------

    def _hidden(self, text: bytes, at: int) -> int:
        """What stands at `at` is not a token: it may stand for a value."""
        if self._need is _Need.COMMA and self._cut is not None and not self._levels[-1].is_object:
            self._need = _Need.ELEMENT
        if self._need not in (_Need.VALUE, *_ELEMENTS) or not self._levels or self.strict:
            return self._break(at)
        form = GRAMMAR.match(text, at)
        found = form or MASK.match(text, at)
        if found is None:
            return self._break(at)
        name = self._levels[0].key if len(self._levels) == 1 else ""
        if form or name in _NAMES:
            self.changes |= Change.FORM
        value = b"{}" if name in _OBJECTS else b'"%b"' % found.group().strip().replace(b"\\", b"/")
        self._edit(at, found.end(), value, Change.MASKED)
        self._hide()
        self._value_ends()
        return found.end()

    def _leave_out(self, at: int, end: int) -> int:
        self._edit(at, end, b"", Change.ABRIDGED)
        if self._cut is None:
            self._cut = self._need
        self._hide(up=1)
        return end

    def _is_mask(self, inner: bytes) -> bool:
        named = len(self._levels) == 1 and self._levels[0].key in _NAMES
        if self.strict or named or len(inner) > _LONGEST_MASK:
            return False
        return bool(QUOTED_MASK.match(inner) or (self.mask and self.mask.match(inner)))

    def _hide(self, up: int = 0) -> None:
        """The value that is due is hidden; with `up`, what holds it is."""
        where = pointer(level.key for level in self._levels[: len(self._levels) - up])
        if len(self._places) < _MANY:
            self._places[where] = None
        else:
            self._places = {**dict.fromkeys(list(self._places)[:_MANY]), "": None}

    def _edit(self, begin: int, end: int, text: bytes, change: Change) -> None:
        self._edits.append((self._size + begin, self._size + end, text))
        self.changes |= change

    # --- strings of several lines --------------------------------------------------------------

    def _wrap(self, end: int, length: int, before: bytes) -> None:
        """A string goes on: its line ends are put away, and a space stands where one may have."""
        spaced = not before.endswith((b"-", b"_", b"/", b"."))
        self._edit(end, length, b" " if spaced else b"", Change.WRAPPED)

    def _go_on(self, text: bytes, at: int) -> int:
        begin, end, put = self._edits.pop()
        indented = at + len(text[at:]) - len(text[at:].lstrip())
        self._edits.append((begin, max(end, self._size + indented), put))
        found = _REST[self._quote].match(text, indented)
        self._wrapped += 1
        if found is None or (found.group(1) is None and text[found.end() :].strip()):
            return self._break(at)
        if found.group(1) is None:
            if self._wrapped >= _MOST_WRAPPED:
                return self._break(at)
            self._wrap(found.end(), len(text), found.group())
            return len(text)
        self._quote = b""
        if self._need in _KEYS:
            return self._break(at)  # the name of a member is a word
        self._value_ends()
        return found.end()

    # --- the whole -----------------------------------------------------------------------------

    def cut_off(self) -> Object | None:
        """The object, if its end was left out: None if nobody says so."""
        if not self.is_cut or not self._levels:
            return None
        self._hide(up=max(0, len(self._levels) - 1))
        if self._cut is self._need and self._need in (_Need.KEY, _Need.ELEMENT):
            self._edits.append((self._comma, self._comma + 1, b""))
        closing = b"".join(b"}" if one.is_object else b"]" for one in reversed(self._levels))
        self._edits.append((self._size, self._size, closing))
        return self._made(cut_off=True)

    def object(self) -> Object | None:
        """The object that was read; None if it is none after all."""
        return self._made(cut_off=False) if self.state is State.WHOLE else None

    def _made(self, *, cut_off: bool) -> Object | None:
        whole = self.written
        text, begin = whole, whole
        if self._edits:
            edits = sorted(self._edits)
            begin = whole[: edits[0][0]]
            parts: list[bytes] = []
            at = 0
            for start, end, put in edits:
                parts += (whole[at:start], put)
                at = max(at, end)
            text = b"".join(parts) + whole[at:]
        text = text.strip()
        if not is_json(text):
            try:
                loads(text)
            except Malformed:
                python = of_literal(text) if _is_python(text) and not self.strict else None
                if python is not None:
                    text, self.changes = python, self.changes | Change.PYTHON
                elif _is_utf8(text):
                    return None
        return Object(text, tuple(self._places), self.changes, begin, cut_off)


def _is_python(text: bytes) -> bool:
    """Whether an object begins as Python writes dictionaries, and is not in another encoding."""
    return text[1:].lstrip()[:1] in (b"'", b"u", b"b") and _is_utf8(text)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
