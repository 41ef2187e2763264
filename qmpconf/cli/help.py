"""``qmpconf help [VERB [SUBVERB]]``: what ``--help`` says, and the language of filters; ``--man FOLDER`` writes manual pages."""

from __future__ import annotations

import argparse
import os
import sys

from qmpconf.cli import options
from qmpconf.cli.examples import explain
from qmpconf.errors import UsageError
from qmpconf.outputs import Outputs, make_folder, write_file
from qmpconf.text import counted

_EPILOG = """\
examples:
  qmpconf help check
  qmpconf help schema diff
  qmpconf help filter          (the language of --filter)
  qmpconf help --man ~/.local/share/man/man1
"""


#: Columns of a page where there is no terminal.
_WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the verb."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "words",
        metavar="VERB",
        nargs="*",
        help="a verb, and perhaps its sub-verb (none: all verbs); or filter, the language of --filter",
    )
    parser.add_argument(
        "--man",
        metavar="DIR",
        help="write a manual page for each verb into this folder: qmpconf.1, qmpconf-check.1, ...",
    )
    options.force(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the help, or write the pages."""
    from qmpconf.cli.main import VERBS, meant, parser_of, top_parser

    if arguments.man is not None:
        if arguments.words:
            raise UsageError("--man writes the pages of all verbs: name none")
        return _write(arguments.man, force=arguments.force)
    parser = top_parser()
    if arguments.words:
        verb, *rest = arguments.words
        if arguments.words == ["filter"]:
            return _filter()
        if verb not in VERBS:
            parser.error(f"{verb!r} is not a verb; {meant(verb, VERBS)}")
        parser = parser_of(verb)
        for word in rest:
            parser.look_for_mistakes([word])
            if word not in parser.subverbs():
                raise UsageError(f"{parser.prog} has no sub-verbs: {word!r} is one word too many")
            parser = parser.subverbs()[word]
    parser.print_help()
    return 0


def _filter() -> int:
    from qmpconf.report.filter import page
    from qmpconf.report.terminal import Terminal

    print(*page(Terminal(sys.stdout).width(_WIDTH)), sep="\n\n")
    return 0


def _write(folder: str, *, force: bool) -> int:
    from qmpconf.cli.manual import pages

    made = pages()
    outputs = Outputs(force=force)
    for name in made:
        outputs.add(os.path.join(folder, name), "page", "--man: the page")
    make_folder(folder, "--man")
    for name, text in made.items():
        write_file(os.path.join(folder, name), text.encode())
    print(f"qmpconf help: wrote {counted(len(made), 'page')} to {folder}", file=sys.stderr)
    return 0
