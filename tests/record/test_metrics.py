"""What a recorder counts is what was said, and can be scraped."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator

import pytest

from qmpconf.errors import UsageError
from qmpconf.protocol.framing import CLIENT_PASSING, SERVER_PASSING, Framer
from qmpconf.record.metrics import Metrics
from qmpconf.trace.records import Side
from tests.record.proxy import GREETING


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    with Metrics("127.0.0.1:0") as one:
        yield one


def scraped(metrics: Metrics) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


SAID: list[tuple[Side, bytes]] = [
    ("server", GREETING),
    ("client", b'{"execute":"qmp_capabilities"}'),
    ("server", b'{"return": {}}\r\n'),
    ("client", b'{"execute":"stop"}'),
    ("server", b'{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}\r\n'),
    ("server", b'{"error": {"class": "GenericError", "desc": "x"}}\r\n'),
    ("client", b'{"execute":"migrate"}'),
]


def test_what_was_said_is_counted(metrics: Metrics) -> None:
    watched = metrics.watch("web")
    for t, (sender, data) in enumerate(SAID):
        framer = Framer(SERVER_PASSING if sender == "server" else CLIENT_PASSING)
        watched.observe(1, sender, framer.feed(data), float(t))
    found = scraped(metrics)
    of = 'monitor="web"'
    assert found[f'qmp_messages_total{{kind="command",{of},sender="client"}}'] == 3
    assert found[f'qmp_messages_total{{kind="event",{of},sender="server"}}'] == 1
    assert found[f'qmp_bytes_total{{{of},sender="client"}}'] == sum(
        len(data) for sender, data in SAID if sender == "client"
    )
    assert found['qmp_command_errors_total{command="stop"}'] == 1
    assert found['qmp_response_seconds_count{command="stop"}'] == 1
    assert found['qmp_response_seconds_sum{command="stop"}'] == 2.0
    assert found[f"qmp_sessions{{{of}}}"] == 1
    assert found[f"qmp_unanswered_commands{{{of}}}"] == 1
    assert found[f"qmp_oldest_unanswered_seconds{{{of}}}"] >= 0
    watched.ended(1)
    found = scraped(metrics)
    assert found[f"qmp_sessions{{{of}}}"] == found[f"qmp_unanswered_commands{{{of}}}"] == 0


def test_names_without_end_are_counted_together(metrics: Metrics) -> None:
    watched = metrics.watch("web")
    for number in range(600):
        client = Framer(CLIENT_PASSING).feed(b'{"execute":"x%d"}' % number)
        watched.observe(1, "client", client, 0.0)
        watched.observe(1, "server", Framer(SERVER_PASSING).feed(b'{"return": {}}\r\n'), 0.0)
    assert scraped(metrics)['qmp_response_seconds_count{command="(others)"}'] == 100


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:x", "192.0.2.1:1"])
def test_an_address_that_cannot_be(address: str) -> None:
    with pytest.raises(UsageError):
        Metrics(address)


def test_without_what_serves_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError, match=r"another package: .*qmpconf\[hosts\]"):
        Metrics("127.0.0.1:0")
