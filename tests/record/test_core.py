"""The compiled core against Python: the same bytes in any pieces give the same trace, and arrive."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.cli.main import main
from qmpconf.errors import OutputError
from qmpconf.net.address import FdAddress
from qmpconf.record import core
from qmpconf.record.arrivals import Ends
from qmpconf.record.recorder import Recorder
from qmpconf.record.shared import Shared
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import Redactor
from qmpconf.trace.redaction.names import PARTS, _may_hold
from qmpconf.trace.writer import TraceWriter
from tests.record.proxy import GREETING, PATIENCE
from tests.usual import examples

ROOT = Path(__file__).parents[2]
needs_core = pytest.mark.skipif(not core.available(), reason="there is no compiled core")

Piece = tuple[Side, bytes]


class Wired:
    """A recorder whose poll the test turns itself, between two sockets of the test."""

    def __init__(self, path: Path, *, compiled: bool, redact: bool = True) -> None:
        self.path = path
        before = os.environ.get(core.VARIABLE)
        os.environ[core.VARIABLE] = "" if compiled else core.PYTHON
        try:
            self.client, client = socket.socketpair()
            self.server, server = socket.socketpair()
            self.shared = Shared(lambda: None)
            self.writer = TraceWriter(
                str(path), overwrite=True, redact=Redactor() if redact else None
            )
            self.python = 0  # calls to write by the Python path
            self.recorder = Recorder(
                Ends(FdAddress(server.detach()), FdAddress(client.detach())),
                self.writer,
                shared=self.shared,
            )
        finally:
            os.environ.pop(core.VARIABLE)
            if before is not None:
                os.environ[core.VARIABLE] = before
        self.turn()
        frames = self.writer.frames

        def counted(*args: object) -> None:
            self.python += 1
            frames(*args)  # type: ignore[arg-type]

        self.writer.frames = counted  # type: ignore[method-assign]

    def turn(self) -> None:
        """Deal with what is there."""
        self.shared.loop.fire()
        self.shared.loop.look(0)
        self.shared.turns.next()

    def say(self, who: Side, data: bytes) -> None:
        """Send bytes, and have all of them arrive."""
        source, sink = (self.client, self.server) if who == "client" else (self.server, self.client)
        source.setblocking(False)
        sink.setblocking(False)
        got = bytearray()
        rest = data
        while len(got) < len(data):
            if rest:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[source.send(rest) :]
            self.turn()
            with contextlib.suppress(BlockingIOError):
                got += sink.recv(1 << 20)
        assert got == data

    def end(self) -> list[dict[str, object]]:
        """What is in the trace in the end, but for the times and the header."""
        self.client.close()
        self.turn()  # who closes first is seen first
        self.server.close()
        for _ in range(3):
            self.turn()
        self.recorder.end()
        self.recorder.close()
        self.shared.close()
        lines = self.path.read_bytes().splitlines()[1:]
        records = []
        for line in lines:
            record = json.loads(line)
            del record["t"]
            # Bytes of a message as they stand in the line, where it is one.
            record["line"] = line.split(b",", 1)[1]
            records.append(record)
        return records


def both(folder: Path, pieces: Sequence[Piece], *, redact: bool = True) -> list[int]:
    """Hold both paths against each other; gives how often Python wrote in each."""
    found, calls = [], []
    for compiled in (True, False):
        wired = Wired(folder / "t.qmptrace", compiled=compiled, redact=redact)
        for who, data in pieces:
            wired.say(who, data)
        found.append(wired.end())
        calls.append(wired.python)
    assert found[0] == found[1]
    return calls


_names = st.sampled_from(
    [
        "execute",
        "arguments",
        "id",
        "return",
        "x",
        "PassWord",
        "secret",
        "data",
        "qom-get",
        "é",
        "a\\b",
    ]
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "query-status", "user@host", "key=x", "qom-get", "x" * 300, "\x7f", "\u2028", "a/b\n"]
    )
    | st.sampled_from(
        [
            'json:{"driver": "qcow2", "file": {"filename": "a.img"}}',
            '{"PassWord":"hunter4x", "x": 1}',
            '{"x": "hunter5x", "user-Key":"hunter5x"}',
            '{\'secret\':1,\\"token\\":"hunter6x"}',
            "-----BEGIN PRIVATE KEY-----\nhunter7x\n-----END PRIVATE KEY-----\n",
            "Cookie: hunter8x\r\n",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_messages = st.builds(
    lambda value, form, end: json.dumps(value, **form).encode() + end,
    st.dictionaries(_names, _values, max_size=4),
    st.sampled_from(
        [
            {},
            {"separators": (",", ":")},
            {"ensure_ascii": False},
            {"indent": 1},
            {"separators": (" ,", "\t:")},
        ]
    ),
    st.sampled_from([b"\r\n", b"\r\n", b"\n", b"", b" ", b"\r", b"\n\n", b"\r\n\r\n"]),
)
#: What is not usual, or nearly not.
OTHERS = [
    *(
        b"\xff",
        b"\r\n",
        b"{",
        b"}",
        b"[]\r\n",
        b"{]",
        b"{}}",
        b'{"a":01}\r\n',
        b'{"a":-}',
        b'{"a":1.}',
    ),
    *(
        b'{"a":tru}',
        b'{"a":1e5}',
        b'{"a":0E1}',
        b"{'a':1}\r\n",
        b'{"a" 1}',
        b"{,}",
        b'{"a":1,}\n',
        b"{}",
    ),
    *(
        b'{"a":' + b"[" * 70 + b"]" * 70 + b"}\r\n",
        b'{"a":"' + b"y" * 40_000 + b'"}\r\n',
        b"\0",
        b"nul",
    ),
    *(
        b'{"a":"\\"}"}\r\n',
        b'{"a":"\\x"}\r\n',
        b'{"a":"\\"}\r\n',
        b'{"a":"\\u0041"}\r\n',
        b'{"a":"\\\'"}\r\n',
        b'{"a":"\\\x00"}\r\n',
        b'{"a\\/\\b\\f\\n":"\\\\\\r\\t"}\r\n',
        b'{"a":"' + b'\\":' * 1001 + b'"}\r\n',
        b'{"a":"\x01"}\r\n',
        b'{"a":"\x7f"}\r\n',
    ),
    *(
        b'{"a":1]\r\n',
        b'{"a":[1}\r\n',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":-0.0}\n',
        b'{"a":[,1]}',
        b'{"a":-x}\r\n',
        b'{"a":1.x}\r\n',
        b'{"a":[1 2]}',
    ),
    b'{"execute":"qom-get","arguments":{"path":"/o","property":"data"},"id":7}\r\n',
    b'{"execute":"object-add","arguments":{"qom-type":"secret","id":"s","data":"hunter2x"}}\r\n',
    b'{"execute":"x","arguments":{"PassWord":"hunter3x"}}\r\n',
    b'{"return":"hunter2x","id":7}\r\n',
    GREETING,
]
#: What repeats a secret of these, or nearly does.
ECHOES = [
    b'{"return":{"x":["a hunter2x b"]}}\r\n',
    b'{"error":{"class":"GenericError","desc":"no \\"hunter3x\\" here"}}\r\n',
    b'{"return":{"hunter2x":1}}\r\n',
    b'{"return":{"x":"aHVudGVyMng="}}\r\n',
    b'{"return":{"x":"hunter2","y":"Hunter2x"}}\r\n',
    b'{"execute":"x","arguments":{"y":"hunter2x"}}\r\n',
    b'{"execute":"x","arguments":{"y":"a\\nb"}}\r\n',
    b'{"execute":"x","id":"hunter2x"}\r\n',
]
_others = st.sampled_from([*OTHERS, *ECHOES])


@st.composite
def _pieces(draw: st.DrawFn) -> list[Piece]:
    """What both sides say, cut anywhere."""
    found: list[Piece] = [("server", GREETING)] if draw(st.integers(0, 3)) else []
    for _ in range(draw(st.integers(1, 6))):
        who: Side = draw(st.sampled_from(["client", "server"]))
        parts = draw(st.lists(_messages | _messages | _others, min_size=1, max_size=3))
        data = b"".join(parts)
        cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            if end > start:
                found.append((who, data[start:end]))
    return found


@needs_core
@given(pieces=_pieces(), redact=st.booleans())
@settings(
    max_examples=examples(800),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_bytes_in_any_pieces_are_recorded_as_python_does(
    tmp_path: Path, pieces: list[Piece], *, redact: bool
) -> None:
    both(tmp_path, pieces, redact=redact)


@needs_core
@pytest.mark.parametrize("redact", [False, True])
def test_what_is_hardly_usual_is_recorded_as_python_does(tmp_path: Path, *, redact: bool) -> None:
    whos: tuple[Side, Side] = ("client", "server")
    for who in whos:
        for one in OTHERS:
            for begins in (b"", b'{"a": 1}\r\n'):
                data = begins + one + b'{"b": 2}\r\n'
                both(tmp_path, [("server", GREETING), (who, data)], redact=redact)
                cut = len(begins + one) - 2
                both(
                    tmp_path,
                    [("server", GREETING), (who, data[:cut]), (who, data[cut:])],
                    redact=redact,
                )


@needs_core
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""])
def test_usual_messages_pass_without_python(tmp_path: Path, end: bytes) -> None:
    """Also one that comes in pieces, and is longer than what a socket holds."""
    command = b'{"execute": "qom-get", "arguments": {"path": "/", "property": "x"}}' + end
    reply = (
        b'{"return": {"running": true, "n": [1, -2.50, 0, null, false, {}]}, "id": "libvirt-1"}'
        + end
    )
    pieces: list[Piece] = [("server", GREETING), ("client", command), ("server", reply)]
    assert both(tmp_path, pieces) == [1, 3]  # the greeting, and all
    long = b'{"return": [' + b", ".join([b'{"name": "member"}'] * 40_000) + b"]}" + end
    for who, message in (("client", command), ("server", long)) * 3:
        pieces += (
            [(who, message[:100]), (who, message[100:])] if who == "server" else [(who, message)]
        )
    assert both(tmp_path, pieces) == [1, 9]


@needs_core
def test_a_usual_message_may_be_cut_anywhere(tmp_path: Path) -> None:
    value = (
        b'{"\\na": [true, false, null, {}, [], -1.25, 0.5, 10, -0, "", "\\"'
        + b"x" * 40
        + b'\\\\"]}'
    )
    reply = b'{"return": ' + value + b', "b" : {"c":' + value + b"}}\r\n"
    pieces: list[Piece] = [("server", GREETING)]
    for step in (1, 2, 3, 7):
        starts = range(0, len(reply) - 3, step)
        cuts = [reply[at : min(at + step, len(reply) - 3)] for at in starts]
        pieces += [("server", cut) for cut in (*cuts, reply[-3:])]
    assert both(tmp_path, pieces) == [1, 5]


@needs_core
def test_texts_of_json_pass_unless_they_may_hold_a_secret(tmp_path: Path) -> None:
    nodes = [{"file": json.dumps({"driver": "qcow2", "a": f'"{n}"\n\t/'})} for n in range(9)]
    usual = json.dumps({"return": nodes, "id": "libvirt-1"}).encode() + b"\r\n"
    assert both(tmp_path, [("server", GREETING), *[("server", usual)] * 5]) == [1, 6]
    for name in ("password", "user-KEY", "auth-token"):
        secret = json.dumps({"return": json.dumps({name: "hunter2x"})}).encode() + b"\r\n"
        assert both(tmp_path, [("server", GREETING), ("server", secret)]) == [2, 2]
        assert b"hunter2x" not in (tmp_path / "t.qmptrace").read_bytes()


@needs_core
def test_what_a_verb_would_read_comes_out_the_same(tmp_path: Path) -> None:
    """The inputs that have shown faults, from either side."""
    for path in sorted((ROOT / "tests/fuzz/corpus").iterdir()):
        data = path.read_bytes()[:50_000]
        for who in ("client", "server"):
            pieces: list[Piece] = [("server", GREETING)]
            pieces += [(who, data[at : at + 3000]) for at in range(0, len(data), 3000)]
            both(tmp_path, pieces)


@needs_core
def test_recorded_sessions_come_out_the_same(tmp_path: Path, session: Sequence[Piece]) -> None:
    python, all_of_them = both(tmp_path, session)
    assert python < all_of_them / 2


@pytest.fixture
def session() -> Sequence[Piece]:
    """What libvirt and a QEMU have said to each other."""
    items = TraceReader(str(ROOT / "traces/qemu-7.2.22-libvirt.qmptrace.gz")).items()
    return [
        (one.sender, one.frame.data + one.frame.end)
        for one in items
        if isinstance(one, Item) and one.conn == 1
    ]


_fragments = st.sampled_from(
    [
        *(part.replace(b"\0", b"") for part in PARTS),
        *b"pass Key kEy data qom- CRED exec human horiz \\u0 x".split(),
    ]
)


@given(st.lists(_fragments | st.binary(max_size=4), max_size=8).map(b"".join))
@settings(max_examples=examples(2000), deadline=None)
def test_a_message_that_may_hold_a_secret_has_one_of_the_words(data: bytes) -> None:
    """What the core looks for is never less than what Python's pattern finds."""
    lower = data.lower()
    found = any(all(half in lower for half in part.split(b"\0")) for part in PARTS)
    assert found or not _may_hold(data)


