"""How much of a document was understood: the names that are in it, against those that were compiled.

What a text in an unknown layout gives is little, and looks like a small document.  So two things are counted in
the text itself, apart from any compiler: the headings that name a command, event or type, in every notation that
QEMU's documents have had, and the commands that its examples execute, whatever its headings look like.
"""

from __future__ import annotations

import re
from html import unescape

from qmpconf.errors import InputError
from qmpconf.schema.documents.result import Compilation

_KINDS = "Command|Event|Object|Enum|Alternate"
_NAME = r"[A-Za-z0-9_][\w.+-]*"
#: Notation of a heading: its name stands in the first group.
_NOTATIONS = tuple(
    re.compile(one, re.MULTILINE)
    for one in (
        rf"^[ \t]*-- (?:{_KINDS}): ({_NAME})[ \t]*$",
        rf"({_NAME})(?:</\w+>)? {{1,2}}\((?:{_KINDS})\)",
        rf"(?:{_KINDS}): <strong[^>]*>({_NAME})<",
        rf"^[\d \t]*(?:{_KINDS}) ({_NAME})(?: \(Since: .+\))?[ \t]*$",
        r"^[| \t]*([A-Za-z]\w*(?:[-_]\w+)*)[| \t]*\n[| \t]*-{3,}[| \t]*$",
    )
)
#: What roff source and a terminal put around a name.
_FONTS = re.compile(r"\\f[A-Z]|\\&|.\x08|\x1b\[[0-9;]*[A-Za-z]")
_TAGS = re.compile(r"<[^>]*>")
_EXECUTE = re.compile(rf"[\"']execute[\"']\s*:\s*[\"']({_NAME})[\"']")
#: A document of which less than this share was understood was not.
_ENOUGH = 0.5
#: So few headings can be by chance.
_FEW = 6


def named_in(text: str) -> set[str]:
    """The names that the text's headings have, in the notation that gives most."""
    text = _FONTS.sub("", text).replace("\\-", "-")
    return max((set(one.findall(text)) for one in _NOTATIONS), key=len)


def executed_in(text: str) -> set[str]:
    """The commands that are executed anywhere in the text, whatever its layout."""
    text = _FONTS.sub("", text).replace("\\-", "-")
    if "</" in text:
        text = unescape(_TAGS.sub("", text))
    return set(_EXECUTE.findall(text))


def checked(compilation: Compilation, text: str) -> Compilation:
    """The same, if most of what the text has is in it.  Raises InputError, with the share that is."""
    catalog = compilation.catalog
    types = (one.name for one in catalog.types.values() if hasattr(one, "name"))
    known = {*catalog.commands, *catalog.events, *types, *catalog.types}
    events_alone = catalog.source.form.startswith("qmp-events")
    executed = set() if events_alone else executed_in(text)
    for what, named, among in (
        ("headings", named_in(text), known),
        ("commands that it executes", executed, set(catalog.commands)),
    ):
        missing = sorted(named - among)
        share = len(named) - len(missing)
        if len(named) >= _FEW and share < _ENOUGH * len(named):
            shown = ", ".join(missing[:5])
            raise InputError(
                f"looks like {catalog.source.form}, but only {share} of {len(named)} {what} "
                f"were understood (not: {shown}{', ...' if missing[5:] else ''}): the document is in a layout "
                "that this version does not read, or was damaged"
            )
    return compilation
