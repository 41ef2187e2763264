"""A saved web page as the text that its reader saw: logs and transcripts in bug trackers and archives.

Markup is between lines and within words (whoever highlights a message puts a tag around each name),
and what a page holds for its scripts may be the same messages once more.  So a page is read as its
text: tags, comments, scripts and styles go, what begins a block begins a line, and entities are the
characters for which they stand.

Everything takes time in proportion to its input, and holds a bounded part of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

_PAGE = re.compile(
    rb"\s*+(?:<\?xml[^<>]{0,200}>\s*+)?(?:<!--[^<>]{0,2000}-->\s*+)?<(?:!doctype\s+html|html)\b",
    re.IGNORECASE,
)
#: What hides text up to an end of its own.
_HIDES = re.compile(rb"<(?:(script|style|template)\b[^<>]*>|!--)", re.IGNORECASE)
_ENDS = {
    name: re.compile(rb"</%b\s*>" % name, re.IGNORECASE)
    for name in (b"script", b"style", b"template")
}
_COMMENT_ENDS = re.compile(rb"-->")
_BREAK = re.compile(rb"<br\b[^<>]*>(?:\r?\n)?", re.IGNORECASE)
_BLOCK = re.compile(
    rb"</?(?:p|div|li|ul|ol|tr|td|th|table|pre|h[1-6]|dd|dt|dl|blockquote|section|article)\b[^<>]*>"
    rb"(?:\r?\n)?",
    re.IGNORECASE,
)
_TAG = re.compile(rb"<[a-zA-Z/!?][^<>]*>")
#: What may be the beginning of a tag, or of an entity, that goes on in the next piece.
_BEGUN = re.compile(rb"(?:<[^<>]{0,4096}|&[#\w]{0,32}|\r)\Z")
#: So many bytes may be the beginning of an end.
_NEAR = 64


def is_page(begin: bytes) -> bool:
    """Whether a file that begins like that is a web page."""
    return _PAGE.match(begin) is not None


def text_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The text of a page, piece by piece."""
    held = b""
    until: re.Pattern[bytes] | None = None
    for piece in pieces:
        held += piece
        shown, held, until = _shown(held, until)
        yield shown
    if until is None:
        yield _plain(held)


def _shown(
    text: bytes, until: re.Pattern[bytes] | None
) -> tuple[bytes, bytes, re.Pattern[bytes] | None]:
    """What a reader sees of `text`, what waits for more, and what ends what is hidden."""
    shown: list[bytes] = []
    at = 0
    while True:
        if until is not None:
            end = until.search(text, at)
            if end is None:
                return b"".join(shown), text[max(at, len(text) - _NEAR) :], until
            at, until = end.end(), None
        hides = _HIDES.search(text, at)
        if hides is None:
            begun = _BEGUN.search(text, max(at, len(text) - 4200))
            cut = begun.start() if begun is not None else len(text)
            shown.append(_plain(text[at:cut]))
            return b"".join(shown), text[cut:], None
        shown.append(_plain(text[at : hides.start()]))
        at = hides.end()
        name = hides.group(1)
        until = _ENDS[name.lower()] if name else _COMMENT_ENDS


def _plain(text: bytes) -> bytes:
    if b"<" in text:
        text = _TAG.sub(b"", _BLOCK.sub(b"\n", _BREAK.sub(b"\n", text)))
    if b"&" in text:
        text = html.unescape(text.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
    return text
