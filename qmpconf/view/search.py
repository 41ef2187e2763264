"""The rows that hold a text: in the message as it was sent, or in the words of the list.

A text without capitals is looked for in either case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmpconf.trace.wording import said
from qmpconf.view.index import Index
from qmpconf.view.messages import Messages

#: Bytes that a message is looked for a text in.
_HEAD = 1 << 22


def matches(
    text: str, rows: Iterable[int], messages: Messages, index: Index
) -> Iterator[tuple[int, bool]]:
    """Each row, and whether it holds `text`.  Raises `InputError`."""
    either = text == text.lower()
    needle = text.encode("utf-8", "replace")

    def holds(row: int) -> bool:
        sent = messages.sent(row)[:_HEAD]
        return needle in (sent.lower() if either else sent)

    def says(row: int) -> bool:
        words, _ = said(messages[row].summary)
        return text in (words.lower() if either else words)

    for row in rows:
        asked = index.partner(row)
        hit = holds(row)
        if not hit and asked is not None and asked < row:
            hit = holds(asked) and says(row)  # its words have the name of that command
        elif not hit and index.kind(row) in {"open", "close", "shut", "gap", "malformed"}:
            hit = says(row)
        yield row, hit
