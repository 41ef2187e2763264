"""A message in a few words, the same ones wherever a person reads of it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from qmpconf.text import counted, duration
from qmpconf.trace.members import Member, as_words

#: How a line is meant, and what a terminal makes of it.
PLAIN, GOOD, BAD, QUIET = "plain", "good", "bad", "quiet"
STYLES = {PLAIN: "", GOOD: "green", BAD: "bold red", QUIET: "dim"}

#: Kinds that are not a message: a session's fate.
FATES = frozenset({"open", "shut", "close", "gap", "fault"})


class Told(Protocol):
    """What is known of a message: a `qmpconf.trace.summary.Summary`, or what a result keeps of it."""

    @property
    def line(self) -> int:
        """Where it stands in its trace."""

    @property
    def t(self) -> float:
        """Seconds since the trace was started."""

    @property
    def conn(self) -> int:
        """The session's number."""

    @property
    def sender(self) -> str:
        """Whose message it is."""

    @property
    def kind(self) -> str:
        """One of `qmpconf.trace.summary.What`."""

    @property
    def name(self) -> str:
        """Of the command or the event."""

    @property
    def oob(self) -> bool:
        """Whether it is out-of-band."""

    @property
    def latency(self) -> float | None:
        """Seconds from the command to its response."""

    @property
    def outcome(self) -> str:
        """An error's class, or what became of it."""

    @property
    def text(self) -> str:
        """An error's description, or addresses."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def fds(self) -> int:
        """How many descriptors rode on it."""

    @property
    def members(self) -> Mapping[str, Member]:
        """Those that say most."""


def said(one: Told, *, members: bool = True) -> tuple[str, str]:
    """What happened, which may hold any character, and how it is meant (`STYLES`).

    With `members`, those that say most stand behind it.
    """
    if one.kind in FATES:
        return _fate(one)
    if one.kind == "malformed":
        return f"malformed: {one.outcome}", BAD
    if one.kind == "reset":
        return "0xFF: the receiver's parser is reset", QUIET
    if one.kind == "other":
        return f"no QMP message: {one.outcome}", BAD
    text, style = _message(one)
    if members and one.members:
        text += f"  {as_words(one.members)}"
    return f"{text} (out-of-band)" if one.oob else text, style


def arrow(one: Told) -> str:
    """``->`` to the server, ``<-`` from it, ``--`` for the end or the beginning of a session."""
    return (
        "--" if one.kind in {"open", "close", "fault"} else "->" if one.sender == "client" else "<-"
    )


def line(one: Told, body: str = "", width: int = 0) -> str:
    """A message on one line: where, when, from whom, what it says, how long it took.

    With `body`, the message itself, in place of its members; what it says is cut to `width`
    characters, where that is not 0.  Nothing in it can steer a terminal, once it was escaped.
    """
    text, _ = said(one, members=not body)
    if body:
        text += f"  {body}"
    if width and len(text) > width:
        text = f"{text[: width - 4]} ..."
    notes = [] if one.latency is None else [duration(one.latency)]
    if width and one.size > width:
        notes.append(f"{one.size:,} bytes")
    if one.fds:
        notes.append(counted(one.fds, "descriptor"))
    behind = f"   ({', '.join(notes)})" if notes else ""
    return f"{one.line:5}  {one.t:11.6f}  {arrow(one)}  {text}{behind}"


def _fate(one: Told) -> tuple[str, str]:
    if one.kind == "open":
        return f"session {one.conn} opened{': ' if one.text else ''}{one.text}", QUIET
    if one.kind == "close":
        how = f": {one.text}" if one.text else ""
        return f"session {one.conn} closed by the {one.outcome}{how}", BAD if how else QUIET
    if one.kind == "fault":
        return f"fault on purpose: {one.outcome}: {one.text}", BAD
    if one.kind == "shut":
        return f"the {one.sender} sends nothing more", QUIET
    size = counted(one.size, "byte") if one.size else "bytes"
    if one.outcome:
        return f"{one.outcome}: {size} of the {one.sender}", BAD
    return f"gap: {size} of the {one.sender} {'is' if one.size == 1 else 'are'} missing here", BAD


def _message(one: Told) -> tuple[str, str]:
    if one.kind == "command":
        return one.name or "(no command)", PLAIN
    if one.kind == "greeting":
        return f"greeting {one.outcome} {one.text}".rstrip(), QUIET
    if one.kind == "event":
        return f"event {one.name}", QUIET
    if one.kind not in {"return", "error"}:
        return one.name or one.kind, PLAIN
    asked = one.latency is not None
    name = one.name or ("(no command)" if asked else "(nothing that was asked)")
    if one.kind == "return":
        return f"{name} returned", GOOD
    return f"{name} failed: {one.outcome}: {one.text}", BAD
