"""Who reads what: for every file that a verb reads, how the verb is called with one.

`TARGETS` is the table.  `inputs` lists the files that verbs read by asking the parsers themselves,
so that a verb, or an option, without a target fails a test (`test_targets`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from qmpconf.cli.completion import everything
from qmpconf.trace.convert import FORMATS

#: Peers that a target needs: a monitor that answers, one that says what the input holds, and
#: clients of what the verb serves; and who writes the input while the verb reads it.
MONITOR, LIAR, CLIENT, TALKER = "monitor", "liar", "client", "talker"
WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Target:
    """One file that one verb reads.

    `reads` names the verb and the argument, as `inputs` does.  In `call` and `options` (groups, of
    which some are added) stand ``{in}`` for the input, ``{out}`` for an output, ``{sock}`` for the
    peer's socket, and names of fixed files.  `kind` is that of the input, `out` that of the output.
    """

    reads: str
    kind: str
    call: str
    options: tuple[str, ...] = ()
    out: str = ""
    peer: str = ""
    named: str = ""

    @property
    def verb(self) -> str:
        """The verb, with its sub-verb."""
        return self.reads.rpartition(" ")[0]

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.reads}~{self.named or self.kind}"

    def words(self, rng: Random) -> list[str]:
        """A command line, with some of the options."""
        chosen = rng.sample(self.options, min(len(self.options), rng.choice((0, 1, 1, 2, 3))))
        return [*self.call.split(), *(word for group in chosen for word in group.split(" "))]


_VIEWS = tuple(
    f"--format {one}" for one in ("markdown", "html", "junit", "sarif", "github", "json")
)
_SCHEMAS = ("--schema none", "--schema {catalog}", "--schema {reply}", "--schema qemu-7.2.22-doc")
_REPLAY = "--timeout 0.5 --event-timeout 0.1"
_COMPARE = (
    "--compare exact",
    "--compare shape",
    "--compare outcome",
    "--masks {masks}",
    "--baseline {known}",
)

_FILES: tuple[Target, ...] = (
    Target(
        "check traces",
        "trace",
        "check {in}",
        (
            *_VIEWS,
            *_SCHEMAS,
            "--schema all",
            "-s",
            "--max-latency 1ms",
            "--result {out}",
            "--ignore practice:",
        ),
        "result",
    ),
    Target(
        "check traces",
        "trace",
        "check {in} {good}",
        ("--baseline {known}", "--result -", "--format markdown", *_SCHEMAS),
        named="two",
    ),
    Target("check traces", "trace", "check {in} --schema all", ("--format json",), named="all"),
    Target(
        "check --schema",
        "catalog",
        "check {good} --schema {in}",
        (*_VIEWS, "--result {out}"),
        "result",
    ),
    Target(
        "check --baseline",
        "baseline",
        "check {wrong} --baseline {in}",
        ("--format json", "--result {out}"),
        "result",
    ),
    Target(
        "check --baseline",
        "baseline",
        "check {wrong} --baseline {in} --update",
        ("-q",),
        named="updated",
    ),
    Target(
        "check --baseline", "configuration", "check {wrong} --schema none", named="configuration"
    ),
    Target(
        "coverage traces",
        "trace",
        "coverage {in}",
        (
            *_SCHEMAS,
            "--format json",
            "--format markdown",
            "--kind events",
            "--missing 3",
            "-s",
            "-o {out}",
        ),
        "page",
    ),
    Target(
        "coverage --schema",
        "catalog",
        "coverage {good} --schema {in}",
        ("--format json", "--format markdown", "--kind values", "-o {out}"),
        "page",
    ),
    Target(
        "replay trace",
        "trace",
        f"replay {{in}} --target {{sock}} {_REPLAY}",
        (*_COMPARE, *_VIEWS, "-o {out}", "--speed 1000x"),
        "trace",
        MONITOR,
    ),
    Target(
        "replay trace",
        "wire",
        f"replay {{good}} --target {{sock}} {_REPLAY}",
        (*_COMPARE, *_VIEWS, "-o {out}"),
        "trace",
        LIAR,
        "server",
    ),
    Target(
        "replay --masks",
        "masks",
        f"replay {{good}} --target {{sock}} {_REPLAY} --masks {{in}}",
        ("--format json", "--result {out}"),
        "result",
        MONITOR,
    ),
    Target(
        "replay --baseline",
        "baseline",
        f"replay {{good}} --target {{sock}} {_REPLAY} --baseline {{in}}",
        ("--format json",),
        "",
        MONITOR,
    ),
    Target("diff before", "trace", "diff {in} {good}", ("--compare shape", *_VIEWS)),
    Target("diff after", "trace", "diff {good} {in}", ("--compare outcome", *_VIEWS)),
    Target("diff after", "trace", "diff {seed} {in}", _VIEWS, named="seed"),
    Target(
        "diff --masks", "masks", "diff {good} {wrong} --masks {in}", ("--result {out}",), "result"
    ),
    Target("diff --baseline", "baseline", "diff {good} {wrong} --baseline {in}", _VIEWS),
    Target("learn traces", "trace", "learn {in} {good}", ("-o {out}",), "list"),
    Target("learn traces", "trace", "learn {in} {seed}", ("-o {out}",), "list", named="seed"),
    Target(
        "reduce trace",
        "trace",
        f"reduce {{in}} --target {{sock}} {_REPLAY} --time-limit 1 -o {{out}}",
        ("-q", "--difference 2", *_COMPARE),
        "trace",
        MONITOR,
    ),
    Target(
        "reduce --masks",
        "masks",
        f"reduce {{wrong}} --target {{sock}} {_REPLAY} --time-limit 0.2 -o {{out}} --masks {{in}}",
        (),
        "trace",
        MONITOR,
    ),
    Target(
        "reduce --baseline",
        "baseline",
        f"reduce {{wrong}} --target {{sock}} {_REPLAY} --time-limit 0.2 -o {{out}} --baseline {{in}}",
        (),
        "trace",
        MONITOR,
    ),
    Target("emulator command trace", "trace", "emulator command {in}", ("-q", "--qemu x")),
    Target(
        "show trace",
        "trace",
        "show {in}",
        (
            "--pretty",
            "--format json",
            "--errors",
            "--slow 1",
            "--command query-*",
            "--event *",
            "--bindings",
            "--line 3-",
            "--session 1",
        ),
    ),
    Target(
        "show trace",
        "trace",
        "show {in} --follow",
        ("--pretty", "--format json", "--filter not(error)", "--slow 1"),
        "",
        WRITER,
        "follow",
    ),
    Target(
        "view trace", "trace", "view {in}", ("--protocol qga", "--schema none", "--filter event")
    ),
    Target(
        "view trace",
        "trace",
        "view {in} --follow",
        ("--protocol qga", "--schema none", "--filter not(error)"),
        "",
        WRITER,
        "follow",
    ),
    Target(
        "check traces",
        "trace",
        "check {in} --follow",
        ("--schema none", "--schema qemu-7.2.22", "--max-latency 1ms", "--ignore practice:"),
        "",
        WRITER,
        "follow",
    ),
    Target("view --schema", "catalog", "view {good} --schema {in}"),
    Target(
        "stats traces",
        "trace",
        "stats {in}",
        ("--format json", "--format markdown", "--top 0", "{good}"),
    ),
    *(
        Target(
            "convert source",
            "log",
            f"convert {{in}} {{out}} --from {one.name}",
            ("--session 1", "--session-by pid", "--no-redact", "--secret hunter2", "-q"),
            "trace",
            named=f"log-{one.name}",
        )
        for one in FORMATS
        if not one.name.startswith(("pcap", "qmptrace"))
    ),
    Target(
        "convert source",
        "log",
        "convert {in} {out}",
        (
            "--session-by none",
            "--no-redact",
            "-q",
            "--pattern ^(?P<time>\\S+)\\s(?P<side>\\S+)\\s(?P<message>.*)",
        ),
        "trace",
        named="log-guessed",
    ),
    *(
        Target(
            "convert source",
            "trace",
            f"convert {{in}} {{out}} --to {one.name} --from qmptrace",
            ("--session 1", "--no-redact", "--port 4444", "-q"),
            "other",
            named=f"to-{one.name}",
        )
        for one in FORMATS
        if one.writes
    ),
    Target(
        "convert source",
        "capture",
        "convert {in} {out}",
        ("--port 4444", "--session 1", "-q"),
        "trace",
    ),
    Target(
        "convert source",
        "trace",
        "convert {in} {out} --to otlp",
        ("--session 1", "-q"),
        named="otlp",
    ),
    Target("convert --secret", "secrets", "convert {good} {out} --secret @{in}", (), "trace"),
    Target("redact named", "trace", "redact {in} {out}", ("--secret query", "-q"), "trace"),
    Target("redact named", "trace", "redact --scan {in}", ("--secret query", "-q"), named="scan"),
    Target("redact --secret", "secrets", "redact {good} {out} --secret @{in}", (), "trace"),
    Target("record --config", "host", "record --list --config {in}", ("-q",)),
    Target("record --secret", "secrets", "record -o {out} --secret @{in}", ("-q",), "trace"),
    Target(
        "record --output", "trace", "record --mode once --listen {in}.sock -o {in} -- true", ("-q",)
    ),
    Target(
        "record client",
        "wire",
        "record --server {sock} --listen {in}.sock --once -o {out}",
        ("-q", "--no-redact", "--secret query"),
        "trace",
        LIAR,
        "wire",
    ),
    Target(
        "serve trace",
        "trace",
        "serve {in} --listen {in}.sock --timeout 0.3 --once",
        ("--order request",),
        "",
        CLIENT,
    ),
    Target(
        "serve --schema",
        "commands",
        "serve --listen {in}.sock --once",
        ("--schema {reply}", "--schema qemu-storage-daemon-11.1.3"),
        "",
        TALKER,
    ),
    Target(
        "record --faults",
        "faults",
        "record --server {sock} --listen {in}.sock --once -o {out} --faults {in}",
        ("-q", "--seed 3", "--write-faults {out}.toml"),
        "trace",
        LIAR,
    ),
    Target(
        "serve --faults",
        "faults",
        "serve --listen {in}.sock --once --faults {in}",
        ("--seed 3", "--write-faults {out}.toml"),
        "",
        TALKER,
    ),
    Target(
        "reduce --faults",
        "faults",
        "reduce --target {sock} --timeout 0.3 --time-limit 0.2 --faults {in} -- true",
        ("-q", "--seed 3"),
        "",
        MONITOR,
    ),
    Target(
        "serve trace",
        "commands",
        "serve {good} --listen {in}.sock --once --timeout 0.3",
        ("--order request",),
        "",
        TALKER,
    ),
    Target(
        "serve --schema",
        "catalog",
        "serve --schema {in} --listen {in}.sock --once",
        ("--name x",),
        "",
        CLIENT,
    ),
    Target(
        "conform --schema",
        "catalog",
        "conform --target {sock} --schema {in} --timeout 1 --dry-run",
        ("--list",),
        "",
        MONITOR,
    ),
    Target(
        "conform --schema",
        "wire",
        "conform --target {sock} --timeout 0.3 --dry-run",
        ("--list",),
        "",
        LIAR,
        "server",
    ),
    Target(
        "conform --schema",
        "catalog",
        "conform --target {sock} --schema {in} --timeout 1 -k greeting -k query-status",
        ("-v", "-q", "--result {out}", "--report outdir"),
        "result",
        MONITOR,
        "run",
    ),
    Target(
        "conform --schema",
        "wire",
        "conform --target {sock} --timeout 0.1 --schema none -k greeting",
        ("-v", "--result {out}", "--report outdir"),
        "result",
        LIAR,
        "run-server",
    ),
    Target(
        "conform --baseline",
        "known",
        "conform --target {sock} --baseline {in} --timeout 1 --dry-run",
        ("--schema none",),
        "",
        MONITOR,
    ),
    Target(
        "conform --matrix",
        "servers",
        "conform --matrix {in} -k nosuch --timeout 0.3",
        ("--schema none", "--result {out}", "-q"),
        "result",
    ),
    Target(
        "conform-client --schema",
        "catalog",
        "conform-client --schema {in} -k plain --timeout 1 -- true",
        ("-q",),
    ),
    Target(
        "conform-client --baseline",
        "known",
        "conform-client --baseline {in} -k plain --timeout 1 -- true",
        ("-q",),
    ),
    Target(
        "conform-client --matrix",
        "clients",
        "conform-client --matrix {in} -k plain --timeout 1",
        ("-q",),
    ),
    Target(
        "explore --seen",
        "trace",
        "explore --spawn {dies} --lives 1 --seen {in}",
        ("-q", "--format json"),
    ),
    Target(
        "explore --baseline",
        "baseline",
        "explore --spawn {dies} --lives 1 --baseline {in}",
        ("-q", "--format json"),
    ),
    Target(
        "explore --schema",
        "catalog",
        "explore --spawn {dies} --lives 1 --schema {in}",
        ("-q",),
    ),
    Target(
        "report results",
        "result",
        "report {in}",
        (*_VIEWS, "-s", "--exit-zero", "{check.result}", "--format all -o outdir"),
    ),
    Target(
        "report results",
        "result",
        "report {check.result} {in}",
        (*_VIEWS, "{audit.result}"),
        named="two",
    ),
    Target(
        "schema fetch --trace",
        "trace",
        "schema fetch --trace {in}",
        ("-o {out}", "--name x"),
        "catalog",
    ),
    Target(
        "schema fetch --target",
        "wire",
        "schema fetch --target {sock}",
        ("-o {out}", "--name x"),
        "catalog",
        LIAR,
    ),
    Target(
        "schema show catalog",
        "catalog",
        "schema show {in}",
        ("query-status", "device_add", "STOP", "lamp-on", "qom-set"),
    ),
    Target("schema export catalog", "catalog", "schema export {in}", ("-o {out}",), "schema"),
    Target(
        "schema compile file",
        "document",
        "schema compile {in}",
        ("-o {out}", "--name x"),
        "catalog",
    ),
    Target(
        "schema compile file",
        "document",
        "schema compile {in} --release 10.0",
        ("--introspection {reply}", "--config CONFIG_SECOND", "--config !TWO"),
        named="release",
    ),
    Target(
        "schema compile --introspection",
        "catalog",
        "schema compile {qapi} --introspection {in}",
        ("-o {out}",),
        "catalog",
    ),
    Target(
        "schema compile --config",
        "document",
        "schema compile {qapi} --config {in}",
        ("-o {out}",),
        "catalog",
    ),
    Target(
        "schema audit files",
        "document",
        "schema audit {in}",
        ("--format json", "--format markdown", "--catalog {catalog}", "-o {out}"),
        "page",
    ),
    Target(
        "schema audit --catalog",
        "catalog",
        "schema audit {document} --catalog {in}",
        ("--format json", "--result {out}"),
        "result",
    ),
    Target(
        "schema audit --baseline",
        "baseline",
        "schema audit {document} --baseline {in}",
        ("--format json", "--result {out}"),
        "result",
    ),
    Target(
        "schema diff --baseline",
        "baseline",
        "schema diff {catalog} {reply} --baseline {in}",
        ("--format json", "--result {out}"),
        "result",
    ),
    Target(
        "schema diff before",
        "catalog",
        "schema diff {in} {reply}",
        ("--format json", "--format markdown", "--result {out}", "--level breaks"),
        "result",
    ),
    Target(
        "schema diff before",
        "document",
        "schema diff {in} {catalog}",
        ("--format json", "--format markdown", "--result {out}"),
        "result",
    ),
    Target(
        "schema diff after",
        "catalog",
        "schema diff {catalog} {in}",
        ("--format json", "--format markdown", "--result {out}"),
        "result",
    ),
    Target(
        "schema history --catalog",
        "catalog",
        "schema history --product qemu-ga --catalog {in}",
        (
            "--format json",
            "--format markdown",
            "--format html -o {out}",
            "--all",
            "query-status",
            "lamp-on/arguments",
        ),
        "page",
    ),
    Target(
        "schema history --catalog",
        "document",
        "schema history --product qemu-ga --catalog {in}",
        ("--format json", "--format html", "--all", "query-status"),
    ),
    Target(
        "schema agree catalogs",
        "catalog",
        "schema agree {in} {reply}",
        ("--format json", "--format markdown", "-o {out}"),
        "page",
    ),
    Target(
        "schema agree catalogs",
        "document",
        "schema agree {in} {catalog}",
        ("--format json", "--format markdown"),
    ),
    Target(
        "schema agree --notes",
        "notes",
        "schema agree {catalog} {reply} --notes {in}",
        ("--format json", "--format markdown", "-o {out}"),
        "page",
    ),
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
    "replay": (f"replay {{good}} --target {{sock}} {_REPLAY}", MONITOR),
    "reduce": (f"reduce {{wrong}} --target {{sock}} {_REPLAY} -o {{out}}", MONITOR),
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


TARGETS: tuple[Target, ...] = (*_FILES, *_worded(everything()))

BY_NAME: Mapping[str, Target] = {one.name: one for one in TARGETS}

#: Verbs without a target, and why.
READ_NOTHING = {
    "emulator install": "it only looks whether its files are there",
    "demo": "it makes what it reads",
    "completion": "it takes the name of a shell",
    "schema list": "it takes nothing",
}
