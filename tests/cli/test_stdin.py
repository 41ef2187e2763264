"""``-``: standard input wherever a file is read, standard output wherever one is written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qmpconf.schema import store
from tests.schema.documents import samples

ROOT = Path(__file__).parents[2]
TRACE = ROOT / "traces" / "qemu-storage-daemon-7.2.22-storage.qmptrace.gz"
SERVE = f"{sys.executable} -m qmpconf serve --listen {{socket}} --schema qemu-storage-daemon-7.2.22"

KNOWN = '[[known]]\nfingerprint = "0123456789abcdef"\nreason = "a test"\n'


def qmpconf(
    *words: str, folder: Path, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "qmpconf", *words],
        cwd=folder,
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(TRACE, folder / "t.qmptrace.gz")
    shutil.copy(TRACE, folder / "copy.qmptrace.gz")
    (folder / "lamps.txt").write_text(samples.PLAIN)
    (folder / "known.toml").write_text(KNOWN)
    (folder / "secrets").write_text("block-export-add\n")
    catalog = store.load_shipped("qemu-storage-daemon-7.2.22")
    (folder / "c.json").write_bytes(store.encode(catalog))
    return folder


#: Call, where ``@`` is the file that is read.
READ = [
    ("t.qmptrace.gz", "check @ -q"),
    ("t.qmptrace.gz", "check @ -q --schema all"),
    ("t.qmptrace.gz", "check @ -q --format json"),
    ("c.json", "check t.qmptrace.gz -q --schema @"),
    ("known.toml", "check t.qmptrace.gz -q --baseline @"),
    ("t.qmptrace.gz", "show @ --errors"),
    ("t.qmptrace.gz", "show @ --bindings"),
    ("t.qmptrace.gz", "stats @ --top 3"),
    ("t.qmptrace.gz", "coverage @ --short"),
    ("c.json", "coverage t.qmptrace.gz --short --schema @"),
    ("t.qmptrace.gz", "learn @ copy.qmptrace.gz"),
    ("t.qmptrace.gz", "diff @ copy.qmptrace.gz"),
    ("t.qmptrace.gz", "redact @ -"),
    ("t.qmptrace.gz", "redact --scan @"),
    ("secrets", "redact --scan t.qmptrace.gz --secret @@"),
    ("t.qmptrace.gz", "convert @ - --to transcript"),
    ("known.toml", "conform --list --baseline @ -k negotiation"),
    ("t.qmptrace.gz", "schema fetch --trace @"),
    ("c.json", "schema show @ quit"),
    ("c.json", "schema export @"),
    ("c.json", "schema diff @ qemu-storage-daemon-10.0.13"),
    ("c.json", "schema diff qemu-storage-daemon-10.0.13 @"),
    ("c.json", "schema history --product qemu-ga --catalog @"),
    ("c.json", "schema agree @ qemu-storage-daemon-7.2.22"),
    ("lamps.txt", "schema audit @"),
    ("lamps.txt", "schema compile @ --name lamps"),
]


@pytest.mark.parametrize(("name", "call"), READ, ids=[call for _, call in READ])
def test_what_is_read_may_come_from_standard_input(name: str, call: str, files: Path) -> None:
    def run(path: str, given: bytes | None) -> tuple[int, str]:
        words = [
            f"@{path}" if word == "@@" else path if word == "@" else word for word in call.split()
        ]
        done = qmpconf(*words, folder=files, given=given)
        assert done.stdout, done.stderr
        return done.returncode, done.stdout.decode()

    def same(text: str) -> list[str]:
        """Without the name, the widths that depend on it, and the call itself in a result's header."""
        names = text.replace("<stdin>", name)
        return [
            " ".join(line.split())
            for line in names.replace("─", "-").splitlines()
            if '"command"' not in line and "qmpconf show " not in line and '"started"' not in line
        ]

    code, wanted = run(name, None)
    found, shown = run("-", (files / name).read_bytes())
    assert found == code
    if "next: " in wanted:
        shown, wanted = shown.partition("next: ")[0], wanted.partition("next: ")[0]
    assert same(shown) == same(wanted)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("check - -", "- is standard input, which can be read once"),
        ("learn - -", "- is standard input, which can be read once"),
        ("check - --schema -", "- is standard input, which can be read once"),
        ("schema diff - -", "- is standard input, which can be read once"),
        ("check - --secret", "there is no option '--secret'"),
        ("show - --follow", "--follow goes on as a file grows"),
        ("check t.qmptrace.gz --baseline - --update", "--update writes the file of --baseline"),
        ("demo -o -", "the demo reads what it has recorded: name a file with -o"),
        ("record --server s -o - -- true", "what the client prints"),
        ("record --server s -o - --mode once", "--mode"),
        ("replay t.qmptrace.gz --target s -o - --result -", "-o and --result both write to"),
        ("schema fetch --target s --properties -o -", "--properties makes a second file"),
    ],
)
def test_calls_that_cannot_be(call: str, says: str, files: Path) -> None:
    done = qmpconf(*call.split(), folder=files, given=b"")
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert not done.stdout


