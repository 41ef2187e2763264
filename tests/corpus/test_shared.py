"""The sessions of one trace, shared out, give what one process gives: any shares, any order, byte by byte."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.check import share
from qmpconf.check.baseline import Baseline
from qmpconf.check.practice import Practice, limits
from qmpconf.cli.main import main
from qmpconf.corpus import pool, shared
from qmpconf.corpus.gathered import one, unwatched
from qmpconf.corpus.work import CheckTask, CoverageTask, StatsTask
from qmpconf.report.results.of_check import of_check
from qmpconf.report.results.records import Header
from qmpconf.report.results.stream import dumped
from qmpconf.trace.share import Index, LineReader, NotSharedError
from tests.usual import examples

HEAD = {"qmptrace": 1, "started": "2026-11-30T10:00:00Z", "recorder": "x", "meta": {}}
TASKS: dict[str, Any] = {
    "check": CheckTask("auto", "", Practice(limits=limits(["50ms"])), full=True),
    "check, text": CheckTask("qemu-11.1.3", "", Practice(), full=False),
    "check, wire": CheckTask("none", "", Practice(), full=True),
    "coverage": CoverageTask("auto"),
    "stats": StatsTask(""),
}

#: What a client sends, and how a server answers where it does not refuse.
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("query-status", {}, {"running": True, "singlestep": False, "status": "running"}),
    ("query-commands", {}, [{"name": "query-status"}, {"name": "frobnicate"}]),
    ("frobnicate", {}, {}),
    ("query-migrate-capabilities", {}, [{"capability": "turbo", "state": False}]),
    (
        "migrate-set-capabilities",
        {"capabilities": [{"capability": "turbo", "state": True}]},
        {},
    ),
    (
        "device-list-properties",
        {"typename": "e1000"},
        [{"name": "mac", "type": "str"}, {"name": "wobble", "type": "bool"}],
    ),
    ("device-list-properties", {"typename": "e1000"}, [{"name": "mac", "type": "uint32"}]),
    ("device_add", {"driver": "e1000", "id": "n0", "mac": 17, "wobble": "x"}, {}),
    ("qom-list", {"path": "/machine"}, [{"name": "type", "type": "string"}]),
    ("qom-set", {"path": "/machine", "property": "type", "value": 3}, {}),
    ("qom-set", {"path": "n0", "property": "wobble", "value": 3}, {}),
    ("qom-list-types", {"implements": "device"}, [{"name": "e1000"}]),
    ("device_add", {"driver": "e1001", "id": "n1"}, {}),
    ("block_resize", {"device": "d", "size": "1M"}, {}),
    ("stop", {}, {}),
]
VERSIONS = [(7, 2, 22), (11, 1, 3), (9, 9, 9)]

_CALL = st.tuples(
    st.sampled_from(CALLS),
    st.sampled_from(["id", "id", "none", "string"]),
    st.sampled_from(["right", "right", "right", "refused", "never", "late", "astray"]),
)
_SESSION = st.fixed_dictionaries(
    {
        "version": st.sampled_from([*VERSIONS, None]),
        "calls": st.lists(_CALL, max_size=6),
        "again": st.booleans(),
        "odd": st.sampled_from(["", "", "", "gap", "raw", "event", "empty", "shared"]),
        "closes": st.booleans(),
    }
)


def _says(conn: int, sender: str, message: Any) -> dict[str, Any]:
    return {"conn": conn, "from": sender, "msg": message}


def _session(conn: int, of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records of one session."""
    opening = {"client": "c", "server": f"s{conn % 2}"}
    yield {"conn": conn, "open": opening | ({"shared": True} if of["odd"] == "shared" else {})}
    if of["odd"] == "empty":
        return
    version = of["version"]
    if version:
        number = dict(zip(("major", "minor", "micro"), version, strict=True))
        greeting = {"version": {"qemu": number, "package": ""}, "capabilities": ["oob"]}
        yield _says(conn, "server", {"QMP": greeting})
        yield _says(conn, "client", {"execute": "qmp_capabilities"})
        yield _says(conn, "server", {"return": {}})
    late: list[dict[str, Any]] = []
    for number, ((name, arguments, result), identity, outcome) in enumerate(of["calls"]):
        own = {"id": {"id": number, "none": None, "string": f"c-{number}"}[identity]}
        own = own if own["id"] is not None else {}
        yield _says(conn, "client", {"execute": name, "arguments": arguments, **own})
        refusal = {"class": "GenericError", "desc": f"no {name}: in use"}
        answer = {"error": refusal, **own} if outcome == "refused" else {"return": result, **own}
        if outcome == "astray":
            answer["id"] = "nobody's"
        if outcome == "late":
            late.append(answer)
        elif outcome != "never":
            yield _says(conn, "server", answer)
    if of["odd"] == "gap":
        yield {"conn": conn, "from": "server", "gap": 100}
    elif of["odd"] == "raw":
        yield {"conn": conn, "from": "client", "raw": '{"execute": \n'}
    elif of["odd"] == "event":
        when = {"seconds": 1, "microseconds": 2}
        for _ in range(3):
            yield _says(conn, "server", {"event": "RESUME", "timestamp": when})
    yield from (_says(conn, "server", one) for one in late)
    if of["closes"] or of["odd"] == "raw":
        yield {"conn": conn, "close": "client"}
    if of["again"]:
        yield from _session(conn, of | {"again": False})


