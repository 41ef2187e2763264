"""What a replay against another release adds to its result: causes, what was the same, what is announced."""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.errors import InputError
from qmpconf.protocol.messages import Command, Event, from_client, from_server
from qmpconf.replay.causes import Call, Said, consequences, made_by, names_of
from qmpconf.replay.difference import Difference, Group
from qmpconf.replay.result import ReplayResult as Replay
from qmpconf.replay.upgrade import Announced, Upgrade
from qmpconf.report.results.records import Note, Record, Table
from qmpconf.text import counted
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.summary import Summaries


def notes(subject: str, found: Upgrade) -> Iterator[Record]:
    """What stayed the same, what did not, and what the schemas announce."""
    total = sum(one.times for one in found.behaved.values())
    alike = sum(one.same for one in found.behaved.values())
    catalogs = [one.name if one else "no catalog of it" for one in (found.old, found.new)]
    text = (
        f"upgrade from {found.before} ({catalogs[0]}) to {found.after} ({catalogs[1]}): "
        f"{alike} of {counted(total, 'message')} are the same"
    )
    yield Note(subject=subject, text=text)
    same = [(name, str(one.times)) for name, one in found.behaved.items() if one.same == one.times]
    rest = [
        (name, str(one.same), str(one.times))
        for name, one in found.behaved.items()
        if one.same < one.times
    ]
    yield Table(
        subject=subject,
        title="Messages that were always the same",
        head=("message", "times"),
        rows=tuple(sorted(same)),
        folded=True,
    )
    yield Table(
        subject=subject,
        title="Messages that were not always the same",
        head=("message", "the same", "times"),
        rows=tuple(sorted(rest)),
    )
    if not (found.old and found.new):
        text = "the schemas were not compared: none is shipped for one of the two versions"
        yield Note(subject=subject, text=text)
        return
    every = list(found.announced())
    between = f"from {found.before} to {found.after}"
    for met, title in (
        (True, f"What the schemas announce {between}, and this session met"),
        (False, f"What they announce {between} for its commands and events, and it did not meet"),
    ):
        rows = tuple(_announced(one) for one in every if one.seen is met)
        if rows:
            head = ("level", "place", "change")
            yield Table(subject=subject, title=title, head=head, rows=rows, folded=not met)


def _announced(one: Announced) -> tuple[str, str, str]:
    change = one.change
    also = f" (also {counted(len(change.also), 'other')})" if change.also else ""
    return (change.level, f"{change.place}{also}", change.message)


def is_unused(one: Difference, found: Upgrade | None) -> bool:
    """Whether a difference of the schemas is about what the session never used."""
    if found is None or not one.subject.startswith("schema: "):
        return False
    place = one.subject.removeprefix("schema: ")
    return place.split("/")[0].split("=")[0] not in found.used


def because(replay: Replay) -> dict[tuple[int, int], Call]:
    """For session and line of a recorded message that differs, the failed call behind it.

    The recording is read once more, if any call has failed; nothing is known of one that cannot be
    read any more.
    """
    failed = {
        (group.first.session, group.first.line): group.first.subject
        for group in replay.new
        if _is_refusal(group)
    }
    if not failed:
        return {}
    try:
        found = consequences(_messages(replay.trace), failed)
    except InputError:
        return {}
    return found


def _is_refusal(group: Group) -> bool:
    one = group.first
    return one.kind == "changed" and not one.pointer and one.subject.startswith("reply to ")


def _messages(path: str) -> Iterator[Call | Said]:
    """The commands, each as soon as it is answered, and the events of a recording."""
    reader = TraceReader(path)
    summaries = Summaries(reader.begin)
    asked: dict[tuple[int, int], Command] = {}
    for item in reader.items():
        told = summaries.take(item)
        if told is None or not isinstance(item, Item):
            continue
        if told.kind == "command":
            command = from_client(item.frame.data)
            if isinstance(command, Command):
                asked[told.conn, told.line] = command
        elif told.answers and (message := asked.pop((told.conn, told.answers), None)):
            names, makes = names_of(message.arguments), made_by(message.arguments)
            yield Call(told.conn, told.answers, told.line, message.name, names, makes)
        elif told.kind == "event":
            event = from_server(item.frame.data)
            if isinstance(event, Event):
                yield Said(told.conn, told.line, names_of(event.data))
