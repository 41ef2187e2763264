"""No secret is in any file that any verb writes; which files verbs write is asked of their parsers.

The inputs are the places of `tests/trace/redaction/places.py`, as the recorder keeps them; peers that
are there live say them in full.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.cli.completion import everything
from qmpconf.cli.main import main
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.trace.convert import FORMATS
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.writer import TraceWriter
from tests.fuzz.targets import inputs
from tests.record.proxy import GREETING
from tests.trace.redaction.places import COMMANDS, SECRET
from tests.trace.redaction.test_places import PLACES, record, shows

#: Metavars of arguments that may name a file that is written.
FILES = frozenset({"FILE", "DIR", "OUT", "CATALOG.json"})

#: Files that nothing of a session gets into, and why.
NO_SESSION = {
    "emulator install --output": "what is recorded there is in record/emulator/test_stand_in.py",
    "view --output": "it lets `record` write, in a process of its own",
    "record --dir": "where the sockets are",
    "explore --output": "what it sends it makes up; what is secret in answers: explore/test_life.py",
    "explore --result": "the same",
    "explore --update": "the same",
    "demo --output": "it records its own client and its own monitor",
    "help --man": "pages of help",
    "schema export --output": "a catalog in another form",
    "schema compile --output": "a document in another form",
    "schema audit --output": "a document against itself",
    "schema audit --result": "a document against itself",
    "schema audit --update": "a document against itself",
    "schema diff --result": "two catalogs",
    "schema diff --update": "two catalogs",
    "schema agree --output": "several catalogs",
    "schema history --output": "several catalogs",
    "serve --write-faults": "names of commands and events",
}

_PYTHON = shlex.quote(sys.executable)
_MONITOR = f"sh -c 'VNC_PASSWORD={SECRET} exec {_PYTHON} -m qmpconf serve --listen {{{{socket}}}}'"
_SAYS = (
    f"sh -c 'VNC_PASSWORD={SECRET} exec {_PYTHON} -m qmpconf serve {{raw}} --order request "
    "--listen {{socket}}'"
)
_SPAWN = f'--spawn "{_SAYS}" --timeout 60 --event-timeout 0.1'
_REPLAY = (
    f"replay {{talk}} {_SPAWN} -o {{out}}/replay.qmptrace --result {{out}}/replay.qmpresult "
    "--baseline {out}/replay.toml --update"
)
_CLIENT = f"{_PYTHON} {{client}} {{{{listen}}}} --password {SECRET}"

#: For each file that a verb writes: calls that write it into ``{out}``.  ``{clean}`` is a recording with
#: all places, ``{talk}`` one that can be replayed (``{short}``: its beginning),
#: ``{raw}`` the same before it was redacted.
CALLS: dict[str, tuple[str, ...]] = {
    "record --output": (f'record -q --spawn "{_MONITOR}" -o {{out}}/r.qmptrace -- {_CLIENT}',),
    "record --write-faults": (
        (
            f'record -q --spawn "{_MONITOR}" -o {{out}}/faults.qmptrace --seed 1 '
            f"--write-faults {{out}}/faults.toml -- {_CLIENT}"
        ),
    ),
    "convert target": tuple(
        f"convert {{{source}}} {{out}}/{source}-{one.name} --to {one.name} --from qmptrace"
        f"{' --session 3' if one.name == 'qmp-shell' else ''}"
        for one in FORMATS
        for source in ("clean", "rawest")
        if one.writes
    ),
    "convert --output": ("convert {rawest} -o {out}/behind.qmptrace",),
    "redact --output": ("redact {rawest} -o {out}/redacted-behind.qmptrace",),
    "redact named": ("redact {rawest} {out}/redacted.qmptrace",),
    "check --result": ("check {clean} {talk} --result {out}/check.qmpresult",),
    "check --update": ("check {clean} {talk} --baseline {out}/check.toml --update",),
    "coverage --output": (
        "coverage {talk} -o {out}/coverage.txt",
        "coverage {talk} --format json -o {out}/coverage.json",
        "coverage {talk} --format markdown -o {out}/coverage.md",
    ),
    "coverage --result": ("coverage {talk} --result {out}/coverage.qmpresult",),
    "stats --result": ("stats {talk} --result {out}/stats.qmpresult",),
    "report --output": (
        "check {clean} {talk} --result {out}/reported.qmpresult",
        "report {out}/reported.qmpresult --format all --exit-zero -o {out}/pages",
    ),
    "replay --output": (_REPLAY,),
    "replay --result": (_REPLAY,),
    "replay --update": (_REPLAY,),
    "diff --result": ("diff {talk} {talk2} --result {out}/diff.qmpresult",),
    "diff --update": ("diff {talk} {talk2} --baseline {out}/diff.toml --update",),
    "learn --output": ("learn {talk} {talk2} -o {out}/masks.toml",),
    "reduce --output": (
        (
            f'reduce {{short}} --spawn "{_MONITOR}" --timeout 60 --event-timeout 0.1 --time-limit 30 '
            "-o {out}/reduced.qmptrace"
        ),
    ),
    "serve --output": (
        (
            f"record -q --spawn '{_PYTHON} -m qmpconf serve {{raw}} --order request --once --listen "
            f"{{{{socket}}}} -o {{out}}/served.qmptrace' -o {{out}}/of-served.qmptrace -- {_CLIENT}"
        ),
    ),
    "conform --report": (f'conform --spawn "{_MONITOR}" -k negotiation --report {{out}}/conform',),
    "conform --result": (
        f'conform --spawn "{_MONITOR}" -k negotiation --result {{out}}/conform.qmpresult',
    ),
    "conform --update": (
        f'conform --spawn "{_MONITOR}" -k negotiation --baseline {{out}}/conform.toml --update',
    ),
    "conform-client --report": (
        f"conform-client -k plain --report {{out}}/conform-client -- {_CLIENT}",
    ),
    "conform-client --result": (
        f"conform-client -k plain --result {{out}}/conform-client.qmpresult -- {_CLIENT}",
    ),
    "conform-client --update": (
        f"conform-client -k plain --baseline {{out}}/conform-client.toml --update -- {_CLIENT}",
    ),
    "schema fetch --output": (f'schema fetch --spawn "{_MONITOR}" -o {{out}}/fetched.json',),
}


def outputs() -> Iterator[str]:
    """``VERB ARGUMENT`` of all files that verbs write, by the parsers."""
    read = set(inputs())
    for verb, name, metavar in arguments(everything()):
        if name == "--update" or (metavar in FILES and f"{verb} {name}" not in read):
            yield f"{verb} {name}"


def arguments(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, str, object]]:
    """The arguments of all verbs: verb, name, metavar."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name, sub in action.choices.items():
                yield from arguments(sub, f"{verb} {name}".strip())
        else:
            yield verb, max(action.option_strings, key=len, default=action.dest), action.metavar