@needs_core
def test_a_secret_that_is_asked_for_is_not_passed_by_the_core(tmp_path: Path) -> None:
    """The core must stop at once for the answer: it looks like any other one."""
    ask = b'{"execute":"qom-get","arguments":{"path":"/objects/s","property":"data"},"id":"a"}\r\n'
    answer = b'{"return": "correct horse", "id": "a"}\r\n'
    plain = b'{"return": {}, "id": "b"}\r\n'
    both(tmp_path, [("server", GREETING), ("server", plain), ("client", ask), ("server", answer)])
    assert b"correct horse" not in (tmp_path / "t.qmptrace").read_bytes()


SECRET = (
    b'{"execute":"object-add","arguments":{"qom-type":"secret","id":"s%d","data":"hunter%dx"}}\r\n'
)


@needs_core
def test_what_follows_a_secret_passes_unless_it_may_repeat_it(tmp_path: Path) -> None:
    plain: list[Piece] = [
        ("client", b'{"execute":"query-status","id":"a"}\r\n'),
        ("server", b'{"return": {"status": "running"}, "id": "a"}\r\n'),
    ]
    pieces: list[Piece] = [("server", GREETING), ("client", SECRET % (1, 2)), *plain * 5]
    assert both(tmp_path, pieces) == [2, 12]  # the greeting, and the secret
    for who in ("client", "server"):
        for echo in ECHOES:
            both(tmp_path, [*pieces, (who, echo), *plain])
            assert b"hunter2x" not in (tmp_path / "t.qmptrace").read_bytes()