def _written(path: Path, records: list[dict[str, Any]], *, finish: bool = True) -> str:
    rows = [HEAD, *({"t": at / 100, **one} for at, one in enumerate(records))]
    rows += [{"t": 99.0, "finish": {"sessions": 1, "messages": 1}}] if finish else []
    text = "".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in rows).encode()
    path.write_bytes(gzip.compress(text, 1) if path.suffix == ".gz" else text)
    return str(path)


def _mixed(sessions: list[list[dict[str, Any]]], draw: random.Random) -> list[dict[str, Any]]:
    """The sessions' records, all at once."""
    waiting = [list(one) for one in sessions if one]
    found = []
    while waiting:
        own = draw.choice(waiting)
        found.append(own.pop(0))
        waiting = [one for one in waiting if one]
    return found


def _bytes(name: str, part: Any) -> bytes:
    """All that a verb makes of a trace."""
    if name.startswith("check"):
        head = Header(verb="check", by="x", started="x")
        result = of_check(head, part.in_order(), Baseline(), part.exercised)
        return b"\n".join(map(dumped, result.every()))
    if name == "coverage":
        return msgspec.json.encode([part.exercised, part.lacking()])
    return msgspec.json.encode([part.stats.figures(), sorted(part.notes.items())])


def _by_shares(task: Any, path: str, cut: Callable[[list[int]], list[list[int]]]) -> Any:
    """What comes of a trace in shares that `cut` makes of its sessions; None: it is for one process."""

    def shares(self: Index, _: int) -> list[Any]:
        return [self.share(conns) for conns in cut(list(self.sessions))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Index, "shares", shares)
        plan = task.plan(0, path, 2, unwatched)
        try:
            step = next(plan)
            while True:
                parts = [one(step.task, at, path).part for at in range(len(step.shares))]
                random.Random(0).shuffle(parts)
                while len(parts) > 1:
                    parts.append(parts.pop(0).merge(parts.pop(0)))
                step = plan.send(parts[0])
        except StopIteration as end:
            return end.value
        except NotSharedError:
            return None


@settings(max_examples=examples(320), deadline=None)
@given(st.sampled_from(sorted(TASKS)), st.lists(_SESSION, min_size=2, max_size=5), st.data())
def test_any_shares_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, name: str, told: list[dict[str, Any]], data: Any
) -> None:
    path = tmp_path_factory.mktemp("trace") / data.draw(st.sampled_from(["a.qmptrace", "a.gz"]))
    sessions = [list(_session(conn, one)) for conn, one in enumerate(told, 1)]
    together = data.draw(st.booleans())
    records = (
        _mixed(sessions, data.draw(st.randoms(use_true_random=False)))
        if together
        else [one for own in sessions for one in own]
    )
    trace = _written(path, records, finish=data.draw(st.booleans()))

    def cut(conns: list[int]) -> list[list[int]]:
        groups: dict[int, list[int]] = {}
        for conn in conns:
            groups.setdefault(data.draw(st.integers(0, 2)), []).append(conn)
        # All in one group is no share: the last session is one.
        return list(groups.values()) if len(groups) > 1 else [conns[:-1], conns[-1:]]

    task = TASKS[name]
    whole = task(0, trace, unwatched)
    apart = _by_shares(task, trace, cut)
    astray = any(call[2] == "astray" for one in told for call in one["calls"])
    odd = any(one["odd"] in ("gap", "raw", "shared") or not one["version"] for one in told)
    assert apart is not None or astray or odd
    if apart is not None:
        assert apart[1] == whole[1]
        assert _bytes(name, apart[0]) == _bytes(name, whole[0])


#: Recordings of real servers, of which sessions tell each other something.
REAL = [f"traces/{name}.qmptrace.gz" for name in
        ("qemu-7.2.22-libvirt", "qemu-7.2.22-wrong", "qemu-11.1.3-wrong", "qemu-7.2.22-shell",
         "qemu-7.2.22-libvirtd", "qemu-11.1.3-rich", "qemu-storage-daemon-7.2.22-storage")]  # fmt: skip


