"""The verb ``schema``: its sub-verbs, each a module ``qmpconf.cli.schema.<name>``.

Such a module is like a verb's: ``configure(parser)`` and ``run(arguments) -> int``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from qmpconf.cli.examples import sentence

if TYPE_CHECKING:
    import argparse

#: sub-verb: one line of help
SUBVERBS = {
    "fetch": "make a catalog from a running server, or from a recorded session",
    "list": "list the catalogs that come with qmpconf",
    "show": "show a catalog, or one of its commands, events and types",
    "export": "write a catalog as one JSON Schema 2020-12 bundle",
    "compile": "compile a document of QEMU into a catalog",
    "audit": "hold a document's examples against what the document says",
    "diff": "show what changes between two catalogs, what breaks a client first",
    "history": "show when commands, events, members and values came, were deprecated and went",
    "agree": "measure how far documents agree with what their servers do",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-verbs."""
    choices = parser.add_subparsers(dest="subverb", metavar="SUBVERB", required=True)
    for name, text in SUBVERBS.items():
        module = importlib.import_module(f"qmpconf.cli.schema.{name}")
        sub = choices.add_parser(name, help=text, description=sentence(text))
        module.configure(sub)
        sub.set_defaults(run_subverb=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-verb and give its exit code."""
    return int(arguments.run_subverb(arguments))
