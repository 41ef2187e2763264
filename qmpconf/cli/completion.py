"""``qmpconf completion SHELL``: the script that lets a shell complete verbs, options and files."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

import shtab

from qmpconf.cli.results import FORMATS
from qmpconf.schema.store import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Shells whose scripts were tried.
SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
Installed with pip or by a distribution, a file for each shell is below PREFIX/share, where shells
look for it: it loads the script of the installed version when qmpconf is completed first.
bash-completion also finds that of a virtual environment in PATH; zsh needs
PREFIX/share/zsh/site-functions in fpath, fish PREFIX/share in XDG_DATA_DIRS. Otherwise write the
script where your shell looks:

examples:
  qmpconf completion bash > ~/.local/share/bash-completion/completions/qmpconf
  qmpconf completion zsh > ~/.zfunc/_qmpconf       (with ~/.zfunc in fpath)
  qmpconf completion fish > ~/.config/fish/completions/qmpconf.fish
"""

#: What options that take a catalog complete to, besides its file.
_BASH = """\
_qmpconf_catalogs() {{
  compgen -W "{names}" -- "$1"
  compgen -f -- "$1"
}}"""
_ZSH = """\
_qmpconf_catalogs() {{
  compadd -- {names}
  _files
}}"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the shell."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    words = " ".join(("auto", "none", "all", *shipped()))
    preamble = {"bash": _BASH.format(names=words), "zsh": _ZSH.format(names=words)}
    parser = everything()
    for action in _actions(parser):
        _mark(action)
    # shtab takes a preamble for each shell; its types have one for all.
    print(shtab.complete(parser, arguments.shell, preamble=preamble))  # type: ignore[arg-type]
    return 0


def everything() -> argparse.ArgumentParser:
    """The whole command line as one parser, with every verb and sub-verb."""
    from qmpconf.cli.main import VERBS

    top = argparse.ArgumentParser(prog="qmpconf")
    top.add_argument("--version", action="store_true", help="show the version")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    for verb, (module, text) in VERBS.items():
        importlib.import_module(f"qmpconf.cli.{module}").configure(
            verbs.add_parser(verb, help=text, description=text)
        )
    return top


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        yield action
        if isinstance(action.choices, dict):
            for sub in action.choices.values():
                yield from _actions(sub)


def _mark(action: argparse.Action) -> None:
    """Tell shtab what the argument completes to, by its metavar."""
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    words = metavar.rstrip(".").split("|")
    complete: dict[str, str | dict[str, str]] | dict[str, str]
    if action.choices is None and metavar == "FORMAT":
        action.choices = (*FORMATS, "all")
        return
    named = not action.option_strings and {"NAME", "BEFORE", "AFTER"} & set(words)
    if named or ("NAME" in words and {"FILE", "auto"} & set(words)):
        complete = {"bash": "_qmpconf_catalogs", "zsh": "_qmpconf_catalogs", "fish": ""}
    elif "DIR" in words:
        complete = shtab.DIRECTORY
    elif {"FILE", "TRACE", "RESULT", "IN", "OUT", "DOCUMENT"} & set(words):
        complete = shtab.FILE
    else:
        return
    action.complete = complete  # type: ignore[attr-defined]
