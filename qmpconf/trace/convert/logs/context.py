"""What is known where an object of a log stands: its line, its time, whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from qmpconf.trace.convert.logs import fields as about
from qmpconf.trace.convert.logs.messages import Held
from qmpconf.trace.convert.logs.objects import Found
from qmpconf.trace.convert.logs.times import Times
from qmpconf.trace.records import Side

#: Where in a line its time and whom it concerns are looked for, besides around the message.
HEAD = 4096


@dataclass(slots=True)
class Context:
    """What is known where an object stands: its line, its time, whom it concerns."""

    line: int
    when: datetime | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    before: bytes = b""
    side: Side | None = None  # if the line says
    explicit: bool = False  # whether whatever stands there is a message
    begun: bool = False  # of a line: whether its beginning was looked at


def context_of(around: Context, text: bytes, one: Found, times: Times) -> Context:
    """What is known of an object: what its line says before and behind it."""
    context = Context(around.line, around.when, around.fields, one.before, around.side)
    context.explicit = around.explicit
    if around.explicit:
        return context
    if not around.begun:
        around.begun = True
        head = text[: min(one.at, HEAD)]
        around.when = times.of(head) or around.when
        around.fields = about.of_text(head)
    behind = (one.behind + text[one.end : one.end + 2048]).partition(b"{")[0]
    context.when = times.of(one.before) or around.when
    context.fields = {**around.fields, **about.of_text(one.before, behind)}
    return context


def inner_context(context: Context, part: Held, times: Times) -> Context:
    """The context of a message that another object holds."""
    if not part.path:
        return context
    inner = Context(context.line, context.when, context.fields, part.found.before, context.side)
    inner.explicit = context.explicit
    inner.when = times.of(part.found.before) or times.of_members(part.fields) or context.when
    inner.fields = {
        **context.fields,
        **about.of_members(part.fields),
        **about.of_text(part.found.before, part.found.behind.partition(b"{")[0]),
    }
    return inner
