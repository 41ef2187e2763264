"""Compiles ``qmp-events.txt`` (0.13 to 2.8): what a server of those releases emits.

A section for each event, as ``qmp-commands.txt`` has one for each command; what an event carries stands
under ``Data:`` in the same grammar, and its example is the event itself, without an arrow.  So each
section is read as a command's whose arguments are the data.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from qmpconf.errors import InputError
from qmpconf.schema.documents import examples, landmarks, prose, sections
from qmpconf.schema.documents.build import Builder
from qmpconf.schema.documents.lines import Line, view
from qmpconf.schema.documents.parts import parts_of
from qmpconf.schema.documents.result import Compilation, Example, Heading
from qmpconf.schema.documents.sections import Section
from qmpconf.schema.model import Catalog, Event, Facts, Object, Source
from qmpconf.text import counted

FORM = "qmp-events.txt"

_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_SHOWN = re.compile(r'^\s*\{\s*"(?:event|timestamp)"\s*:')
_DATA = re.compile(r"^(\s*)Data:")
_VALUE = re.compile(r'(?P<indent>\s+)"(?P<value>[\w-]+)":\s*(?P<text>\S.*)')
#: Data that a type of the schema describes, which the document does not have.
_ELSEWHERE = re.compile(r"^\s*-?\s*data: (?P<type>\w+) type as described in ", re.IGNORECASE)


def is_events(text: str) -> bool:
    """Whether `text` describes events one by one, and shows them."""
    lines = view(text).lines
    names = [one for one in sections.split(lines) if one.stroke == "-"]
    shown = sum(bool(_SHOWN.match(line.text)) for line in lines)
    return bool(names) and shown > 0 and 2 * sum(map(_is_event, names)) > len(names)


def _is_event(section: Section) -> bool:
    return bool(_NAME.fullmatch(section.title))


def compile_events(text: str, name: str = "") -> Compilation:
    """Compile ``qmp-events.txt``.  Raises InputError when it describes no event."""
    seen, builder = view(text), Builder()
    events: dict[str, Event] = {}
    headings: list[Heading] = []
    shown: list[Example] = []
    for section in sections.split(seen.lines):
        title = section.title
        if not section.line:
            continue
        if section.stroke != "-" or not _is_event(section):
            headings.append(Heading(section.line, title, "prose"))
        elif title in events:
            message = f"a second section for the event {title!r}"
            builder.find("document.entry.twice", section.line, title, message)
            headings.append(Heading(section.line, title, "finding"))
        else:
            headings.append(Heading(section.line, title, f"event {title}"))
            events[title] = _event(section, builder, shown, indented=seen.indented)
    if not events:
        raise InputError(
            f"looks like {FORM} ({counted(len(headings), 'heading')}), but names no event"
        )
    types = builder.finish()
    version = landmarks.package_of(text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    source = Source("document", "qemu", version, "", FORM, f"{FORM} {version}".strip(), digest)
    catalog = Catalog(name or "qemu-doc", source, {}, events, types)
    return Compilation(
        catalog,
        tuple(sorted(builder.findings, key=lambda one: (one.line, one.column))),
        tuple(sorted(builder.undetermined, key=lambda one: one.line)),
        tuple(headings),
        tuple(shown),
    )


def _event(section: Section, builder: Builder, shown: list[Example], *, indented: bool) -> Event:
    name = section.title
    parts = parts_of(_as_command(section.lines))
    shown += [replace(one, subject=name) for one in parts.examples]
    told = prose.Told(name, section.line, indented, {}, place="data")
    elsewhere = [found for line in section.lines if (found := _ELSEWHERE.match(line.text))]
    if elsewhere and not parts.of("arguments"):
        key, kind = f"{name}.data", elsewhere[0]["type"]
        builder.leave(key, section.line, f"the type {kind} is described in the schema alone")
        builder.types[key] = Object(open=True, facts=Facts(section.line))
        return Event(name, key, facts=Facts(section.line))
    command = prose.command_of(told, parts, builder)
    return Event(name, command.arguments, facts=command.facts)


def _as_command(lines: Sequence[Line]) -> list[Line]:
    """The lines as those of a command: data are arguments, and examples have an arrow."""
    found: list[Line] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if _SHOWN.match(line.text):
            arrow = replace(line, text=f"<- {line.words}")
            _, end = examples.gather([arrow, *lines[at + 1 :]], 0)
            found += [arrow, *lines[at + 1 : at + end]]
            at += max(end, 1)
            continue
        found.append(replace(line, text=_DATA.sub(r"\1Arguments:", line.text)))
        at += 1
    return _values_inside(found)


def _values_inside(lines: list[Line]) -> list[Line]:
    """The lines with values that stand below an item moved into its parenthesis.

    ``"action": what was done (json-string):`` has a line ``"ignore": why`` for each.
    """
    for at, line in enumerate(lines):
        if not line.text.endswith("(json-string):"):
            continue
        below = lines[at + 1 :]
        number = next((n for n, one in enumerate(below) if not _VALUE.match(one.text)), len(below))
        values = [found for one in below[:number] if (found := _VALUE.match(one.text))]
        if values:
            told = " or ".join(f'"{one["value"]}"' for one in values)
            lines[at] = replace(line, text=f"{line.text[:-2]}, {told})")
            for offset, one in enumerate(values, at + 1):
                text = f"{one['indent']}{one['value']}, {one['text']}"
                lines[offset] = replace(lines[offset], text=text)
    return lines
