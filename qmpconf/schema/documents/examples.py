"""The examples of a document: where one begins, which lines belong to it, and what it shows.

An example begins at an arrow (``->`` from the client, ``<-`` from the server) that JSON follows,
and ends with the line on which its brackets are all closed.  Whether it is right is not asked
here (see `qmpconf.schema.documents.audit`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qmpconf.schema.documents import tolerant
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.documents.result import Example

_ARROW = re.compile(r"^\s*(?P<direction>->|<-)(?P<space>\s*)(?=[{\[])")
#: A line inside of an example that never gets closed: what can only stand behind the example.
_BEHIND = re.compile(r"^\s*(?:->|<-|[SE]QMP$|-{4,}$|={4,}$|Examples?:|Arguments:|Notes?:)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def is_example(line: Line) -> bool:
    """Whether an example begins on this line."""
    return bool(_ARROW.match(line.text))


def gather(lines: Sequence[Line], at: int, subject: str = "") -> tuple[Example, int]:
    """The example that begins at `lines[at]`, and the index of the first line behind it."""
    first = lines[at]
    arrow = _ARROW.match(first.text)
    if not arrow:
        raise ValueError(f"no example begins at line {first.number}")
    texts, numbers = [first.text[arrow.end() :]], [first.number]
    depth = _depth(texts[0])
    here = at + 1
    while depth > 0 and here < len(lines) and not _BEHIND.match(lines[here].text):
        texts.append(lines[here].text)
        numbers.append(lines[here].number)
        depth += _depth(lines[here].text)
        here += 1
    while not texts[-1].strip():
        texts.pop()
        numbers.pop()
    column = first.column + arrow.end()
    example = Example(
        arrow["direction"],
        "\n".join(texts),
        numbers[0],
        numbers[-1],
        subject,
        tuple(numbers),
        column,
    )
    return example, here


def _depth(line: str) -> int:
    """How many more brackets the line opens than it closes; those in strings do not count.

    With a quote too few, nothing says what is in a string: then all brackets count.
    """
    bare = line if line.replace('\\"', "").count('"') % 2 else _QUOTED.sub("", line)
    return sum(bare.count(one) for one in "{[") - sum(bare.count(one) for one in "}]")


def command_of(example: Example) -> str:
    """The command that an example of the client's side executes, or nothing."""
    if example.direction != "->":
        return ""
    node = tolerant.read(example.text).node
    name = node.get("execute") if node else None
    return name.value if name and isinstance(name.value, str) else ""


def belonging(examples: Iterable[Example], subject: str) -> tuple[Example, ...]:
    """The same examples, as those of `subject`."""
    return tuple(replace(one, subject=subject) for one in examples)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the examples of one section show of `command`.

    `arguments` and `returns` hold each object shown there: the names that lead to it, and the
    names of its members.  `replies` are the values returned, `sends` whether any example sends
    arguments, and `executes` the commands executed, in order, each once.
    """

    arguments: tuple[tuple[tuple[str, ...], frozenset[str]], ...]
    returns: tuple[tuple[tuple[str, ...], frozenset[str]], ...]
    replies: tuple[tolerant.Node, ...]
    sends: bool
    executes: tuple[str, ...]


def shown(examples: Iterable[Example], command: str) -> Shown:
    """What `examples`, in the order of the document, show of `command`."""
    arguments: list[tolerant.Node] = []
    replies: list[tolerant.Node] = []
    executes: list[str] = []
    running = ""
    for example in examples:
        node = tolerant.read(example.text).node
        if example.direction == "->":
            running = command_of(example)
            executes.append(running)
            sent = node.get("arguments") if node else None
            if sent is not None and running == command:
                arguments.append(sent)
        elif node is not None and running == command:
            reply = node.get("return")
            replies += [reply] if reply is not None else []
    return Shown(
        _objects(arguments),
        _objects(replies),
        tuple(replies),
        any(one.members for one in arguments),
        tuple(dict.fromkeys(one for one in executes if one)),
    )


def _objects(
    nodes: Iterable[tolerant.Node],
) -> tuple[tuple[tuple[str, ...], frozenset[str]], ...]:
    return tuple(
        (path, frozenset(name for name, _, _ in one.members))
        for node in nodes
        for path, one in node.walk()
    )


@dataclass(slots=True)
class Seen:
    """What the examples of one entry show: values sent, returned or emitted, each with its line."""

    arguments: list[tuple[tolerant.Node, int]] = field(default_factory=list)
    returned: list[tuple[tolerant.Node, int]] = field(default_factory=list)
    data: list[tuple[tolerant.Node, int]] = field(default_factory=list)


def seen_by_entry(examples: Sequence[Example]) -> Mapping[str, Seen]:
    """What the examples show, by the command or event that they are of."""
    found: dict[str, Seen] = _Found()
    running = ""
    for example in examples:
        node = tolerant.read(example.text).node
        if node is None:
            continue
        if example.direction == "->":
            running = command_of(example)
            running = running if running == example.subject else ""
            sent = node.get("arguments")
            if running and sent is not None and sent.kind == "object":
                found[running].arguments.append((sent, example.line))
        elif (event := node.get("event")) is not None:
            data = node.get("data")
            if data is not None:
                found[str(event.value)].data.append((data, example.line))
        elif running and (reply := node.get("return")) is not None:
            found[running].returned.append((reply, example.line))
    return found


class _Found(dict[str, Seen]):
    """What is not shown is shown as nothing."""

    def __missing__(self, name: str) -> Seen:
        self[name] = Seen()
        return self[name]
