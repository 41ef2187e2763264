"""Traces written by hand: a script of `>` (client) and `<` (server) lines becomes a trace file.

The header is line 1, the opening of the session line 2, so the first line of a script is line 3.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qmpconf.check.basis import Basis
from qmpconf.check.checking import findings
from qmpconf.findings import Finding
from qmpconf.schema.introspection import compile_introspection
from qmpconf.trace.reader import TraceReader
from tests.schema.samples import entries

if TYPE_CHECKING:
    from pathlib import Path


VERSION = '{"qemu": {"micro": 0, "minor": 0, "major": 7}, "package": "sample"}'
GREETING = '< {"QMP": {"version": ' + VERSION + ', "capabilities": ["oob"]}}'
OPENING = [GREETING, '> {"execute": "qmp_capabilities"}', '< {"return": {}}']
#: The line of the first message behind `OPENING`.
FIRST = 6

_CAPABILITIES = [
    {"meta-type": "enum", "name": "90", "values": ["oob"]},
    {"meta-type": "array", "name": "[90]", "element-type": "90"},
    {
        "meta-type": "object",
        "name": "91",
        "members": [{"name": "enable", "type": "[90]", "default": None}],
    },
    {"meta-type": "command", "name": "qmp_capabilities", "arg-type": "91", "ret-type": "0"},
    {"meta-type": "command", "name": "quit", "arg-type": "0", "ret-type": "0"},
    {"meta-type": "command", "name": "query-qmp-schema", "arg-type": "0", "ret-type": "any"},
    {"meta-type": "event", "name": "SHUTDOWN", "arg-type": "0"},
]


def schema_entries() -> list[dict[str, object]]:
    return [*entries(), *_CAPABILITIES]


def write(path: Path, script: list[str], close: str = "client") -> Path:
    """Write the script's trace; a third field of a line, behind a tab, is more of its record."""
    lines = [
        '{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","recorder":"by hand","meta":{}}'
    ]
    lines.append('{"t":0.0,"conn":1,"open":{"client":"unix:a","server":"unix:b"}}')
    for number, line in enumerate(script):
        text, _, more = line.partition("\t")
        sender = {"<": "server", ">": "client"}[text[0]]
        more = f",{more}" if more else ""
        lines.append(f'{{"t":{number}.0,"conn":1,"from":"{sender}"{more},"msg":{text[2:]}}}')
    if close:
        lines.append(f'{{"t":99.0,"conn":1,"close":"{close}"}}')
        lines.append(f'{{"t":99.0,"finish":{{"sessions":1,"messages":{len(script)}}}}}')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def basis(*, very_build: bool = True, on_purpose: bool = False) -> Basis:
    catalog = compile_introspection(
        schema_entries(), name="sample", version="7.0.0", package="sample"
    )
    return Basis(catalog, very_build=very_build, sentence="the sample", on_purpose=on_purpose)


def checked(path: Path, one: Basis | None = None) -> list[Finding]:
    """The findings of a trace, against the sample of the very build unless told otherwise."""
    against = basis() if one is None else one

    def choose(*_: object) -> Basis:
        return against

    return list(findings(TraceReader(str(path)), choose))


def schema_reply() -> str:
    return '< {"return": ' + json.dumps(schema_entries()) + "}"
