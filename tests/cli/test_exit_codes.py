"""The exit codes of every verb (qmpconf/README.md, Exit codes), and what is said beside them.

0 conforms, 1 findings or differences, 2 usage, 3 a file cannot be read or written, or is not what
it should be, 4 the target cannot be reached or went away.  130, for what is interrupted, is tested where a verb
runs long enough to be (`record`, `serve`, `replay`, `show --follow`).
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import shlex
import sys
import warnings
from pathlib import Path

import pytest

from qmpconf.cli.main import VERBS, main
from qmpconf.cli.schema import SUBVERBS

SERVE = f"{sys.executable} -m qmpconf serve --listen {{socket}}"
DIES = "sh -c 'exit 3' {socket}"

#: Call (where `{...}` names a file of the fixture `files`, or SERVE) and its exit code.
CALLS: list[tuple[str, int]] = [
    ("", 2),
    ("nonsense", 2),
    ("--version", 0),
    ("help schema diff", 0),
    ("help nonsense", 2),
    ("help --man {new}", 0),
    ("help --man {text}/man", 3),
    ("demo -o {new}", 0),
    ("demo -o {absent}/x", 3),
    ("demo --nonsense", 2),
    ("record --spawn {serve} -o {new} -- {client}", 0),
    ("record --spawn {dies} -o {new} -- {client}", 4),
    ("record --server {nosocket} --listen {newsocket} -o {new} -- {ignores}", 4),
    ("record --config {odd}", 3),
    ("record --spawn {serve} -o {new} --faults {odd} -- {client}", 3),
    ("record -o {new}", 2),
    ("record -o {new} --attach {nosocket}", 4),
    ("record -o {new} --attach {nosocket} --server {nosocket}", 2),
    ("record -o {new} --attach fd:0", 2),
    ("record -o {new} --server {nosocket} --listen {new} --observe {new}", 2),
    ("record -o {new} --server {nosocket} --listen {new} --share --protocol qga", 2),
    ("record -o {new} --server x --listen y --share --server-dials --client-listens", 2),
    ("record -o {new} --dir . --listen {new}.d --observe {new}.w", 2),
    ("record -o {new} --trace-log {absent} --target {nosocket}", 3),
    ("record -o {new} --trace-log /dev/null --target {nosocket}", 2),
    ("record -o {new} --trace-log {absent}", 2),
    ("record -o {good} --force --trace-log {good} --target {nosocket}", 2),
    ("record -o {new} --target {nosocket}", 2),
    ("record -o {new} --trace-log {absent} --target {nosocket} --listen {newsocket}", 2),
    ("record -o {new} --trace-log {absent} --target fd:0", 2),
    ("record --spawn {serve} -o {absent}/x -- true", 3),
    ("emulator install {new} --qemu true --output {new}.d", 0),
    ("emulator install {text} --qemu true --output {new}.d", 2),
    ("emulator install {absent}/x --qemu true --output {new}.d", 3),
    ("emulator", 2),
    ("emulator command {good}", 0),
    ("emulator command {good} --qemu qemu", 3),
    ("emulator command {text}", 3),
    ("emulator command {absent}", 3),
    ("check {good}", 0),
    ("check {bad}", 1),
    ("check {bad} --format nonsense", 2),
    ("check {good} --schema qemu-0.1", 2),
    ("check {absent}", 3),
    ("check {text}", 3),
    ("check {good} --baseline {absent}", 3),
    ("check {good} --result {absent}/x", 3),
    ("check {good} --baseline {odd}", 3),
    ("check --schema all {good}", 0),
    ("replay {good} --spawn {serve}", 0),
    ("replay {changed} --spawn {serve}", 1),
    ("replay {good}", 2),
    ("replay {absent} --spawn {serve}", 3),
    ("replay {good} --spawn {serve} --masks {odd}", 3),
    ("replay {good} --spawn {serve} --baseline {odd}", 3),
    ("replay {good} --target {nosocket}", 4),
    ("replay {good} --spawn {dies}", 4),
    ("explore --spawn {serve} --lives 1 --commands 1 -o {new}", 0),
    ("explore --spawn {serve} --lives 1 --commands 1 -o -", 2),
    ("explore --spawn {serve} --lives 1 --commands 1 --update", 2),
    ("explore --spawn {serve} --lives 1 --commands 1 --baseline {absent}", 3),
    ("explore --spawn {dies}", 4),
    ("explore --spawn {serve} --seed x", 2),
    ("explore --spawn {serve} --schema qemu-0.1 -o {new}", 2),
    ("explore --spawn 'nosuchprogram {{socket}}'", 2),
    ("explore --spawn true", 2),
    ("explore --spawn {serve} -o {new} --seen {text}", 3),
    ("explore --spawn {serve} -o {text}/x", 3),
    ("diff {good} {good}", 0),
    ("diff {good} {changed}", 1),
    ("diff {good}", 2),
    ("diff {good} {absent}", 3),
    ("diff {good} {text}", 3),
    ("show {good} --filter nonsense", 2),
    ("show {good} --filter event=NONE", 1),
    ("learn {good} {changed} -o {new}", 0),
    ("learn {good} {bad} -o {new}", 3),
    ("learn {good} {good} -o {new}", 2),
    ("learn {good}", 2),
    ("learn {good} {absent} -o {new}", 3),
    ("reduce {changed} --spawn {serve} -o {new}", 1),
    ("reduce {good} --spawn {serve} -o {new}", 0),
    ("reduce {good}", 2),
    ("reduce {absent} --spawn {serve} -o {new}", 3),
    ("reduce {good} --target {nosocket} -o {new}", 4),
    ("show {good}", 0),
    ("show {good} --session x", 2),
    ("show {absent}", 3),
    ("view {good}", 2),
    ("view {good} --schema qemu-0.1", 2),
    ("view {absent}", 3),
    ("view {text}", 3),
    ("stats {good}", 0),
    ("stats", 2),
    ("stats {text}", 3),
    ("coverage {good}", 0),
    ("coverage {good} --schema qemu-11.1.3 --fail-under 99", 1),
    ("coverage {good} --fail-under nonsense", 2),
    ("coverage {absent}", 3),
    ("convert {good} {new}.pcapng", 0),
    ("convert {good} {new}.nonsense", 2),
    ("convert {absent} {new}.pcapng", 3),
    ("redact {good} {new}.qmptrace", 0),
    ("redact {good} {good}", 2),
    ("redact {good}", 2),
    ("redact {good} {new} --secret ab", 2),
    ("redact {good} {new} --secret @{absent}", 3),
    ("redact {absent} {new}", 3),
    ("redact {text} {new}", 3),
    ("redact {good} {absent}/x", 3),
    ("redact --scan {good}", 0),
    ("redact --scan {good} --secret query-status", 1),
    ("redact --scan {good} {absent}", 3),
    ("convert {good} {new}.pcapng --no-redact --secret hunter2", 2),
    ("record --spawn {serve} -o {new} --no-redact --secret hunter2 -- {client}", 2),
    ("serve {good} --listen {newsocket} --timeout 0.1", 4),
    ("serve", 2),
    ("serve {absent} --listen {newsocket}", 3),
    ("serve --listen {newsocket} --faults {odd}", 3),
    ("conform --spawn {serve} -k negotiation", 0),
    ("conform --spawn {serve} -k negotiation --baseline {known}", 1),
    ("conform", 2),
    ("conform --spawn {serve} --baseline {absent}", 3),
    ("conform --spawn {serve} --baseline {odd}", 3),
    ("conform --matrix {odd}", 3),
    ("conform --target {nosocket}", 4),
    ("conform --spawn {dies}", 4),
    ("conform-client -k plain -- true", 4),
    ("conform-client --matrix {odd}", 3),
    ("conform-client", 2),
    ("requirements", 0),
    ("requirements --level nonsense", 2),
    ("requirements nonsense", 2),
    ("report {result}", 1),
    ("report {result} --exit-zero", 0),
    ("report {result} --format nonsense", 2),
    ("report {absent}", 3),
    ("report {text}", 3),
    ("report {cut}", 3),
    ("completion bash", 0),
    ("completion nonsense", 2),
    ("schema list", 0),
    ("schema nonsense", 2),
    ("schema show qemu-7.2.22 stop", 0),
    ("schema show qemu-7.2.22 nonsense", 2),
    ("schema show {absent}", 3),
    ("schema history guest-ping --product qemu-ga", 0),
    ("schema history guest-ping --product qemu-ga --format html -o {new}", 0),
    ("schema history guest-ping --product qemu-ga -o {absent}/x", 3),
    ("schema history guest-pong --product qemu-ga", 2),
    ("schema history guest-ping/arguments/x --product qemu-ga", 2),
    ("schema history --product qemu-ga --catalog {absent}", 3),
    ("schema export qemu-7.2.22 -o {new}", 0),
    ("schema export qemu-7.2.22 -o {absent}/x", 3),
    ("schema export qemu-0.1", 2),
    ("schema fetch --trace {good} -o {new}", 3),
    ("schema fetch --target {nosocket}", 4),
    ("schema fetch", 2),
    ("schema compile {absent}", 3),
    ("schema compile {text}", 3),
    ("schema compile", 2),
    ("schema audit {absent}", 3),
    ("schema audit", 2),
    ("schema diff qemu-7.2.22 qemu-7.2.22", 0),
    ("schema diff qemu-7.2.22 qemu-10.0.13", 1),
    ("schema diff qemu-7.2.22", 2),
    ("schema diff qemu-7.2.22 {text}", 3),
    ("schema agree qemu-7.2.22 qemu-7.2.22", 0),
    ("schema agree qemu-7.2.22", 2),
    ("schema agree {text} qemu-7.2.22", 3),
]

#: Sends one command, and one that is wrong when it is told to.
CLIENT = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1].removeprefix("unix:"))
    f = s.makefile("rwb")
    f.readline()
    for c in [{"execute": "qmp_capabilities"}, {"execute": "query-status"}, *map(json.loads, sys.argv[2:])]:
        f.write(json.dumps(c).encode() + b"\\n")
        f.flush()
        while b'"event"' in f.readline():
            pass
"""


