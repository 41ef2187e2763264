"""The client suite: a client without a weakness copes, and each weakness is found for what it is."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.conform.client.child import Client
from qmpconf.conform.client.host import ClientTape, Host
from qmpconf.conform.client.judge import HABITS
from qmpconf.conform.client.manners import Manners, UnkindMonitor, merged, pieces
from qmpconf.conform.client.scenarios import PLAIN, SCENARIOS
from qmpconf.conform.client.suite import Options, conform_client
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.verdicts import Verdict
from qmpconf.errors import TargetError, UsageError
from qmpconf.monitor.core import Send
from qmpconf.net.address import parse_address
from qmpconf.net.endpoint import Listener
from qmpconf.protocol.messages import from_server
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.report.conform_client import parse_list
from qmpconf.schema.store import load_shipped
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Fault
from tests.usual import share

CATALOG = load_shipped("qemu-7.2.22")
CAREFUL = str(Path(__file__).parent / "clients" / "careful.py")
CLIENT = str(Path(__file__).parent / "clients" / "naive.py")


def conformed(weakness: str, folder: Path, *patterns: str, limit: float = 30.0) -> Outcome:
    options = Options(str(folder), patterns=patterns, limit=limit)
    return conform_client([sys.executable, CLIENT, weakness], CATALOG, options)


def broken(outcome: Outcome) -> set[str]:
    return {one.case for one in outcome.results if one.verdict.broken}


@pytest.mark.whole
def test_a_client_without_a_weakness_copes_with_everything(tmp_path: Path) -> None:
    outcome = conformed("good-oob", tmp_path, limit=120.0)
    assert broken(outcome) == set()
    assert outcome.exit_code == 0
    assert [one.verdict for one in outcome.results] == [Verdict.PASS] * len(SCENARIOS)
    for scenario in SCENARIOS:
        path = tmp_path / (scenario.id.replace("/", "__") + ".qmptrace")
        reader = TraceReader(str(path))
        assert len(list(reader.items())) >= 2
        assert reader.finished
    assert len(list(tmp_path.iterdir())) == len(SCENARIOS)


#: Scenarios in which the server fails, with the fault that each is.
FAILING = {
    "session.silence/no-greeting": ("hang", "connection"),
    "session.silence/lost": ("lose", "reply "),
    "response.own/late": ("late", "reply "),
    "session.cut/mid-message": ("cut", "reply "),
    "session.cut/greeting": ("cut", "greeting"),
    "session.greeted-twice/two": ("double", "greeting"),
}


def test_a_failure_is_a_fault_on_purpose_in_the_trace_and_blames_no_server(tmp_path: Path) -> None:
    conformed("good-oob", tmp_path, *FAILING)
    assert FAILING.keys() == {one.id for one in SCENARIOS if one.fails}
    for scenario, (kind, message) in FAILING.items():
        path = str(tmp_path / (scenario.replace("/", "__") + ".qmptrace"))
        faults = [one for one in TraceReader(path).records() if isinstance(one, Fault)]
        assert faults, scenario
        assert faults[0].kind == kind
        assert faults[0].message.startswith(message)
        groups = check_trace(path).groups
        assert {one.first.blame for one in groups} <= {"client", "nobody"}, scenario


#: Scenarios that are quick, and beside which a weakness must not show.
QUICK = ("event.*", "framing.any-piece/[bm]*", "session.quit-eof/*", "oob.*")


@pytest.mark.parametrize(
    ("weakness", "found"),
    [
        (
            "no-events",
            {
                "event.any-time/before",
                "event.any-time/between",
                "event.any-time/early",
                "event.unknown-tolerated/events",
                "event.unknown-tolerated/members",
                "framing.any-piece/merged",
            },
        ),
        ("known-events", {"event.unknown-tolerated/events"}),
        ("known-members", {"event.unknown-tolerated/members"}),
        ("wants-reply", {"session.quit-eof/no-reply"}),
        ("oob-in-order", {"oob.by-id/overtaken"}),
    ],
)
def test_a_weakness_is_found(weakness: str, found: set[str], tmp_path: Path) -> None:
    assert broken(conformed(weakness, tmp_path, *QUICK)) == found


def test_who_takes_a_read_for_a_message_is_found(tmp_path: Path) -> None:
    outcome = conformed("one-read", tmp_path, "framing.any-piece/bytes")
    assert broken(outcome) == {"framing.any-piece/bytes"}


def test_a_small_buffer_is_found(tmp_path: Path) -> None:
    outcome = conformed("small-buffer", tmp_path, "framing.any-size")
    assert broken(outcome) == {"framing.any-size/1-mib", "framing.any-size/10-mib"}
    assert outcome.exit_code == 0  # it was only seen that messages are so large


def test_impatience_is_a_warning(tmp_path: Path) -> None:
    outcome = conformed("impatient", tmp_path, "session.patience")
    assert broken(outcome) == {"session.patience/slow"}
    assert outcome.exit_code == 0


@pytest.mark.parametrize(
    ("weakness", "rule"),
    [
        ("hasty-command", "negotiation.client-first"),
        ("misspells", "schema.arguments"),
    ],
)
def test_what_a_client_sends_is_checked(weakness: str, rule: str, tmp_path: Path) -> None:
    outcome = conformed(weakness, tmp_path, "plain")
    (one,) = [one for one in outcome.results if one.verdict is Verdict.FAIL]
    assert one.requirements == (rule,)


def test_what_the_client_does_not_do_is_not_judged(tmp_path: Path) -> None:
    outcome = conformed("good", tmp_path, "oob")
    assert [one.verdict for one in outcome.results] == [Verdict.PASS, Verdict.NOT_APPLICABLE]


def test_a_client_that_never_ends_or_connects_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="does not end by itself"):
        conformed("never-ends", tmp_path, "plain", limit=2.0)
    options = Options(str(tmp_path))
    with pytest.raises(TargetError, match="QMPCONF_SOCKET"):
        conform_client(["true"], CATALOG, options)
    fails = ["sh", "-c", f"{sys.executable} {CLIENT} good; echo no luck >&2; exit 3"]
    with pytest.raises(
        TargetError, match=r"ends with exit code 3; its last words: 'no luck'; .* 3"
    ):
        conform_client(fails, CATALOG, options)
    outcome = conform_client(fails, CATALOG, replace(options, expected=3, patterns=("plain",)))
    assert broken(outcome) == set()
    with pytest.raises(UsageError, match="cannot start"):
        conform_client([str(tmp_path / "none")], CATALOG, options)


# --- clients that report ---------------------------------------------------------------------------


def careful(weakness: str, folder: Path, *patterns: str, **more: Any) -> Outcome:
    options = Options(str(folder), patterns=patterns, **{"limit": 18.0, "output": "testee", **more})
    return conform_client([sys.executable, CAREFUL, weakness], CATALOG, options)


def test_a_careful_client_has_no_findings(tmp_path: Path) -> None:
    outcome = careful("none", tmp_path, limit=120.0)
    assert broken(outcome) == set()
    skipped = [one.case for one in outcome.results if one.verdict is not Verdict.PASS]
    assert skipped == ["oob.by-id/overtaken"]


#: What each weak client is put to, and what is found.
WEAK: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "full-4096": (
        ("framing.any-piece/[46l]*",),
        {"framing.any-piece/4096", "framing.any-piece/65536"},
    ),
    "full-65536": (("framing.any-piece/[46l]*",), {"framing.any-piece/65536"}),
    "wants-crlf": (("framing.any-piece/[4lm]*",), {"framing.any-piece/lf"}),
    # Elsewhere a read may hold more than one message by chance.
    "drops-rest": (
        ("event.any-time/before", "framing.any-piece/merged"),
        {"event.any-time/before", "framing.any-piece/merged"},
    ),
    "no-time-out": (
        ("session.silence", "response.own", "session.cut"),
        {"session.silence/no-greeting", "session.silence/lost"},
    ),
    "aborts": (("session.silence", "session.cut"), {"session.silence/lost"}),
    "hides-end": (
        ("session.cut",),
        {"session.cut/greeting", "session.cut/mid-message"},
    ),
    "spins": (("session.cut",), {"session.cut/greeting", "session.cut/mid-message"}),
    "takes-late": (("response.own", "session.cut"), {"response.own/late"}),
    "greeting-is-response": (("session.greeted", "session.cut"), {"session.greeted-twice/two"}),
    "same-id": (("event.any-time/b*",), {"request.id-in-flight/seen"}),
    "after-quit": (("event.any-time/b*",), {"session.after-quit/seen"}),
    "rounds": (("event.any-time/b*",), {"response.own/seen"}),
    "shows-event": (
        ("event.any-time/b*", "framing.any-piece/[4lm]*"),
        {"event.any-time/before", "event.any-time/between", "framing.any-piece/merged"},
    ),
    "chatty": (("event.any-time/b*", "framing.any-piece/[4lm]*"), set()),
    "polls": (("event.any-time/b*", "session.patience"), set()),
    "deaf": (("event.any-time/b*",), set()),
    "all-events": (("event.*", "framing.any-piece/[bem]*", "oob.*"), set()),
    "forgets-events": (("framing.any-piece/merged",), {"framing.any-piece/merged"}),
}


# Who hangs is waited for: a usual run has some of them.
@pytest.mark.parametrize("weakness", share(WEAK, 3))
def test_a_weakness_is_found_for_what_it_is(weakness: str, tmp_path: Path) -> None:
    patterns, found = WEAK[weakness]
    assert broken(careful(weakness, tmp_path, *patterns)) == found


def test_what_a_client_prints_is_compared_line_by_line_unless_not_asked_for(tmp_path: Path) -> None:
    shown = careful("shows-event", tmp_path, "event.any-time/before", output="lines")
    assert broken(shown) == {"event.any-time/before"}
    assert "prints something else" in shown.unexpected[0].breaches[0].message
    ignored = careful("shows-event", tmp_path, "event.any-time/before", output="ignore")
    assert broken(ignored) == set()


#: A client that fails in the third run of all, which is the first with an unkind server, and in no other.
ONCE = """
runs=$(cat runs 2>/dev/null || echo 0); echo $((runs + 1)) > runs
[ "$runs" != 2 ] || exit 7
exec "$0" "$@"
"""


def test_what_shows_in_one_of_two_runs_is_not_held_against_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces").mkdir()
    options = Options(str(tmp_path / "traces"), patterns=("event.any-time/between",), limit=120.0)
    words = ["sh", "-c", ONCE, sys.executable, CLIENT, "good"]
    outcome = conform_client(words, CATALOG, options)
    assert (tmp_path / "runs").read_text() == "4\n"
    (result,) = [one for one in outcome.results if one.case != PLAIN.id]
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("in one of two runs: expected ")
    assert outcome.undecided == ["event.any-time"]
    assert outcome.exit_code == 1
    assert len(list((tmp_path / "traces").iterdir())) == 2


class Quick:
    """A client that reads the greeting, negotiates, and ends."""

    def __init__(self, path: str) -> None:
        self.thread = threading.Thread(target=self._talk, args=(path,))
        self.thread.start()

    @property
    def ended(self) -> bool:
        return not self.thread.is_alive()

    @staticmethod
    def _talk(path: str) -> None:
        with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as file:
            sock.connect(path)
            file.readline()
            sock.sendall(b'{"execute": "qmp_capabilities"}')
            file.readline()


def test_the_time_that_the_server_takes_to_send_is_not_the_clients(tmp_path: Path) -> None:
    manners = Manners(slow=1.5)  # before the greeting, and before the response
    address = parse_address(str(tmp_path / "qmp.sock"))
    with Listener(address) as listener:
        client = Quick(str(tmp_path / "qmp.sock"))
        tape = ClientTape(str(tmp_path / "t.qmptrace"), {})
        host = Host(listener, UnkindMonitor(CATALOG, lambda: 0, manners), manners, tape)
        assert host.run(cast("Client", client), 2.0)
        tape.finish()
        client.thread.join()


def test_nothing_that_a_client_starts_is_left_behind(tmp_path: Path) -> None:
    def running() -> set[str]:
        found = set()
        for one in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if b"leaves-child" in (line := one.read_bytes()) and str(tmp_path).encode() in line:
                    found.add(one.parent.name)
        return found

    words = [sys.executable, CAREFUL, "leaves-child", str(tmp_path)]
    options = Options(str(tmp_path), patterns=("plain",), limit=120.0)
    outcome = conform_client(words, CATALOG, options)
    assert broken(outcome) == set()
    until = time.monotonic() + 60
    while running() and time.monotonic() < until:
        time.sleep(0.01)  # it was killed; the system takes it away
    assert running() == set()


# --- the unkind server is legal --------------------------------------------------------------------


LEGAL = [one for one in SCENARIOS if not one.fails]


@pytest.mark.parametrize("scenario", LEGAL, ids=lambda one: one.id)
def test_what_the_server_says_is_legal(scenario: object) -> None:
    manners: Manners = scenario.manners  # type: ignore[attr-defined]  # a Scenario
    monitor = UnkindMonitor(CATALOG, lambda: 1, manners)
    number, actions = monitor.open()
    for sent in (b'{"execute":"qmp_capabilities"}', b'{"execute":"query-status","id":1}'):
        actions += monitor.receive(number, sent)
        while monitor.wait() == 0:
            actions += monitor.work()
    messages = [from_server(one.data) for one in actions if isinstance(one, Send)]
    assert [message.problems for message in messages] == [()] * len(messages)
    kinds = [type(message).__name__ for message in messages]
    assert kinds[:2] == ["Greeting", "Success"]
    assert kinds.count("Success") == 2


def test_pieces_are_the_whole() -> None:
    for how in ("whole", "bytes", "ends", "lf", "merged"):
        for size in (10, 5000):
            data = b"x" * size + b"\r\n"
            cut = [part for _, part in pieces(data, Manners(pieces=how), 0)]
            assert b"".join(cut) == data
            assert (len(cut) > 1) == (how in ("bytes", "ends", "lf"))


def test_merging_keeps_what_stands_between() -> None:
    assert merged([Send(1, b"a"), Send(1, b"b"), Send(2, b"c")]) == [Send(1, b"ab"), Send(2, b"c")]


def test_scenarios_are_about_rules_that_bind_clients() -> None:
    rules = [one.requirement for one in SCENARIOS] + list(HABITS)
    assert {REQUIREMENTS[one].binds for one in rules} == {Party.CLIENT}
    assert len({one.id for one in SCENARIOS}) == len(SCENARIOS)
    assert PLAIN.manners == Manners()


# --- real clients ----------------------------------------------------------------------------------


def test_qemus_own_library_copes_but_with_ten_mebibytes(tmp_path: Path) -> None:
    words = [sys.executable, str(Path(__file__).parent / "clients" / "qmp_client.py"), "oob"]
    patterns = ("event.*", "oob.*", "framing.any-piece/bytes", "framing.any-size/*")
    options = Options(str(tmp_path), patterns=patterns)
    outcome = conform_client(words, CATALOG, options)
    assert broken(outcome) == {"framing.any-size/10-mib"}


def test_the_published_page_is_about_every_listed_client_and_scenario() -> None:
    folder = Path(__file__).parents[2] / "reports"
    page = (folder / "clients.md").read_text(encoding="utf-8")
    listed = parse_list((folder / "clients.toml").read_text(encoding="utf-8"), "clients.toml")
    for client in listed:
        assert f"## {client.name}\n" in page
        assert (client.unjudged or f"```sh\n{client.command}\n```") in page
        assert client.note in page
    assert sum(not one.unjudged for one in listed) >= 8
    for scenario in SCENARIOS:
        assert f"| `{scenario.id}`" in page
        assert scenario.title in page