def test_nothing_is_no_trace(files: Path) -> None:
    done = qmpconf("check", "-", folder=files, given=b"")
    assert done.returncode == 3
    assert b"<stdin> is empty: a trace begins with its header line" in done.stderr


@pytest.mark.parametrize(
    "call",
    [
        "schema export c.json",
        "schema fetch --trace t.qmptrace.gz",
        "coverage t.qmptrace.gz",
        "learn t.qmptrace.gz copy.qmptrace.gz",
        "schema agree c.json qemu-storage-daemon-7.2.22",
        "schema audit lamps.txt",
    ],
)
def test_what_is_written_may_go_to_standard_output(call: str, files: Path) -> None:
    wanted = qmpconf(*call.split(), folder=files)
    printed = qmpconf(*call.split(), "-o", "-", folder=files)
    assert printed.stdout == wanted.stdout
    assert printed.returncode == wanted.returncode
    assert not (files / "-").exists()


def test_a_catalog_on_standard_output_is_not_mixed_with_the_report(files: Path) -> None:
    done = qmpconf("schema", "compile", "lamps.txt", "--name", "lamps", "-o", "-", folder=files)
    assert store.decode(done.stdout).name == "lamps"
    assert b"undetermined" in done.stderr


def test_a_recording_goes_through_pipes(tmp_path: Path) -> None:
    """Recorded to standard output, shown from standard input, replayed to standard output."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "qmpconf", "record", "--once", "-o", "-"),
            *("--listen", "p", "--spawn", SERVE),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stderr is not None
        assert any(b"listening on unix:p" in line for line in iter(child.stderr.readline, b""))
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as lines:
            client.connect(os.path.relpath(tmp_path / "p"))
            lines.readline()
            for command in ("qmp_capabilities", "query-version"):
                client.sendall(b'{"execute":"%s"}' % command.encode())
                lines.readline()
        trace, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert trace.startswith(b'{"qmptrace":1')
    assert b'"finish":{"sessions":1,"messages":5}' in trace
    shown = qmpconf("show", "-", folder=tmp_path, given=trace)
    assert b"query-version returned" in shown.stdout
    again = qmpconf("replay", "-", "--spawn", SERVE, "-o", "-", folder=tmp_path, given=trace)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(b'{"qmptrace":1')
    assert again.stdout.endswith(b"}}\n")
    assert b"no differences" in again.stderr


def test_what_was_there_on_standard_output_stays(tmp_path: Path) -> None:
    """A trace that is appended to a file neither cuts it nor locks it."""
    path = tmp_path / "all"
    path.write_bytes(b"before\n")
    trace = tmp_path / "t.qmptrace"
    trace.write_text('{"qmptrace":1}\n')
    with path.open("ab") as output:
        subprocess.run(
            [sys.executable, "-m", "qmpconf", "redact", str(trace), "-"],
            stdout=output,
            check=True,
            timeout=60,
        )
    assert path.read_bytes().startswith(b'before\n{"qmptrace":1')


def test_a_pipe_is_read_as_often_as_it_takes(tmp_path: Path) -> None:
    call = f"exec {sys.executable} -m qmpconf check -q --format json <(cat {TRACE})"
    done = subprocess.run(["bash", "-c", call], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"query-qmp-schema" in done.stdout
