"""Tells which form of document a text is.

A form is recognised by its clues: patterns that a text of that form has.  `FORMS` is the table of
all forms, the most particular first; a text without all clues of any form is refused with a
message that says which clues it has, and which it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from qmpconf.errors import InputError
from qmpconf.schema.documents import collapsed, commands, events, html_page, makeinfo, manual
from qmpconf.schema.documents.result import Compilation


@dataclass(frozen=True, slots=True)
class Clue:
    """Something that a text of a form has, as a person would name it."""

    name: str
    holds: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Form:
    """A form of document: its name, its clues, its compiler (text and catalog name)."""

    name: str
    clues: tuple[Clue, ...]
    compile: Callable[[str, str], Compilation]


def _has(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: bool(compiled.search(text))


_ARROW = Clue("an example ('-> {')", _has(r"(?<!\S)(?:->|<-)\s*[{\[]"))
_LIST = Clue("'Arguments:'", _has(r"\bArguments:"))
_UNDERLINED = Clue("a heading underlined with '-'", _has(r"^[| \t]{0,9}-{3,}[| \t]{0,9}$"))

FORMS: tuple[Form, ...] = (
    Form(
        "qemu-qmp-ref, HTML",
        (Clue("HTML with headings of commands, events and types", html_page.is_html),),
        lambda text, name: manual.compile_html(text, name=name),
    ),
    Form(
        "qemu-qmp-ref(7), roff",
        (Clue("roff requests of a manual page", manual.is_roff),),
        lambda text, name: manual.compile_roff(text, name=name),
    ),
    Form(
        "qemu-qmp-ref(7), rendered",
        (Clue("the layout of a rendered QMP reference", manual.is_rendered),),
        lambda text, name: manual.compile_rendered(text, name=name),
    ),
    Form(
        "qemu-qmp-ref, makeinfo's text or Info",
        (Clue("definitions ('-- Command: NAME')", makeinfo.is_makeinfo),),
        lambda text, name: manual.compile_makeinfo(text, name=name),
    ),
    Form(
        "qmp-commands.hx",
        (
            Clue("'SQMP' or 'EQMP' on a line", _has(r"^[| \t]*[SE]QMP[| \t]*$")),
            Clue("a table entry ('.name = ')", _has(r"^[| \t]*\.name\s*=")),
        ),
        commands.compile_hx,
    ),
    Form(
        "qmp-commands.txt, white space collapsed",
        (
            Clue("underlines inside of a long line", collapsed.is_collapsed),
            _ARROW,
        ),
        commands.compile_collapsed,
    ),
    Form(
        "qmp-events.txt",
        (_UNDERLINED, Clue("sections of events ('{ \"event\": ...')", events.is_events)),
        events.compile_events,
    ),
    Form("qmp-commands.txt", (_UNDERLINED, _ARROW), commands.compile_plain),
)


def form_of(text: str) -> Form:
    """The form of the document `text`.  Raises InputError when it is none of `FORMS`."""
    if not text.strip():
        raise InputError("the document is empty")
    if "\0" in text:
        raise InputError("is not text (it has NUL characters): give the document's text")
    for form in FORMS:
        if all(clue.holds(text) for clue in form.clues):
            return form
    raise InputError(_unknown(text))


def _unknown(text: str) -> str:
    clues = dict.fromkeys(clue for form in FORMS for clue in form.clues)
    clues[_LIST] = None
    present = [clue.name for clue in clues if clue.holds(text)]
    absent = [clue.name for clue in clues if clue.name not in present]
    forms = ", ".join(form.name for form in FORMS)
    return (
        "is in no known form of QEMU's documents; "
        f"recognised: {'; '.join(present) or 'nothing'}; "
        f"not found: {'; '.join(absent)}; known forms: {forms}"
    )
