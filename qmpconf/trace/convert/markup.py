"""A line of a text without what mail programs, browsers, wikis and terminals have put around it."""

from __future__ import annotations

import html
import re

_STEERING = re.compile(
    rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9])|[\x01\x02\x07]"
)
_ENTITY = re.compile(rb"&(?:quot|apos|lt|gt|amp|nbsp|rarr|larr|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
_TAG = re.compile(
    rb"</?(?:p|pre|code|br|div|span|tt|li|ul|ol|td|tr|th|table|tbody|b|i|em|strong|samp|kbd|a|font"
    rb"|blockquote|dd|dt|dl)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_QUOTES = re.compile(rb"\xe2\x80[\x9c-\x9f]|\xc2[\xab\xbb]")
#: Such quotes around names, beside plain ones elsewhere in the line: a word processor has changed some.
_QUOTED_NAME = re.compile(rb"[{,][ \t]*(?:%b)|(?:%b)[ \t]*:" % (_QUOTES.pattern, _QUOTES.pattern))
#: A space that does not break, where JSON has white space: a browser, a mail program or a chat has put it for a space.
_NO_BREAK = re.compile(rb"[{\[,:][ \t]*\xc2\xa0")
_LEADING = re.compile(rb"\A(?:[ \t]|\xc2\xa0|\xe2\x80\x8b|\xef\xbb\xbf)+")
#: Quote marks of mails and tables, of comments and patches, before a line that goes on.
_PREFIX = re.compile(rb"[ \t]*(?:[>|#+]+[ \t]?|\*+[ \t])*")
#: How a shell puts a quote, or a variable, into a string in single quotes.
_SHELL_QUOTE = re.compile(rb"'(?:\\'|\"'\")'")
_SHELL_NAME = re.compile(rb"\"'\"?(\$\{?\w{1,80}\}?)\"?'\"")
_ESCAPE = re.compile(rb"\\([\"'\\/`$])")
#: Levels of escapes that are taken off.
_LEVELS = 4


def plain(line: bytes) -> bytes:
    """The line as its author saw it, with a line feed."""
    line = line.rstrip(b"\r\n")
    if b"\x1b" in line or b"\x07" in line or b"\x01" in line:
        line = _STEERING.sub(b"", line)
    if b"<" in line and b">" in line:
        line = _TAG.sub(b"", line)
    if b"&" in line:
        line = _without_entities(line)
    if not line.isascii():
        if b'"' not in line or _QUOTED_NAME.search(line):
            line = _QUOTES.sub(b'"', line)
        if b"\xc2\xa0" in line and _NO_BREAK.search(line):
            line = line.replace(b"\xc2\xa0", b" ")
        line = _LEADING.sub(
            lambda found: b" " * len(found.group().decode("utf-8", "replace")), line
        )
    if b"'" in line:
        line = _SHELL_NAME.sub(rb'"\1"', _SHELL_QUOTE.sub(b"'", line))
    return line + b"\n"


def _without_entities(line: bytes) -> bytes:
    """Where quotes are escaped, so is all; else only what stands before a message may be."""
    size = len(line) if b'"' not in line else line.find(b"{")
    if size <= 0 or not _ENTITY.search(line, 0, size):
        return line
    text = line[:size].decode("utf-8", "surrogateescape")
    return html.unescape(text).encode("utf-8", "surrogateescape") + line[size:]


def continued(line: bytes) -> bytes:
    """A line in the middle of an object, without quote marks, and without the shell's line end."""
    found = _PREFIX.match(line)
    line = line[found.end() :] if found else line
    body = line.rstrip()
    return body[:-1] + b"\n" if body.endswith(b"\\") else line


def is_blank(line: bytes) -> bool:
    """Whether nothing stands in a line but quote marks."""
    found = _PREFIX.match(line)
    return not line[found.end() if found else 0 :].strip()


def unquoted(text: bytes, at: int) -> bytes:
    r"""`text`, in which the object at `at` is unquoted: ``{\"a\"`` and ``{""a""`` to ``{"a"``."""
    rest = text[at:]
    for _ in range(_LEVELS):
        inner = rest[1:].lstrip()
        if inner[:1] == b"\\":
            rest = _ESCAPE.sub(rb"\1", rest)
        elif inner[:2] == b'""' and inner[2:3].isalpha():
            rest = rest.replace(b'""', b'"')
        else:
            break
    return text[:at] + rest
