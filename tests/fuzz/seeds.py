"""The real inputs that are changed: recordings, logs, documents, lists, results, of this tree.

`gather` makes those that have to be made (results, captures, small catalogs) with the verbs
themselves.  Inputs are kept short, so that a change is near to everything else.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from qmpconf.cli.main import main
from tests.fuzz.peers import peer
from tests.fuzz.values import Pairs, parsed
from tests.replay.test_equal import MACHINE
from tests.schema.documents import samples
from tests.schema.documents.test_audit import HEAD
from tests.schema.documents.test_strength import TEXT
from tests.schema.qapi.sources import COLOURS, LAMPS
from tests.schema.qapi.test_build import OLD
from tests.schema.test_resolve import SOURCE
from tests.trace.capture import captures
from tests.trace.capture.test_layers import FRAMES
from tests.trace.redaction.places import SECRET, exchanges

TREE = Path(__file__).parents[2]

#: The longest input that is kept as it is; of longer recordings, stretches are taken.
_LONGEST = 40_000


@dataclass(slots=True)
class Seeds:
    """Inputs by kind, each with its file's name; values to put into others; files that never change."""

    by_kind: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    pool: list[Any] = field(default_factory=list)
    fixed: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, name: str, data: bytes) -> None:
        """One more input."""
        self.by_kind.setdefault(kind, []).append((name, data))


#: Words as options take them.
_WORDS = (
    *("1", "10", "3-5", "7-", "-2", "0.5", "50ms", "2s", "migrate=30s", "values=20", "10x", "max"),
    *("query-*", "BLOCK_*", "text", "text,json", "qemu-7.2.22", "qemu-7.2", "7.2", "auto", "none"),
    *(
        "practice.",
        "practice.failed",
        "framing",
        "monitor,pid",
        "vm",
        "shard 1",
        "x.txt",
        "known.toml",
    ),
    *(
        "(?P<message>.*)",
        "^(?P<time>\\S+) (?P<side>TX|RX) (?P<message>.*)",
        "hunter2",
        "@known.toml",
    ),
)


def gather(folder: Path) -> Seeds:
    """All seeds; files that targets name as they are go to `folder`."""
    seeds = Seeds()
    rng = Random(1)
    for path in sorted((TREE / "traces").glob("*.qmptrace.gz")):
        _trace(seeds, path, rng)
    _plain(seeds, "trace", (TREE / "tests/trace/golden").glob("*.qmptrace"))
    _plain(seeds, "log", (TREE / "tests/wild/samples").iterdir())
    golden = (TREE / "tests/trace/convert/golden").iterdir()
    _plain(seeds, "log", (one for one in golden if one.suffix != ".expected"))
    _plain(seeds, "document", (TREE / "tests/schema/documents/manuals").iterdir())
    for name, text in _documents():
        seeds.add("document", f"{name}.txt", text.encode())
    _secret(seeds)
    head = {"qmptrace": 1, "started": "2026-11-20T05:17:00.123456Z", "recorder": "x"}
    about = {"emulator": MACHINE, "listen": "fd:27", "inherited": {"27": {"access": "rw"}}}
    seeds.add("trace", "machine.qmptrace", _lines([{**head, "meta": about}]))
    for ng in (True, False):
        frames = [*captures.session(1), *captures.session(2)]
        seeds.add("capture", f"b.{'pcapng' if ng else 'pcap'}", captures.capture(frames, ng=ng))
    for name, (link, frame) in FRAMES.items():
        seeds.add("capture", f"{name.replace(' ', '-')}.pcap", _capture(link, bytes(frame)))
    seeds.add(
        "secrets",
        "secrets.txt",
        b"hunter2\nsecret-value\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\nquery-status\n",
    )
    for word in _WORDS:
        seeds.add("words", "word", word.encode())
    _lists(seeds)
    _made(seeds, folder)
    seeds.pool = [tree for name, data in seeds.by_kind["trace"] for tree in _trees(data, rng)]
    return seeds


def _plain(seeds: Seeds, kind: str, paths: Iterable[Path]) -> None:
    for path in sorted(paths):
        if path.is_file():
            seeds.add(kind, path.name, path.read_bytes())


