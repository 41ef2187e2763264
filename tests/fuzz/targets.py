"""Who reads what: for every file that a verb reads, how the verb is called with one.

`TARGETS` is the table: the rows of `files_of_*`, and one for each option that takes a word.  `inputs` lists the
files that verbs read by asking the parsers themselves, so that a verb, or an option, without a target fails a
test (`test_targets`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from qmpconf.cli.completion import everything
from tests.fuzz import files_of_catalogs, files_of_peers, files_of_recordings
from tests.fuzz.target import (
    MONITOR,
    REPLAY,
    Target,
)

#: Arguments that name no file to read, by their metavar; all others are.
NOT_READ = frozenset(
    {
        "VERB",
        "ADDR",
        "BINARY",
        "COMMAND",
        "SECONDS",
        "N",
        "TEXT",
        "REQUIREMENT",
        "[COMMAND=]TIME",
        "[KIND=]PERCENT",
        "NAME",
        "MS",
        "A[-B]",
        "REGEX",
        "KEYS",
        "PATTERN",
        "DIR",
        "FORMAT",
        "X.Y",
        "SHELL",
        "ENTRY",
        "OUT",
        "INTERFACE",
        "CLIENT",
        "CATALOG.json",
    }
)
#: Of those that are left, what is only written.
WRITTEN = frozenset({"-o", "--output", "--result", "--update", "--write-faults", "path"})
#: Positional names of catalogs, and options of that metavar, may be files.
CATALOGS = frozenset({"catalog", "before", "after", "catalogs", "--catalog"})


def inputs(parser: argparse.ArgumentParser | None = None, above: str = "") -> Iterator[str]:
    """``VERB ARGUMENT`` of all files that verbs read, by the parsers."""
    for action in (parser or everything())._actions:
        if isinstance(action.choices, dict):
            for name, sub in action.choices.items():
                yield from inputs(sub, f"{above} {name}".strip())
            continue
        name = max(action.option_strings, key=len, default=action.dest)
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        if action.nargs == 0 or not metavar:
            continue
        if name in CATALOGS or (metavar not in NOT_READ and name not in WRITTEN):
            yield f"{above} {name}"


def verbs(parser: argparse.ArgumentParser | None = None, above: str = "") -> Iterator[str]:
    """All verbs, with their sub-verbs."""
    nested = [one for one in (parser or everything())._actions if isinstance(one.choices, dict)]
    for action in nested:
        assert isinstance(action.choices, dict)
        for name, sub in action.choices.items():
            yield from verbs(sub, f"{above} {name}".strip())
    if not nested:
        yield above


#: How each verb is called, to give one of its options any word: the call, and the peer.
_CALLS = {
    "check": ("check {wrong}", ""),
    "coverage": ("coverage {good}", ""),
    "replay": (f"replay {{good}} --target {{sock}} {REPLAY}", MONITOR),
    "reduce": (f"reduce {{wrong}} --target {{sock}} {REPLAY} -o {{out}}", MONITOR),
    "learn": ("learn {good} {good}", ""),
    "diff": ("diff {good} {wrong}", ""),
    "show": ("show {good}", ""),
    "view": ("view {good}", ""),
    "stats": ("stats {good}", ""),
    "convert": ("convert {good} {out} --to transcript", ""),
    "redact": ("redact {good} {out}", ""),
    "record": ("record -o {out}", ""),
    "conform": ("conform --list", ""),
    "conform-client": ("conform-client --list", ""),
    "explore": ("explore --spawn {dies} --lives 1", ""),
    "report": ("report {check.result}", ""),
    "requirements": ("requirements", ""),
    "help": ("help", ""),
    "schema fetch": ("schema fetch --trace {reply}", ""),
    "schema show": ("schema show {catalog}", ""),
    "schema export": ("schema export {catalog}", ""),
    "schema compile": ("schema compile {document}", ""),
    "schema audit": ("schema audit {document}", ""),
    "schema diff": ("schema diff {catalog} {reply}", ""),
    "schema agree": ("schema agree {catalog} {reply}", ""),
    "schema history": ("schema history --product qemu-ga", ""),
}
#: Options that start something, wait for somebody, or write into any folder.
_NOT_WORDS = frozenset({"ADDR", "COMMAND", "INTERFACE", "DIR"})


def _worded(parser: argparse.ArgumentParser, above: str = "") -> Iterator[Target]:
    """A target for each option that takes a word, and for each positional word."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name, sub in action.choices.items():
                yield from _worded(sub, f"{above} {name}".strip())
            continue
        if action.nargs == 0 or above not in _CALLS or action.metavar in _NOT_WORDS:
            continue
        name = max(action.option_strings, key=len, default=action.dest)
        call, peer = _CALLS[above]
        word = f"{name}={{word}}" if action.option_strings else "{word}"
        if len(name) == 2:
            word = f"{name}{{word}}"
        yield Target(f"{above} {name}", "words", f"{call} {word}", peer=peer, named="word")


TARGETS: tuple[Target, ...] = (
    *files_of_recordings.FILES,
    *files_of_peers.FILES,
    *files_of_catalogs.FILES,
    *_worded(everything()),
)

BY_NAME: Mapping[str, Target] = {one.name: one for one in TARGETS}

#: Verbs without a target, and why.
READ_NOTHING = {
    "emulator install": "it only looks whether its files are there",
    "demo": "it makes what it reads",
    "completion": "it takes the name of a shell",
    "schema list": "it takes nothing",
}
