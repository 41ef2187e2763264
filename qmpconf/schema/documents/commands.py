"""Compiles ``qmp-commands.txt`` and ``qmp-commands.hx`` in all their forms.

Each form differs only in how its lines are found (see `FORMS`); from there on it is one road:
sections, parts, types, commands, and for ``.hx`` the comparison with its table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from qmpconf.errors import InputError
from qmpconf.schema.documents import collapsed, examples, hx, landmarks, prose, sections
from qmpconf.schema.documents.build import Builder
from qmpconf.schema.documents.lines import Line, View, view
from qmpconf.schema.documents.parts import Parts, parts_of
from qmpconf.schema.documents.result import Compilation, Example, Heading
from qmpconf.schema.documents.sections import Section
from qmpconf.schema.model import Catalog, Command, Source
from qmpconf.text import counted


def compile_plain(text: str, name: str = "") -> Compilation:
    """Compile ``qmp-commands.txt``, from whichever viewer.  Raises InputError without a command."""
    return _Document(view(text), {}, Builder()).compile(text, name, "qmp-commands.txt")


def compile_collapsed(text: str, name: str = "") -> Compilation:
    """Compile ``qmp-commands.txt`` whose white space was collapsed.  Raises InputError."""
    lines = View("", collapsed.restore(text), indented=False)
    form = "qmp-commands.txt, white space collapsed"
    return _Document(lines, {}, Builder()).compile(text, name, form)


def compile_hx(text: str, name: str = "") -> Compilation:
    """Compile ``qmp-commands.hx``, from whichever viewer.  Raises InputError without a command."""
    seen, builder = view(text), Builder()
    halves = hx.take_apart(seen.lines, builder)
    form = f"qmp-commands.hx, {seen.viewer}" if seen.viewer else "qmp-commands.hx"
    prose_only = View(seen.viewer, halves.prose, seen.indented)
    return _Document(prose_only, halves.table, builder).compile(text, name, form)


class _Document:
    def __init__(self, seen: View, table: Mapping[str, hx.HxEntry], builder: Builder) -> None:
        self.view, self.table, self.builder = seen, table, builder
        self.commands: dict[str, Command] = {}
        self.headings: list[Heading] = []
        self.examples: list[Example] = []

    def compile(self, text: str, name: str, form: str) -> Compilation:
        found = sections.split(self.view.lines)
        for section in found:
            self._section(section)
        for entry in self.table.values():
            if entry.name not in self.commands:
                self.commands[entry.name] = hx.command_of(entry, self.builder)
                shown = f'.name = "{entry.name}"'
                self.headings.append(Heading(entry.line, shown, f"command {entry.name}"))
        if not self.commands:
            raise InputError(_nothing(form, found, self.view.lines))
        builder = self.builder
        types = builder.finish()
        version = landmarks.version_of(text, {*self.commands, *types})
        title = " ".join(filter(None, (form.partition(",")[0], version)))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        source = Source("document", "qemu", version, "", form, title, digest)
        default = f"qemu-{version}-doc" if version else "qemu-doc"
        catalog = Catalog(name or default, source, self.commands, {}, types)
        return Compilation(
            catalog,
            tuple(sorted(builder.findings, key=lambda one: (one.line, one.column))),
            tuple(sorted(builder.undetermined, key=lambda one: one.line)),
            tuple(sorted(self.headings, key=lambda one: one.line)),
            tuple(self.examples),
        )

    # ── one section ──────────────────────────────────────────────────────────────────────────

    def _section(self, section: Section) -> None:
        if not section.line:
            return
        parts = parts_of(section.lines)
        name = self._name_of(section, parts)
        if not name:
            self.headings.append(Heading(section.line, section.title, "prose"))
            self._lists_of_prose(section, parts)
            return
        if not section.stroke:
            message = f"the heading {section.title!r} has no underline"
            self._find("document.heading.no-underline", section, name, message)
        if name in self.commands:
            message = f"a second section for the command {name!r}"
            self._find("document.command.twice", section, name, message)
            self.headings.append(Heading(section.line, section.title, "finding"))
            return
        self.headings.append(Heading(section.line, section.title, f"command {name}"))
        self.commands[name] = self._command(name, section, parts)
        self.examples += examples.belonging(parts.examples, name)

    def _command(self, name: str, section: Section, parts: Parts) -> Command:
        entry = self.table.get(name)
        types = {one.name: one.type for one in entry.arguments} if entry else {}
        condition = entry.condition if entry else ""
        told = prose.Told(name, section.line, self.view.indented, types, condition)
        command = prose.command_of(told, parts, self.builder)
        return hx.compare(entry, command, parts.text, self.builder) if entry else command

    def _name_of(self, section: Section, parts: Parts) -> str:
        """The command that a section describes; empty: none."""
        executed = examples.shown(parts.examples, section.title).executes
        title = section.title
        if section.stroke == "=":
            return ""
        if not section.is_name:
            if len(executed) != 1:
                return ""
            message = f"the heading {title!r} does not name the command; its example does"
            self._find("document.heading.name", section, executed[0], message)
            return executed[0]
        if title in self.table or title in executed:
            return title
        longer = [one for one in executed if one.startswith((f"{title}-", f"{title}_"))]
        if len(longer) == 1:
            message = f"the heading {title!r} stands for the command {longer[0]!r}"
            self._find("document.heading.name", section, longer[0], message)
            return longer[0]
        described = parts.examples or parts.arguments or parts.lists or parts.shape
        return title if described or title.islower() else ""

    def _lists_of_prose(self, section: Section, parts: Parts) -> None:
        """A section without a command has nothing for the catalog: say so if it looks as if."""
        if parts.arguments or parts.examples:
            message = f"the section {section.title!r} describes something that it does not name"
            self._find("document.heading.nameless", section, "", message)

    def _find(self, rule: str, section: Section, subject: str, message: str) -> None:
        self.builder.find(rule, section.line, subject, message, column=section.column)


def _nothing(form: str, found: Sequence[Section], lines: Sequence[Line]) -> str:
    titles = ", ".join(repr(one.title) for one in found if one.line)[:200]
    full = sum(not line.blank for line in lines)
    return (
        f"looks like {form} ({counted(full, 'line')}), but no section describes a command; "
        f"headings found: {titles or 'none'}"
    )