def _trace(seeds: Seeds, path: Path, rng: Random) -> None:
    """Stretches of a recording: its beginning, and some lines from anywhere."""
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    short = [line for line in lines if len(line) < 6000]
    name = path.name.removesuffix(".gz")
    seeds.add("trace", name, _within(short[:60]))
    for _ in range(6):
        at = rng.randrange(6, max(7, len(short) - 40))
        seeds.add("trace", name, _within([*short[:6], *short[at : at + 60]]))
    said = [json.loads(line)["msg"] for line in short[:120] if b'"from":"server","msg"' in line]
    seeds.add(
        "wire", "server.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in said[:40])
    )
    asked = [json.loads(line)["msg"] for line in short if _is_command(line)]
    for _ in range(2):
        some = rng.sample(asked, min(25, len(asked)))
        negotiate = {"execute": "qmp_capabilities"}
        seeds.add("commands", "commands.jsonl", _lines([negotiate, *some]))
    reply = next((line for line in lines if len(line) > 100_000 and b'"meta-type"' in line), None)
    if reply is None:
        return
    entries = _some_entries(json.loads(reply)["msg"]["return"])
    seeds.add("catalog", "reply.json", json.dumps({"return": entries}).encode())
    small = json.dumps(
        {"t": 0.5, "conn": 1, "from": "server", "end": "\r\n", "msg": {"return": entries}}
    )
    asked = b'{"t":0.4,"conn":1,"from":"client","end":"\\n","msg":{"execute":"query-qmp-schema"}}\n'
    schema = asked + small.encode() + b"\n"
    opening = short[:4] if b'"id"' not in short[4] else short[:2]
    with_schema = b"".join([*opening, schema, *short[6:40]])
    seeds.add("trace", name, with_schema)
    greeting = json.dumps(said[0]).encode()
    seeds.add(
        "wire",
        "schema.jsonl",
        greeting + b'\n{"return": {}}\n' + json.dumps({"return": entries}).encode() + b"\n",
    )


def _secret(seeds: Seeds) -> None:
    """Recordings of what clients say that holds a secret, unredacted."""
    said = exchanges()
    for at in range(0, len(said), 25):
        lines = [b'{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"x"}\n']
        for number, pair in enumerate(said[at : at + 25], 1):
            for side, text in zip(("client", "server"), pair, strict=True):
                record = {"t": number, "conn": 1, "from": side}
                text = text.replace("§", SECRET)
                try:
                    lines.append(_lines([{**record, "msg": json.loads(text)}]))
                except ValueError:
                    lines.append(_lines([{**record, "raw": text}]))
        seeds.add("trace", "secrets.qmptrace", b"".join(lines))


def _capture(link: int, frame: bytes) -> bytes:
    """A capture in the old format, of the same frame a few times."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + (struct.pack("<IIII", 1, 2, len(frame), len(frame)) + frame) * 3


def _is_command(line: bytes) -> bool:
    return b'"from":"client"' in line and b'"msg":' in line and b'"quit"' not in line


def _lines(messages: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in messages)


def _within(lines: Sequence[bytes]) -> bytes:
    data = b"".join(lines)
    return data if len(data) <= _LONGEST else data[: data.rfind(b"\n", 0, _LONGEST) + 1]


def _some_entries(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A schema with some commands and events, and all that they refer to."""
    by_name = {one["name"]: one for one in entries}
    wanted = [
        "query-status",
        "stop",
        "cont",
        "block_resize",
        "device_add",
        "qom-set",
        "query-block-jobs",
        "blockdev-create",
        "set_password",
        "query-qmp-schema",
        "qmp_capabilities",
        "human-monitor-command",
        "STOP",
        "JOB_STATUS_CHANGE",
        "DEVICE_DELETED",
        "query-jobs",
    ]
    kept: dict[str, dict[str, Any]] = {}
    while wanted:
        one = by_name.get(wanted.pop())
        if one is None or one["name"] in kept:
            continue
        kept[one["name"]] = one
        if len(kept) > 120 and one["meta-type"] == "object":
            one = {**one, "members": one.get("members", [])[:3]}
            one.pop("variants", None)
            one.pop("tag", None)
            kept[one["name"]] = one
        wanted += [one[key] for key in ("arg-type", "ret-type", "element-type") if key in one]
        for key in ("members", "variants"):
            wanted += [
                each["type"]
                for each in one.get(key, [])
                if isinstance(each, dict) and "type" in each
            ]
    return [kept[one["name"]] for one in entries if one["name"] in kept]


