"""The bindings of a recording, explained before it is replayed (`qmpconf show TRACE --bindings`).

Two passes over the trace: what the client sends, and where the server said it first.  Each value
that both said is judged as a replay judges it, should the target choose another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qmpconf.protocol.messages import Unknown
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Malformed, Value, loads
from qmpconf.replay.bindings import BOUND, NAMES
from qmpconf.replay.catalogs import catalog_of_trace
from qmpconf.replay.inference import Path, Sent, Use, judge, scalars
from qmpconf.replay.masks import BUILT_IN, Mask, Masks
from qmpconf.replay.plan import Expect, steps
from qmpconf.replay.play.replaying import sent_by_client
from qmpconf.replay.said import Said
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.shared import of_servers

#: The shortest string that is looked for inside of what the client sends.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """One value that the server said and the client sends: bound or not, and why.

    `line`, `subject` and `place` say where the server said it, `uses` where the client sends it.
    """

    value: Value
    is_bound: bool
    reason: str
    line: int
    subject: str
    place: str
    uses: tuple[Use, ...]


def explain(path: str) -> list[Explanation]:
    """The values of a recording that a replay would bind, and those that it would not, by line.

    A value that is bound at one place is said with that place, another one with its first.
    Raises InputError.
    """
    reader = TraceReader(path)
    sent = sent_by_client(reader)
    catalog = catalog_of_trace(path)
    chosen = Masks(
        Mask(one.name, "reply", command, place, "any", "a replay always binds it")
        for one in BOUND
        for command, place in one.chosen
    )
    found: dict[tuple[type, Value], Explanation] = {}
    for said, where, value in _said_and_sent(reader, sent):
        key = (type(value), value)
        if key in found and found[key].is_bound:
            continue
        verdict = judge(sent, lambda: catalog, said.kind, said.of, where, value, said.line)
        always = chosen.covering(said.kind, said.of, where) if said.kind == "reply" else ()
        bound, reason = verdict.how is not None, verdict.reason
        if not verdict.uses:
            continue  # the client had it first, or not as a value of its own
        if always:
            bound, reason = True, f"the server chooses each {always[0].name}: always bound"
        elif any(name in str(value) for name in _made_up(value)):
            bound, reason = True, "a name that the server made up: always bound"
        if key not in found or bound:
            place = pointer(where)
            found[key] = Explanation(
                value, bound, reason, said.line, said.subject, place, verdict.uses
            )
    return sorted(found.values(), key=lambda one: (not one.is_bound, one.line))


def _made_up(value: Value) -> list[str]:
    patterns = {mask.pattern for mask in BUILT_IN if mask.name in NAMES}
    if not isinstance(value, str):
        return []
    return [found[0] for pattern in patterns for found in re.finditer(pattern, value)]


def _said_and_sent(reader: TraceReader, sent: Sent) -> Iterator[tuple[Said, Path, Value]]:
    """Every value of a server's message that the client sends at some time."""
    every = "\0".join(sent.strings)
    for step in steps(of_servers(reader.items()), reader.begin):
        if not isinstance(step, Expect) or isinstance(step.said.message, Unknown):
            continue
        said = step.said
        for where, value in _scalars(said.data):
            if isinstance(value, str):
                inside = len(value) >= _SHORTEST and value in every
                if inside or value in sent.strings:
                    yield said, where, value
            elif not isinstance(value, bool) and isinstance(value, int) and value in sent.integers:
                yield said, where, value


def _scalars(data: bytes) -> Iterator[tuple[Path, Value]]:
    try:
        for path, start, end in scalars(data):
            if path[:1] in (("return",), ("data",)):
                yield path, loads(data[start:end])
    except Malformed:
        return
