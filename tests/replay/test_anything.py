"""Whatever a client sent, and however the session ended: it replays, and nothing differs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from qmpconf.monitor.core import Monitor, Quit, Send
from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.replay.plan import Expect, steps
from qmpconf.replay.play.replaying import replay_trace
from qmpconf.report.replay import as_text, verdict
from qmpconf.trace.reader import TraceReader, direction
from qmpconf.trace.writer import TraceWriter
from tests.replay.conftest import CATALOG, monitors
from tests.usual import examples

PIECES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n',
            b'{"execute":"qmp_capabilities"}',
            b'{"execute":"stop"}',
            b'{"execute":"cont","id":1}{"execute":"query-status","id":1.0}\r\n',
            b'{"execute":"query-commands","id":null}',
            b'{"exec-oob":"query-yank","id":"a"}',
            b'{"execute":"quit"}',
            b'{"id":1,"id":2}',
            b"\xff",
            b"[1]",
            b'{"execute":',
            b"12 true null\n",
            b"]",
            b"\n\n",
        ]
    ),
)


def recorded(path: str, pieces: list[bytes]) -> None:
    """What the embedded monitor says to `pieces`, as a recorder would write it."""
    monitor = Monitor(CATALOG, lambda: 5)
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    with TraceWriter(path, overwrite=True) as writer:
        writer.open(1, client="c", server="unix:recorded.sock")
        number, actions = monitor.open()
        over = False
        for piece in [None, *pieces]:
            if piece is not None:
                frames = framers["client"].feed(piece)
                if frames:
                    writer.frames(1, "client", frames)
                actions = monitor.receive(number, piece)
                while monitor.wait() == 0:
                    actions += monitor.work()
            for action in actions:
                if isinstance(action, Send):
                    writer.frames(1, "server", framers["server"].feed(action.data))
                over |= isinstance(action, Quit)
            if over:
                break
        rest = framers["client"].close()
        if rest:
            writer.frames(1, "client", rest)
        writer.close(1, "server" if over else "client")


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(PIECES, max_size=12))
@example([b"\0", b'"value"'])
def test_any_session_replays_without_a_difference(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trace, output = str(Path(folder, "t")), str(Path(folder, "o"))
        recorded(trace, pieces)
        # A bare word that is not JSON (`a0` is two of them) is kept as raw text, whose end a reader
        # sees only in what follows: behind the answer.
        expected = [one.said for one in steps(TraceReader(trace).items()) if type(one) is Expect]
        assume("reply to nothing" not in [said.subject for said in expected])
        with monitors(Path(folder, "s")):
            result = replay_trace(
                trace,
                target=str(Path(folder, "s")),
                output=output,
                redact=False,  # noise may hold a word that sounds like a secret
                event_timeout=60,
                timeout=60,
            )
        assert (result.exit_code, result.differences.count) == (0, 0), as_text(result)
        assert verdict(result) == "no differences"
        assert direction(output, 1, "client") == direction(trace, 1, "client")