def _documents() -> list[tuple[str, str]]:
    plain = samples.PLAIN
    made = {
        "plain": plain,
        "dedented": samples.dedented(plain),
        "barred": samples.barred(plain),
        "blamed": samples.blamed(plain),
        "hx": samples.hx(),
        "collapsed": samples.collapsed(plain),
        "head": HEAD,
        "strength": TEXT,
        "qapi": LAMPS.replace("{ 'include': 'colours.json' }", COLOURS),
        "qapi-old": OLD,
        "qapi-conditions": SOURCE,
    }
    folder = os.environ.get("QMPCONF_DOCUMENTS", "")
    if folder and os.path.isdir(folder):
        rng = Random(2)
        for path in sorted(Path(folder).iterdir()):
            text = path.read_text(encoding="utf-8", errors="replace")
            for number in range(3):
                at = rng.randrange(max(1, len(text) - 20_000))
                made[f"{path.stem}-{number}"] = text[:1500] + text[at : at + 15_000]
    return list(made.items())


def _lists(seeds: Seeds) -> None:
    """TOML files, by who reads them."""
    for name in ("traces/baseline.toml",):
        seeds.add("baseline", "known.toml", (TREE / name).read_bytes())
    seeds.add(
        "baseline", "known.toml", b'[[known]]\nfingerprint = "a6c07ef7defaac9c"\nreason = "why"\n'
    )
    shipped = sorted((TREE / "qmpconf/conform").glob("*.toml"))
    for path in shipped:
        seeds.add("known", path.name, path.read_bytes())
    seeds.add(
        "known",
        "known.toml",
        b'[[known]]\ncase = "framing.*"\nreason = "why"\nsince = "2.11"\nuntil = "11.0"\nproduct = "qemu"\nsometimes = true\n',
    )
    seeds.add(
        "servers",
        "servers.toml",
        b'[[server]]\nname = "a server"\ntarget = "unix:nowhere.sock"\n\n[[server]]\nname = "b"\nspawn = "true {socket}"\n',
    )
    seeds.add(
        "clients",
        "clients.toml",
        b'[[client]]\nname = "a client"\ncommand = "true"\nnote = "it ends"\n\n[[client]]\nname = "b"\ncommand = "true \'{listen}\' {here}"\n',
    )
    notes = (TREE / "reports/documents-vs-introspection.toml").read_text(encoding="utf-8")
    head, _, rest = notes.partition("pairs = [")
    pairs = 'pairs = [\n    ["{catalog}", "{reply}"],\n]\n\n'
    seeds.add(
        "notes",
        "notes.toml",
        (
            head[:300].rstrip()
            + '\n"""\n'
            + pairs
            + "[[note]]"
            + rest.split("[[note]]", 1)[1][:1500].rsplit("[[note]]", 1)[0]
        ).encode(),
    )
    seeds.add("masks", "masks.toml", _MASKS.encode())
    seeds.add("faults", "faults.toml", _FAULTS.encode())
    seeds.add("faults", "chance.toml", b"seed = 7\nrate = 0.5\n")
    seeds.add(
        "host",
        "host.toml",
        b'output = "out"\ndirectory = "."\nlisten = "/px"\nmax-size = "1M"\nmax-age = "1d"\nkeep = 3\n'
        b'compress = "gz"\n[[monitor]]\nname = "a"\nserver = "unix:a"\nlisten = "unix:b"\n',
    )
    seeds.add(
        "configuration",
        "qmpconf.toml",
        _MASKS.replace("[[mask]]", "[[replay.mask]]").encode() + _SETTINGS.encode(),
    )
    seeds.add(
        "configuration",
        "pyproject.toml",
        (
            _MASKS.replace("[[mask]]", "[[tool.qmpconf.replay.mask]]")
            + '[tool.qmpconf.check]\nignore = ["practice.failed"]\nmax-latency = "2s"\n[project]\nname = "x"\n'
        ).encode(),
    )


_FAULTS = """\
[[fault]]
do = "late"
reply = "query-*"
skip = 1
times = 2
seconds = 0.1
next-command = true

[[fault]]
do = "slow"
connection = true
session = 2
bytes = 100

[[fault]]
do = "double"
greeting = true

[[fault]]
do = "cut"
event = "STOP"
"""