def qmpconf(*words: str, folder: Path) -> tuple[int, str]:
    """The exit code of a call in that folder, and what it wrote to stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    gc.freeze()  # only what the call leaves is collected
    with (
        contextlib.chdir(folder),
        open(os.devnull) as nothing,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(sys, "stdin", nothing)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(list(words))
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
        err.flush()
        with warnings.catch_warnings():  # a process that ends closes its files
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        gc.unfreeze()
        return code, err.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files that every call may read: recordings of the embedded monitor, a result, text."""
    folder = tmp_path_factory.mktemp("made")
    client = folder / "client.py"
    client.write_text(CLIENT)

    def record(name: str, *more: str) -> str:
        words = ["-q", "--spawn", SERVE, "-o", name, "--", sys.executable, str(client), "{listen}"]
        code, said = qmpconf("record", *words, *more, folder=folder)
        assert code == 0, said
        return str(folder / name)

    good = record("good.qmptrace")
    bad = record("bad.qmptrace", '{"execute": "no-such-command"}')
    changed = folder / "changed.qmptrace"
    changed.write_text(Path(good).read_text().replace('"status": "running"', '"status": "paused"'))
    assert "paused" in changed.read_text()
    result = folder / "found.qmpresult"
    assert qmpconf("check", bad, "--result", str(result), folder=folder)[0] == 1
    cut = folder / "cut.qmpresult"
    cut.write_text("".join(result.read_text().splitlines(keepends=True)[:-1]))
    text = folder / "text.txt"
    text.write_text("This is not a file of ours.\n")
    known = folder / "known.toml"
    known.write_text('[[known]]\ncase = "negotiation.*"\nreason = "none of these fails"\n')
    odd = folder / "odd.toml"
    odd.write_text("nonsense = 1\n")
    return {
        "good": good,
        "odd": str(odd),
        "bad": bad,
        "changed": str(changed),
        "result": str(result),
        "cut": str(cut),
        "text": str(text),
        "known": str(known),
        "absent": str(folder / "absent"),
        "nosocket": str(folder / "nothing.sock"),
        "client": f"{sys.executable} {client} {{listen}}",
        "ignores": f"sh -c '{sys.executable} {client} {{listen}} 2>&1 || true' {{listen}}",
        "serve": shlex.quote(SERVE),
        "dies": shlex.quote(DIES),
    }


@pytest.mark.every_case
@pytest.mark.parametrize(("call", "code"), CALLS, ids=[f"{call} -> {code}" for call, code in CALLS])
def test_exit_code(call: str, code: int, made: dict[str, str], tmp_path: Path) -> None:
    new = {"new": str(tmp_path / "new"), "newsocket": str(tmp_path / "new.sock")}
    found, said = qmpconf(*shlex.split(call.format(**made, **new)), folder=tmp_path)
    assert found == code, said
    assert "Traceback" not in said
    if call and code in (2, 3, 4):
        assert re.search(r"^(qmpconf|usage)", said, re.MULTILINE), said


def test_every_verb_is_here() -> None:
    words = [call.split() for call, _ in CALLS if call]
    assert {one[0] for one in words} >= set(VERBS)
    assert {one[1] for one in words if one[0] == "schema"} >= set(SUBVERBS)