def test_every_file_that_a_verb_writes_is_here() -> None:
    named = {"redact named", "record --output"}  # read as well: the first one, and with --mode
    assert set(outputs()) | named == set(CALLS) | set(NO_SESSION)
    assert not set(CALLS) & set(NO_SESSION)


TALKS = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1].removeprefix("unix:"))
    f = s.makefile("rwb")
    f.readline()
    for text in open(__file__ + ".said", encoding="utf-8").read().split("\\0"):
        f.write(text.encode() + b"\\n")
        f.flush()
        while b'"event"' in (line := f.readline()):
            pass
        if not line:
            break
"""


def dialogue() -> list[tuple[str, str]]:
    """One session with those places that are one command and one response, matched by their id."""
    found = [("", GREETING.decode()), ('{"execute":"qmp_capabilities"}', '{"return": {}}\r\n')]
    for number, (sent, reply) in enumerate(PLACES):
        try:
            command, response = json.loads(sent), json.loads(reply)
        except ValueError:
            continue
        if not isinstance(command, dict) or "id" in command or "event" in response:
            continue
        if not command.get("execute", "").startswith("guest-"):  # an agent does not greet
            response["id"] = command["id"] = number
            found.append(
                (
                    json.dumps(command, ensure_ascii=False),
                    json.dumps(response, ensure_ascii=False) + "\r\n",
                )
            )
    return found


def session(path: Path, redactor: Redactor | None, most: int | None = None) -> str:
    """A trace of `dialogue`, each command before its response; of so many exchanges at most."""
    with TraceWriter(str(path), redact=redactor) as writer:
        framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
        sides: tuple[Side, Side] = ("client", "server")
        writer.open(1, client="unix:c", server="unix:s")
        for exchange in dialogue()[:most]:
            for side, text in zip(sides, exchange, strict=True):
                if frames := framers[side].feed(text.replace("§", SECRET).encode()):
                    writer.frames(1, side, frames)
        writer.close(1, "client")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Recordings with and without their secrets, and a client that says them."""
    folder = tmp_path_factory.mktemp("secrets")
    client = folder / "client.py"
    client.write_text(TALKS)
    said = ['{"execute":"qmp_capabilities"}', *(text for text in COMMANDS if "\n" not in text)]
    text = "\0".join(said).replace("§", SECRET)
    (folder / "client.py.said").write_text(text, encoding="utf-8")
    assert len(dialogue()) > 150
    made = {
        "client": str(client),
        "clean": record(folder / "clean.qmptrace", Redactor(), PLACES),
        "rawest": record(folder / "rawest.qmptrace", None, PLACES),
        "talk": session(folder / "talk.qmptrace", Redactor()),
        "talk2": session(folder / "talk2.qmptrace", Redactor()),
        "short": session(folder / "short.qmptrace", Redactor(), 6),
        "raw": session(folder / "raw.qmptrace", None),
        "shortraw": session(folder / "shortraw.qmptrace", None, 6),
        "out": str(folder / "out"),
    }
    os.mkdir(made["out"])
    assert not shows(Path(made["talk"]).read_bytes())
    assert shows(Path(made["raw"]).read_bytes())
    return made