@needs_core
def test_of_very_many_secrets_python_looks_for_all(tmp_path: Path) -> None:
    many: list[Piece] = [("client", SECRET % (n, n)) for n in range(1000, 1300)]
    plain: Piece = ("client", b'{"execute":"query-status","id":"a"}\r\n')
    pieces: list[Piece] = [("server", GREETING), *many, plain]
    assert both(tmp_path, pieces) == [302, 302]


@needs_core
def test_the_core_gets_to_know_a_secret_once(tmp_path: Path) -> None:
    """Also where messages repeat it."""
    wired = Wired(tmp_path / "t.qmptrace", compiled=True)
    wired.say("server", GREETING)
    wired.say("client", SECRET % (1, 2))
    told = wired.writer._said
    assert b"hunter2x" in told
    wired.say("client", b'{"execute":"x","arguments":{"y":"hunter2x"}}\r\n')
    assert wired.python == 3
    assert wired.writer._said is told
    wired.end()


@needs_core
def test_a_file_that_takes_no_more_stops_it_before_anything_unrecorded_is_delivered(
    tmp_path: Path,
) -> None:
    wired = Wired(tmp_path / "t.qmptrace", compiled=True)
    wired.say("server", GREETING)
    command = b'{"execute":"x","arguments":{"x":"' + b"y" * 1000 + b'"}}\r\n'
    wired.say("client", command)
    assert wired.python == 1  # the greeting
    size = wired.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))
    try:
        wired.client.sendall(command)
        with pytest.raises(OutputError, match="cannot write"):
            wired.turn()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    wired.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        wired.server.recv(1)
    assert wired.path.stat().st_size == size
    assert wired.writer.messages == 2
    wired.recorder.close()
    wired.shared.close()
    for sock in (wired.client, wired.server):
        sock.close()