@pytest.fixture(scope="module", params=["after one another", "at once"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many sessions in one trace."""
    sessions: list[list[dict[str, Any]]] = []
    for path in REAL:
        own: dict[int, list[dict[str, Any]]] = {}
        for line in gzip.decompress(Path(path).read_bytes()).splitlines()[1:]:
            record = json.loads(line)
            if "finish" not in record:
                record.pop("t")
                conn = own.setdefault(record["conn"], [])
                conn.append(record | {"conn": len(sessions) + len(own)})
        sessions += own.values()
    records = [one for own in sessions for one in own]
    if request.param == "at once":
        records = _mixed(sessions, random.Random(3))
    return Path(_written(tmp_path_factory.mktemp("real") / "many.qmptrace", records))


def _packed(path: Path, form: str, folder: Path) -> str:
    if form == "parts":
        header, *lines = path.read_text().splitlines()
        half = len(lines) // 2
        go_on = '{"t":1.0,"finish":{"sessions":1,"messages":1,"next":2}}'
        first = json.dumps(json.loads(header) | {"part": 1})
        second = json.dumps(json.loads(header) | {"part": 2})
        parts = [[first, *lines[:half], go_on], [second, *lines[half:]]]
        for number, part in enumerate(parts, 1):
            (folder / f"many.{number:04}.qmptrace").write_text("".join(f"{one}\n" for one in part))
        return str(folder / "many.qmptrace")
    if form == "gz":
        target = folder / "many.qmptrace.gz"
        target.write_bytes(gzip.compress(path.read_bytes(), 1))
        return str(target)
    if form == "zst":
        zstandard = pytest.importorskip("zstandard")
        target = folder / "many.qmptrace.zst"
        target.write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes()))
        return str(target)
    return str(path)


@pytest.fixture
def _also_for_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LEAST", 0)


CALLED = [
    ["check", "--format", "json"],
    ["check", "--format", "html"],
    ["check", "--schema", "qemu-11.1.3", "--max-latency", "10ms"],
    ["check", "--filter", "kind = error"],
    ["coverage", "--format", "json"],
    ["stats", "--format", "json"],
]


@pytest.mark.usefixtures("_also_for_little")
@pytest.mark.parametrize("form", ["plain", "gz", "zst", "parts"])
@pytest.mark.parametrize("call", CALLED, ids=" ".join)
def test_two_say_what_one_says(
    call: list[str],
    form: str,
    real: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = _packed(real, form, tmp_path)
    rounds: list[int] = []
    divided = pool._divided

    def noted(*arguments: Any) -> Any:
        rounds.append(1)
        return divided(*arguments)

    monkeypatch.setattr(pool, "_divided", noted)
    alone: list[str] = []
    of_one = pool.of_one
    monkeypatch.setattr(pool, "of_one", lambda *rest: (alone.append(rest[2]), of_one(*rest))[1])
    said = []
    for jobs in "12":
        alone.clear()
        code = main([*call, path, "--jobs", jobs])
        out, err = capsys.readouterr()
        lines = [one for one in out.splitlines() if '"started"' not in one and "--jobs" not in one]
        said.append((code, lines, err))
    assert rounds == [1]
    assert bool(alone) == ("--filter" in call)  # which is for who reads all of it
    assert said[0] == said[1]
    assert said[0][1]


@pytest.mark.usefixtures("_also_for_little")
def test_a_damaged_trace_is_refused_in_the_words_of_one_process(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = real.read_bytes().splitlines(keepends=True)
    lines[len(lines) // 2] = b"no record\n"
    path = tmp_path / "damaged.qmptrace"
    path.write_bytes(b"".join(lines))
    said = []
    for jobs in "12":
        said.append((main(["check", str(path), "--jobs", jobs]), capsys.readouterr().err))
    assert said[0] == said[1]
    assert said[0][0] == 3
    assert f"damaged.qmptrace:{len(lines) // 2 + 1}: not a record" in said[0][1]


@pytest.mark.usefixtures("_also_for_little")
def test_a_torn_line_costs_nothing(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "torn.qmptrace"
    path.write_bytes(real.read_bytes()[:-20])
    for verb in ("check", "stats"):
        said = []
        for jobs in "12":
            code = main([verb, str(path), "--jobs", jobs])
            said.append((code, capsys.readouterr()))
        assert said[0] == said[1]
        assert "torn" in said[0][1].err + said[0][1].out


def test_one_session_is_for_one_process(tmp_path: Path) -> None:
    told = {"version": VERSIONS[0], "calls": [], "again": False, "odd": "", "closes": True}
    path = _written(tmp_path / "one.qmptrace", list(_session(1, told)))
    with pytest.raises(NotSharedError, match="nearly all"):
        next(shared.added_up(path, 0, 2, unwatched, ""))


def test_so_many_findings_are_for_one_process(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process would have dropped, several cannot know."""
    monkeypatch.setattr(share, "MOST_GROUPS", 5)
    found = _by_shares(TASKS["check"], str(real), lambda conns: [conns[::2], conns[1::2]])
    assert found is None


def test_shares_are_of_about_one_size(real: Path) -> None:
    reader = LineReader(str(real))
    index = Index(reader)
    for row in reader.lines():
        index.take(*row)
    index.end()
    found = index.shares(2)
    assert sorted(conn for one in found for conn in one.conns) == sorted(index.sessions)
    assert max(one.size for one in found) < 0.8 * sum(one.size for one in found)