#: Calls of which all files were looked at.
_SEEN: set[str] = set()


def written(call: str, files: dict[str, str]) -> list[Path]:
    """Run a call; gives the files that it wrote."""
    out = Path(files["out"])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main(shlex.split(call.format(**files))) in (0, 1)
    made = [
        path
        for path in out.rglob("*")
        if path.is_file() and before.get(path) != path.stat().st_mtime_ns
    ]
    assert made
    return made


@pytest.mark.parametrize("place", CALLS)
def test_no_file_shows_a_secret(
    place: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for call in CALLS[place]:
        if call in _SEEN:  # it writes several files
            continue
        _SEEN.add(call)
        for path in written(call, files):
            assert not shows(path.read_bytes()), (call, path)
            assert SECRET.encode() not in os.fsencode(path)
    assert SECRET not in capsys.readouterr().out


def test_what_is_made_of_a_recording_with_secrets(files: dict[str, str]) -> None:
    """As qmpconf/record/README.md says: a replay's recording has none, a result quotes what there is."""
    (trace,) = written(
        f'replay {{shortraw}} --spawn "{_MONITOR}" --timeout 60 --event-timeout 0.1 '
        "-o {out}/of-raw.qmptrace",
        files,
    )
    assert not shows(trace.read_bytes())
    (result,) = written("check {shortraw} --result {out}/of-raw.qmpresult", files)
    assert shows(result.read_bytes())


PLUGIN = """
import subprocess, sys

def test_it(qmp_recorder):
    path, client = qmp_recorder.path, {client!r}
    subprocess.run([sys.executable, client, path], check=True)
"""


def test_the_plugin_keeps_no_secret(files: dict[str, str], tmp_path: Path) -> None:
    """Its recordings, its reports, and what it shows of a client that does everything wrong."""
    (tmp_path / "test_client.py").write_text(PLUGIN.format(client=files["client"]))
    words = ["-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "base")]
    words += ["--junitxml", str(tmp_path / "junit.xml"), "-o", "junit_logging=all"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path / "test_client.py")],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert b"schema.arguments by the client" in done.stdout
    assert not shows(done.stdout + done.stderr)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".qmptrace" for path in kept)
    for path in kept:
        assert not shows(path.read_bytes()), path
