"""The marks by which texts say who is speaking: arrows, letters, words.

Who says a message shows in its members, and the mark beside it only confirms that.  It is needed
for what cannot be read, and for messages that are wrong.  Texts use the same marks with different
meanings: ``>>>`` is a client's arrow in QEMU's own tools, a quote in a mail and a prompt of Python.
So a text is looked through first (`Marks.of`) for what its marks stand before.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from qmpconf.trace.records import Side

#: Words, in lower case, that stand before what a side says.
WORDS: dict[bytes, Side] = {
    **dict.fromkeys(
        (
            *(b"c", b"client", b"send", b"sent", b"sending", b"tx", b"out", b"write", b"request"),
            *(b"req", b"command", b"cmd", b"query", b"q", b"input", b"call", b"libvirt"),
            *(b"qmp>", b"qga>", b"monitor>", b"qmp_send", b"qmp send", b"execute", b"executing"),
        ),
        "client",
    ),
    **dict.fromkeys(
        (
            *(b"s", b"server", b"recv", b"recieved", b"received", b"receive", b"receiving", b"rx"),
            *(b"in", b"read", b"response", b"resp", b"reply", b"answer", b"a", b"result"),
            *(b"output", b"returns", b"returned", b"got", b"qemu", b"event", b"greeting"),
            *(b"qmp<", b"qga<", b"monitor<", b"qmp_recv", b"qmp recv", b"error"),
        ),
        "server",
    ),
}
#: Letters that stand alone: only these are believed where no message follows them.
_LETTERS = frozenset({b"c", b"s"})

_SIGNS = {
    **dict.fromkeys(("→", "⇒", "➜", "➔", "⟶", "▶", "»"), "client"),
    **dict.fromkeys(("←", "⇐", "⟵", "◀", "«"), "server"),
}
_SIGN_SIDES: dict[bytes, Side] = {
    sign.encode(): "client" if side == "client" else "server" for sign, side in _SIGNS.items()
}
_SIGN = b"|".join(map(re.escape, _SIGN_SIDES))
_ARROW = rb"[-=~]{0,8}>{1,8}|<{1,8}[-=~]{0,8}|%b" % _SIGN
_WORD = b"|".join(re.escape(one) for one in sorted(WORDS, key=len, reverse=True))

#: A mark that ends right before a message; quotes may stand between.
_BEFORE = re.compile(
    rb"(?:(?<![-=~<>])(?P<arrow>%b)"
    rb"|(?<![\w.])[\[(]?(?P<word>%b)(?:[\])]?[ \t]?(?::|=|\||[-=]{1,2}>|<[-=]{1,2})|[\])]|(?<=[<>])))"
    rb"[ \t`'\"(*]*\Z" % (_ARROW, _WORD),
    re.IGNORECASE,
)
#: A mark that begins a line, and what is behind it.
_BEGINS = re.compile(
    rb"(?P<quote>[ \t>|*#+]*)(?:(?<![-=~<>])(?P<arrow>%b)(?![-=~<>])|(?P<word>[cCsS]):)[ \t]*"
    % _ARROW
)
#: How much of the text before a message is looked at.
_NEAR = 40
#: A message, as far as its first member says who says it.
_MESSAGE = re.compile(
    rb"\{[ \t]*[\"'](?:(?P<client>execute|exec-oob)|QMP|return|error|event|timestamp)[\"'][ \t]*:"
)
#: Of what a mark stands before, so much may be of the other side.
_FEW = 0.2


def default(mark: bytes) -> Side | None:
    """Who speaks behind a mark, as far as it says alone: an angle bracket without a line does not."""
    if mark in WORDS:
        return WORDS[mark]
    if mark in _SIGN_SIDES:
        return _SIGN_SIDES[mark]
    if not mark.strip(b"<") or not mark.strip(b">"):
        return None
    return "client" if mark.endswith(b">") else "server"


def mirrored(mark: bytes) -> bytes:
    """The arrow of the other side."""
    for signs in (("→", "←"), ("⇒", "⇐"), ("⟶", "⟵"), ("▶", "◀"), ("»", "«")):
        if mark.decode("utf-8", "replace") in signs:
            return signs[mark.decode() == signs[0]].encode()
    if mark in _LETTERS:
        return b"s" if mark == b"c" else b"c"
    return mark[::-1].translate(bytes.maketrans(b"<>", b"><"))


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in a line: `side` who speaks, `sure` whether it holds against a message's members.

    What is said stands from `end` on.  `used` says that the text has it before messages.
    """

    text: bytes
    side: Side | None
    end: int
    sure: bool = False
    used: bool = False


@dataclass(slots=True)
class Marks:
    """The marks of one text, and before which side's messages they stand."""

    counts: dict[bytes, Counter[Side]] = field(default_factory=dict)

    @classmethod
    def of(cls, head: bytes) -> Marks:
        """What the beginning of a text shows."""
        marks = cls()
        for line in head.splitlines():
            found = _MESSAGE.search(line)
            mark = _before(line[: found.start()]) if found else None
            if found is not None and mark is not None:
                side: Side = "client" if found.group("client") else "server"
                marks.counts.setdefault(mark, Counter())[side] += 1
        return marks

    def side(self, mark: bytes) -> Side | None:
        """Who speaks behind a mark in this text; None for one that says nothing."""
        counts = self.counts.get(mark)
        if not counts:
            other = self.counts.get(mirrored(mark))
            if default(mark) is None and other:
                return _other(self.side(mirrored(mark)))
            return default(mark)
        if len(counts) > 1 and min(counts.values()) > _FEW * counts.total():
            return default(mark)
        if default(mark) is None and mirrored(mark) not in self.counts:
            return None  # a quote, before messages of one side
        return counts.most_common(1)[0][0]

    def before(self, text: bytes) -> Mark | None:
        """The mark that `text` ends in, behind which a message begins."""
        mark = _before(text)
        if mark is None:
            return None
        sure = mark not in WORDS or mark in _LETTERS
        return Mark(mark, self.side(mark), len(text), sure=sure and default(mark) is not None)

    def begins(self, line: bytes) -> Mark | None:
        """The arrow or letter that a line begins with."""
        found = _BEGINS.match(line)
        if found is None:
            return None
        mark = found.group("arrow") or found.group("word").lower()
        used = mark in self.counts or mirrored(mark) in self.counts
        return Mark(mark, self.side(mark), found.end(), default(mark) is not None, used)


def _before(text: bytes) -> bytes | None:
    found = _BEFORE.search(text[-_NEAR:])
    if found is None:
        return None
    arrow = found.group("arrow")
    return arrow if arrow is not None else found.group("word").lower()


def _other(side: Side | None) -> Side | None:
    return {"client": "server", "server": "client"}.get(side or "")  # type: ignore[return-value]