def test_the_environment_switches_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(core.VARIABLE, core.PYTHON)
    assert not core.available()
    assert core.make(0) is None


def test_one_of_another_version_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(core.VARIABLE, raising=False)
    monkeypatch.setattr(core, "INTERFACE", core.INTERFACE + 1)
    assert not core.available()
    assert core.make(0) is None


@needs_core
def test_it_is_said_of_one_of_another_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(core, "INTERFACE", core.INTERFACE + 1)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert "of another version: install qmpconf again" in capsys.readouterr().out


@needs_core
def test_a_time_comes_also_while_messages_pass_without_end(tmp_path: Path) -> None:
    """Two recorders in a ring: what one passes on is there for the other one at once."""
    shared = Shared(lambda: None)
    here, there = socket.socketpair(), socket.socketpair()
    writers = [TraceWriter(str(tmp_path / f"{name}.qmptrace")) for name in "ab"]
    with contextlib.ExitStack() as stack:
        stack.callback(shared.close)
        throws_in = stack.enter_context(socket.socket(fileno=os.dup(here[1].fileno())))
        ends = (here[0], there[0]), (there[1], here[1])
        for (client, server), writer in zip(ends, writers, strict=True):
            stack.callback(writer.abandon)
            addresses = FdAddress(server.detach()), FdAddress(client.detach())
            stack.enter_context(Recorder(Ends(*addresses), writer, shared=shared))
        shared.turn()
        due = threading.Event()
        shared.loop.later(0.05, due.set)
        throws_in.sendall(b'{"execute":"stop"}')

        def turn() -> None:
            while not due.is_set():
                shared.turn()

        turning = threading.Thread(target=turn, daemon=True)
        turning.start()
        turning.join(PATIENCE)
        assert due.is_set()
