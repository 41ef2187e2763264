"""The ``.hx`` form: documentation between SQMP and EQMP, a table of commands outside of it.

Takes both apart.  The table's entries (``.name``, ``.args_type``) are a second source, made for
the machine, to hold against the prose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qmpconf.schema.documents.argstype import ArgsTypeError, Argument, parse
from qmpconf.schema.documents.build import Builder
from qmpconf.schema.documents.lines import Line
from qmpconf.schema.doubts import denied
from qmpconf.schema.model import Command, Enum, Facts, Member, Object

_FIELD = re.compile(r'^\.(?P<field>name|args_type)\s*=\s*"(?P<value>[^"]*)"')
_IF = re.compile(r"^#if(?P<kind>def|ndef)?\s*(?P<condition>.*)$")


@dataclass(frozen=True, slots=True)
class HxEntry:
    """A command of the table: its line, its arguments and the line of those, its condition."""

    name: str
    line: int
    arguments: tuple[Argument, ...] = ()
    arguments_line: int = 0
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Hx:
    """The two halves of the file: the prose's lines, and the table."""

    prose: tuple[Line, ...]
    table: Mapping[str, HxEntry]


def take_apart(lines: Sequence[Line], builder: Builder) -> Hx:
    """Tell prose and table apart; what the table gets wrong goes to `builder`."""
    prose: list[Line] = []
    table: dict[str, HxEntry] = {}
    conditions: list[str] = []
    inside, last = False, ""
    for line in lines:
        words = line.words
        if words in ("SQMP", "EQMP"):
            inside = words == "SQMP"
            prose.append(Line(line.number, ""))
        elif words.startswith("HXCOMM"):
            continue
        elif inside:
            prose.append(line)
        elif found := _IF.match(words):
            conditions.append(_condition(found))
        elif words.startswith("#endif"):
            del conditions[-1:]
        elif field := _FIELD.match(words):
            if field["field"] == "name":
                last = field["value"]
                if last in table:
                    message = "the table has this command twice"
                    builder.find("document.command.twice", line.number, last, message)
                table[last] = HxEntry(last, line.number, condition=" && ".join(conditions))
            elif last:
                table[last] = _with_arguments(table[last], field["value"], line, builder)
    return Hx(tuple(prose), table)


def _condition(found: re.Match[str]) -> str:
    condition = found["condition"].strip()
    return {"def": f"defined({condition})", "ndef": f"!defined({condition})"}.get(
        found["kind"] or "", condition
    )


def _with_arguments(entry: HxEntry, text: str, line: Line, builder: Builder) -> HxEntry:
    try:
        arguments = parse(text)
    except ArgsTypeError as error:
        builder.find("document.args-type.unknown", line.number, entry.name, str(error))
        arguments = ()
    return HxEntry(entry.name, entry.line, arguments, line.number, entry.condition)


# ── a command without prose ──────────────────────────────────────────────────────────────────


def command_of(entry: HxEntry, builder: Builder) -> Command:
    """A command that only the table has."""
    message = "the table has this command, but no section describes it"
    builder.find("document.command.undocumented", entry.line, entry.name, message)
    key = f"{entry.name}.arguments" if entry.arguments else ""
    if key:
        members = tuple(_member(one, entry) for one in entry.arguments if not one.open)
        more = any(one.open for one in entry.arguments)
        builder.types[key] = Object(members, open=more, facts=Facts(entry.arguments_line))
    reason = "nothing in the document says what is returned"
    returns = builder.leave(f"{entry.name}.return", entry.line, reason)
    return Command(entry.name, key, returns, facts=Facts(entry.line, condition=entry.condition))


def _member(one: Argument, entry: HxEntry) -> Member:
    return Member(one.name, one.type, one.optional, facts=Facts(entry.arguments_line))


# ── the table against the prose ──────────────────────────────────────────────────────────────


def compare(entry: HxEntry, command: Command, text: str, builder: Builder) -> Command:
    """Report where table and prose disagree, and add what the prose forgot.

    `text` is the section's running text: an argument that it calls invalid was not forgotten.
    Gives the command, with arguments if only the table has any.
    """
    prose = builder.types.get(command.arguments, Object())
    members = {one.name: one for one in prose.members} if isinstance(prose, Object) else {}
    is_open = isinstance(prose, Object) and prose.open
    added: list[Member] = []
    for one in entry.arguments:
        member = members.get(one.name)
        if member is not None:
            members[one.name] = _compared(entry, one, member, builder)
        elif not one.open:
            added += _forgotten(entry, one, text, builder)
        elif not is_open:
            message = f"the table takes further arguments ({one.name}:{one.text}), the prose none"
            _find(builder, "open", entry.arguments_line, entry, message, one.name)
    known = {one.name for one in entry.arguments}
    if not any(one.open for one in entry.arguments):
        for name, member in members.items():
            if name not in known:
                message = f"the prose describes {name!r}, but the table does not take it"
                _find(builder, "missing", member.facts.line, entry, message, name)
        if is_open:
            message = "the prose allows further arguments, the table does not"
            _find(builder, "open", command.facts.line, entry, message)
    if command.arguments and isinstance(prose, Object):
        builder.types[command.arguments] = replace(prose, members=tuple(members.values()))
    if not added:
        return command
    key = command.arguments or f"{command.name}.arguments"
    facts = prose.facts if members else Facts(entry.arguments_line)
    builder.types[key] = Object((*members.values(), *added), open=is_open, facts=facts)
    return Command(command.name, key, command.returns, facts=command.facts)


def _compared(entry: HxEntry, one: Argument, member: Member, builder: Builder) -> Member:
    """The member, which knows what the table denies."""
    facts, table = member.facts, entry.arguments_line
    found = builder.types.get(member.type)
    kind = "str" if isinstance(found, Enum) or member.type in builder.named else member.type
    if kind != one.type and "any" not in (kind, one.type):
        said = kind if kind in ("str", "int", "number", "bool") else "a json-object or json-array"
        message = f"{one.name!r} is {one.type} in the table ({one.text}), but {said} in the prose"
        _find(builder, "type", member.facts.line, entry, message, one.name)
        facts = denied(facts, "type", table)
    if member.optional != one.optional and not one.open:
        words = {True: "optional", False: "mandatory"}
        message = (
            f"{one.name!r} is {words[one.optional]} in the table ({one.text}), "
            f"but {words[member.optional]} in the prose"
        )
        _find(builder, "optional", member.facts.line, entry, message, one.name)
        facts = denied(facts, "missing", table) if one.optional else facts
    return replace(member, facts=facts)


def _forgotten(entry: HxEntry, one: Argument, text: str, builder: Builder) -> list[Member]:
    """An argument that the prose does not list: the member to add, unless it is ruled out."""
    ruled_out = re.search(rf"\"?\b{re.escape(one.name)}\b\"? argument is invalid\b", text)
    if ruled_out:
        message = f"the table takes {one.name!r} ({one.text}), which the prose calls invalid"
    else:
        message = f"the table takes {one.name!r} ({one.text}), which the prose does not describe"
    _find(builder, "undescribed", entry.arguments_line, entry, message, one.name)
    return [] if ruled_out else [_member(one, entry)]


def _find(
    builder: Builder, what: str, line: int, entry: HxEntry, message: str, name: str = ""
) -> None:
    pointer = f"arguments.{name}" if name else "arguments"
    builder.find(f"document.args-type.{what}", line, entry.name, message, pointer)