_MASKS = """\
[[mask]]
message = "reply"                    # greeting, reply or event
of = "query-blockstats"              # the command, or the event
place = "/return/*/stats/rd_bytes"   # * is one part, ** any number of them
kind = "integer"
reason = "the guest reads when it likes"

[[mask]]
message = "event"
of = "JOB_STATUS_CHANGE"
place = "/data/id"
kind = "text"
pattern = "job[0-9]+"
name = "jobs"
reason = "numbered"
seen = ["job1", "job2"]

[[mask]]
message = "greeting"
of = "*"
place = "/QMP/version/package"
kind = "string"
key = ""
reason = "builds differ"
"""

_SETTINGS = """
[replay]
known-differences = "fixed/known.toml"
mask-files = ["fixed/masks.toml"]

[check]
ignore = ["practice.polling"]
max-latency = ["2s", "migrate=30s"]
"""

#: TOML lists, each of which is a kind of its own, changed as TOML is.
LISTS = (
    "baseline",
    "known",
    "servers",
    "clients",
    "notes",
    "masks",
    "configuration",
    "host",
    "faults",
)


def _made(seeds: Seeds, folder: Path) -> None:
    """What verbs make: captures, small catalogs, results."""
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / "good.qmptrace"
    trace.write_bytes(seeds.by_kind["trace"][1][1])
    wrong = folder / "wrong.qmptrace"
    wrong.write_bytes(next(data for name, data in seeds.by_kind["trace"] if "wrong" in name))
    reply = folder / "reply.json"
    reply.write_bytes(seeds.by_kind["catalog"][0][1])
    document = folder / "document.txt"
    document.write_text(samples.PLAIN, encoding="utf-8")
    (folder / "qapi.json").write_text(SOURCE, encoding="utf-8")
    (folder / "known.toml").write_bytes(
        b'[[known]]\nfingerprint = "a6c07ef7defaac9c"\nreason = "why"\n'
    )
    (folder / "masks.toml").write_text(_MASKS, encoding="utf-8")
    manual = TREE / "tests/schema/documents/manuals/definitions.7"
    quiet("schema", "compile", str(manual), "-o", str(folder / "catalog.json"), "--force")
    seeds.add("catalog", "catalog.json", (folder / "catalog.json").read_bytes())
    for ending in ("pcap", "pcapng"):
        capture = folder / f"capture.{ending}"
        quiet("convert", str(trace), str(capture), "--force", "-q")
        seeds.add("capture", f"a.{ending}", capture.read_bytes())
    for name, words in (
        ("check", ["check", str(wrong), str(trace)]),
        ("audit", ["schema", "audit", str(document)]),
        ("diff", ["schema", "diff", str(reply), str(folder / "catalog.json")]),
        ("baseline", ["check", str(wrong), "--baseline", str(folder / "known.toml")]),
    ):
        result = folder / f"{name}.qmpresult"
        quiet(*words, "--result", str(result), "--force")
        seeds.add("result", result.name, _within(result.read_bytes().splitlines(keepends=True)))
    _results_of_runs(seeds, folder)
    seeds.fixed = {
        path.stem if path.suffix != ".qmpresult" else f"{path.stem}.result": str(path)
        for path in folder.iterdir()
    }


def _results_of_runs(seeds: Seeds, folder: Path) -> None:
    """Results of what needs a server."""
    address = str(folder / "m")
    with peer("monitor", address, "", b""):
        for name, words in (
            ("replay", ["replay", str(folder / "good.qmptrace"), "--target", address]),
            ("conform", ["conform", "--target", address, "-k", "greeting", "-k", "framing.valid"]),
        ):
            result = folder / f"{name}.qmpresult"
            quiet(*words, "--timeout", "2", "--result", str(result), "--force")
            lines = result.read_bytes().splitlines(keepends=True)
            seeds.add("result", result.name, _within(lines))


def quiet(*words: str) -> int:
    """Run a verb; give its exit code."""
    with (
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        try:
            return main(words)
        except SystemExit as error:
            return int(error.code or 0)


def _trees(data: bytes, rng: Random) -> list[Any]:
    """Some messages of a recording, taken apart."""
    found = []
    lines = data.splitlines()
    for line in rng.sample(lines, min(12, len(lines))):
        with contextlib.suppress(ValueError):
            tree = parsed(line.decode())
            if isinstance(tree, Pairs):
                found.append(next((value for name, value in tree if name == "msg"), tree))
    return [one for one in found if isinstance(one, list) and one]
