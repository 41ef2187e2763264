"""The redactor: what a trace holds of each frame that a client or a server sends.

It knows what state needs: which results are awaited that are a secret, where a side's bytes are not a
message, and which values were taken out before.  What most frames need is one look at their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.values import Malformed
from qmpconf.trace.records import Side
from qmpconf.trace.redaction.commandline import hide_command_line, hide_words
from qmpconf.trace.redaction.content import hide_string
from qmpconf.trace.redaction.message import hide_command, hide_echoes, hide_reply, may_hide
from qmpconf.trace.redaction.names import (
    ENDS,
    PARTS,
    REPLACEMENT,
    SENSITIVE,
    SENSITIVE_REPLY,
    SENSITIVE_RESULT,
    SIGNS,
    is_suspicious,
    is_telling,
    may_end_a_word,
    remember,
)
from qmpconf.trace.redaction.noise import Stretch
from qmpconf.trace.redaction.places import Replaced
from qmpconf.trace.redaction.top import Top
from qmpconf.trace.redaction.values import Seen, Values

#: What is written of a frame, and the pointers of what was replaced in it.
Redacted = tuple[Frame, tuple[str, ...]]

#: Secret results that one session may wait for by name, and bytes of an id.
_MOST_AWAITED, _LONGEST_ID = 1000, 1000
_SECRET = Replaced("")
#: Forms of what was replaced that others look for one by one, at most.
_MANY = 256
#: Longer messages are not looked at twice.
_LONG = 1 << 16


@dataclass(slots=True)
class _Awaited:
    """The secret results that a session waits for, by the id of their commands.

    With `everything` there are too many of them, or ids too long to keep: any result may be one.
    """

    by_id: dict[bytes | None, list[Replaced]] = field(default_factory=dict)
    count: int = 0
    everything: bool = False

    def add(self, command: Top, result: Replaced) -> None:
        """A command was sent whose result is a secret."""
        key = command.identity
        if self.count >= _MOST_AWAITED or len(key or b"") > _LONGEST_ID:
            self.everything = True
            return
        self.by_id.setdefault(key, []).append(result)
        self.count += 1

    def of(self, reply: Top) -> Replaced | None:
        """What is known about the result in a response; it is not awaited any more.

        One that has no id answers a command that had none, or comes from a server that keeps none;
        it may answer an earlier one, so that a result that is not a secret's is waited on.
        """
        if self.everything:
            return _SECRET
        key = reply.identity
        waiting = self.by_id.get(key)
        if not waiting:
            return _SECRET if key is None and reply.is_text else None
        result = waiting[0]
        if key is None and result.kind == "text" and not reply.is_text:
            return None
        del waiting[0]
        self.count -= 1
        if not waiting:
            del self.by_id[key]
        return result


class Redactor:
    """Replaces secrets in the frames of all sessions of one trace.

    `secrets` are exact values that are secret wherever they stand.  One that replaces in the same
    sessions once more may be given what the first one has `seen`.
    """

    def __init__(self, secrets: Iterable[str] = (), seen: Seen | None = None) -> None:
        self.seen = seen if seen is not None else Seen(secrets)
        self.replaced = 0
        self._forms = self.seen.forms
        self._awaited: dict[int, _Awaited] = {}
        self._stretches: dict[tuple[int, Side], Stretch] = {}
        self._greeted: set[int] = set()  # sessions of QMP: their server is not a guest agent

    def __call__(self, conn: int, sender: Side, frame: Frame) -> Redacted:
        """The frame as it is to be written, and the pointers of what was replaced."""
        kind, data = frame.kind, frame.data
        if kind is Kind.VALUE and not self._forms and not self._stretches:
            if sender == "client":
                if not is_suspicious(data):
                    return frame, ()
            elif conn not in self._awaited and not (
                # What `is_telling` begins with: nearly all messages end here.
                b"@" in data
                or b"=" in data
                or b"\\" in data
                or b"passw" in data
                or conn not in self._greeted
            ):
                return frame, ()
        elif kind is Kind.SPACE:
            return frame, ()
        new, pointers = self._slowly(conn, sender, frame)
        self.replaced += new.data != data
        return new, pointers

    def _is_telling(self, conn: int, data: bytes) -> bool:
        """Whether a server's message may hold a secret by itself."""
        if conn not in self._greeted:
            if b'"QMP"' in data:
                self._greeted.add(conn)
            elif b"-data" in data or b"buf-b64" in data:
                return True
        return is_telling(data)

    #: Words without which a message of the client, or of the server, is written as it is, as long as
    #: `is_usual`, and nothing is escaped by its number.  The client's are in lower case; those with a zero byte
    #: are two, which both stand there.  In JSON that is the text of a server's string no name may end as the
    #: third ones do, in any case.
    telling = (PARTS, SIGNS, ENDS)

    @property
    def echoes(self) -> tuple[bytes, ...]:
        """What was replaced, as it may stand in a message; the same tuple until there is more."""
        return self.seen.written

    def is_usual(self, conn: int = 0, sender: Side = "client") -> bool:
        """Whether a side's messages have to be looked through for `telling` words and `echoes` alone.

        A message with escapes may repeat that in other ways.
        """
        return not (self._stretches or len(self._forms) > _MANY) and (
            sender == "client" or (conn not in self._awaited and conn in self._greeted)
        )

    def may_hide(self, conn: int, sender: Side, frame: Frame) -> bool:
        """Whether there may be something to replace in a message: a quick look at its bytes."""
        data = frame.data
        if frame.kind is not Kind.VALUE:
            return False  # noise is not taken apart
        if sender == "client":
            may_hold = is_suspicious(data)
        else:
            may_hold = conn in self._awaited or self._is_telling(conn, data)
        return (
            may_hold
            or (conn, sender) in self._stretches
            or (bool(self._forms) and self.seen.finder(data) is not None)
        )

    def missed(self, conn: int, sender: Side, *, whole: bool) -> None:
        """A message was too long to be looked at, and is left out; without `whole`, it was broken.

        What it asked for may be a secret, and what follows a broken one may be the rest of one.
        """
        if sender == "client":
            self._awaited.setdefault(conn, _Awaited()).everything = True
        if not whole:
            self._stretches[conn, sender] = Stretch(tainted=True, marked=True)

    def forget(self, conn: int) -> None:
        """Session `conn` is over."""
        self._awaited.pop(conn, None)
        self._greeted.discard(conn)
        self._stretches.pop((conn, "client"), None)
        self._stretches.pop((conn, "server"), None)

    def command_line(self, line: str) -> str:
        """A shell's command line as it is to be written."""
        values = Values()
        return self._text(hide_command_line(line, values), values)

    def words(self, words: Sequence[str]) -> list[str]:
        """A program's words as they are to be written."""
        values = Values()
        return [self._text(word, values) for word in hide_words(words, values)]

    def text(self, text: str) -> str:
        """Any other text as it is to be written."""
        values = Values()
        return self._text(hide_string(text, values), values)

    def _text(self, text: str, values: Values) -> str:
        self.seen.add(values)
        finder = self.seen.finder(text.encode("utf-8", "surrogateescape")) if self._forms else None
        return text if finder is None else finder.sub(REPLACEMENT, text)

    # --- what is looked at more closely ---------------------------------------------------------

    def _slowly(self, conn: int, sender: Side, frame: Frame) -> Redacted:
        if frame.kind is not Kind.VALUE:
            return self._noise(conn, sender, frame)
        stretch = self._stretches.get((conn, sender)) if self._stretches else None
        data = frame.data
        if sender == "client":
            may_hold = is_suspicious(data)
        else:
            may_hold = conn in self._awaited or self._is_telling(conn, data)
        finder = self.seen.finder(data) if self._forms else None
        if stretch is None and not may_hold and finder is None:
            return frame, ()
        try:
            if may_hold and sender == "client" and len(data) < _LONG:
                may_hold = may_hide(data)
                if not may_hold:
                    remember(data)
                if stretch is None and not may_hold and finder is None:
                    return frame, ()
            top = Top.of(data)
            if stretch is not None:
                if top.is_message(sender):
                    del self._stretches[conn, sender]
                elif stretch.tainted:
                    return self._noise(conn, sender, frame)
            pointers: list[str] = []
            if may_hold:
                data, pointers = self._hidden(conn, sender, data, top)
                finder = self.seen.finder(data) if self._forms else None
            if finder is not None:
                data, more = hide_echoes(data, finder, self.seen.is_given)
                pointers += more
        except Malformed:
            return self._noise(conn, sender, frame)
        if not pointers:
            return frame, ()
        if not top.is_message(sender):  # the secret may go on behind it
            self._stretches[conn, sender] = Stretch(tainted=True, marked=True)
        return frame._replace(data=data), tuple(dict.fromkeys(pointers))

    def _hidden(self, conn: int, sender: Side, data: bytes, top: Top) -> tuple[bytes, list[str]]:
        values = Values()
        if sender == "client":
            data, pointers, result = hide_command(data, values)
            if result is not None:
                self._awaited.setdefault(conn, _Awaited()).add(top, result)
        else:
            awaited = self._awaited.get(conn) if top.is_response else None
            data, pointers = hide_reply(data, values, awaited.of(top) if awaited else None)
            if awaited and not awaited.count and not awaited.everything:
                del self._awaited[conn]
        if values.found:
            self.seen.add(values)
        return data, pointers

    def _noise(self, conn: int, sender: Side, frame: Frame) -> Redacted:
        stretch = self._stretches.setdefault((conn, sender), Stretch())
        if not (stretch.tainted or self._forms or may_end_a_word(frame.data)):
            stretch.pass_over(frame.data)
            return frame, ()
        if sender == "client":
            words = SENSITIVE
        else:
            words = SENSITIVE_RESULT if conn in self._awaited else SENSITIVE_REPLY

        def find(data: bytes, start: int) -> int | None:
            ends = (found.end() for found in words.finditer(data))
            places = [end for end in (next((end for end in ends if end > start), None),) if end]
            value = self.seen.first_in(data, start) if self._forms else None
            return min((*places, *([] if value is None else [value])), default=None)

        new = stretch.hide(frame, find)
        return (frame, ()) if new is frame else (new, ("",))
