"""Rows of `targets`: recordings, and what goes with them, read to their end or as they grow."""

from __future__ import annotations

from qmpconf.trace.convert import FORMATS
from tests.fuzz.target import (
    COMPARE,
    LIAR,
    MONITOR,
    REPLAY,
    SCHEMAS,
    VIEWS,
    WRITER,
    Target,
)

#: One for each file, and for each way to read it.
FILES: tuple[Target, ...] = (
    Target(
        "check traces",
        "trace",
        "check {in}",
        (
            *VIEWS,
            *SCHEMAS,
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
        ("--baseline {known}", "--result -", "--format markdown", *SCHEMAS),
        named="two",
    ),
    Target("check traces", "trace", "check {in} --schema all", ("--format json",), named="all"),
    Target(
        "check --schema",
        "catalog",
        "check {good} --schema {in}",
        (*VIEWS, "--result {out}"),
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
            *SCHEMAS,
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
        f"replay {{in}} --target {{sock}} {REPLAY}",
        (*COMPARE, *VIEWS, "-o {out}", "--speed 1000x"),
        "trace",
        MONITOR,
    ),
    Target(
        "replay trace",
        "wire",
        f"replay {{good}} --target {{sock}} {REPLAY}",
        (*COMPARE, *VIEWS, "-o {out}"),
        "trace",
        LIAR,
        "server",
    ),
    Target(
        "replay --masks",
        "masks",
        f"replay {{good}} --target {{sock}} {REPLAY} --masks {{in}}",
        ("--format json", "--result {out}"),
        "result",
        MONITOR,
    ),
    Target(
        "replay --baseline",
        "baseline",
        f"replay {{good}} --target {{sock}} {REPLAY} --baseline {{in}}",
        ("--format json",),
        "",
        MONITOR,
    ),
    Target("diff before", "trace", "diff {in} {good}", ("--compare shape", *VIEWS)),
    Target("diff after", "trace", "diff {good} {in}", ("--compare outcome", *VIEWS)),
    Target("diff after", "trace", "diff {seed} {in}", VIEWS, named="seed"),
    Target(
        "diff --masks", "masks", "diff {good} {wrong} --masks {in}", ("--result {out}",), "result"
    ),
    Target("diff --baseline", "baseline", "diff {good} {wrong} --baseline {in}", VIEWS),
    Target("learn traces", "trace", "learn {in} {good}", ("-o {out}",), "list"),
    Target("learn traces", "trace", "learn {in} {seed}", ("-o {out}",), "list", named="seed"),
    Target(
        "reduce trace",
        "trace",
        f"reduce {{in}} --target {{sock}} {REPLAY} --time-limit 1 -o {{out}}",
        ("-q", "--difference 2", *COMPARE),
        "trace",
        MONITOR,
    ),
    Target(
        "reduce --masks",
        "masks",
        f"reduce {{wrong}} --target {{sock}} {REPLAY} --time-limit 0.2 -o {{out}} --masks {{in}}",
        (),
        "trace",
        MONITOR,
    ),
    Target(
        "reduce --baseline",
        "baseline",
        f"reduce {{wrong}} --target {{sock}} {REPLAY} --time-limit 0.2 -o {{out}} --baseline {{in}}",
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
)
