"""The embedded monitor, byte for byte and without a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.monitor.core import Close, Discard, Monitor, Quit, Send, identity_of
from qmpconf.monitor.instances import instance
from qmpconf.protocol.dialect import of_product
from qmpconf.protocol.framing import Framer, Kind
from qmpconf.protocol.messages import Failure, Response, from_server
from qmpconf.protocol.values import dumps, loads
from qmpconf.schema.introspection import compile_introspection
from qmpconf.schema.store import load_shipped, shipped, source_of
from qmpconf.schema.validator import Validator
from tests.usual import examples

CATALOG = load_shipped("qemu-7.2.22")
#: The shipped catalogs of servers that speak QMP.
MONITORS = [one for one in shipped() if of_product(source_of(one).product).greets]
NEGOTIATE = b'{"execute":"qmp_capabilities"}'


class Dialogue:
    """One session of a monitor; what it says is parsed, and its bytes are kept."""

    def __init__(self, monitor: Monitor | None = None, *, negotiate: bool = True) -> None:
        self.monitor = monitor or Monitor(CATALOG, lambda: 1_000_002)
        self.raw = b""
        self.over: list[object] = []
        self.number, actions = self.monitor.open()
        self.greeting = self.take(actions)[0]
        if negotiate:
            assert self.say(NEGOTIATE) == [{"return": {}}]

    def take(self, actions: list[Any]) -> list[Any]:
        found = []
        for action in actions:
            if isinstance(action, Send):
                if action.session != self.number:
                    continue
                assert action.data.endswith(b"\r\n")
                self.raw += action.data
                found.append(loads(action.data))
            else:
                self.over.append(action)
        return found

    def say(self, data: bytes) -> list[Any]:
        """Send, and let the monitor work until there is nothing to do."""
        return self.take([*self.monitor.receive(self.number, data), *self.work()])

    def work(self) -> list[Any]:
        actions: list[Any] = []
        while self.monitor.wait() == 0:
            actions += self.monitor.work()
        return actions

    def error(self, data: bytes) -> str:
        (answer,) = self.say(data)
        return str(answer["error"]["class"])


@pytest.fixture
def talk() -> Dialogue:
    return Dialogue()


# --- greeting and negotiation ---------------------------------------------------------------------


def test_the_greeting_tells_the_catalogs_version_and_that_this_is_no_qemu() -> None:
    greeting = Dialogue(negotiate=False).greeting["QMP"]
    assert greeting["version"]["qemu"] == {"major": 7, "minor": 2, "micro": 22}
    assert "embedded monitor" in greeting["version"]["package"]
    assert greeting["capabilities"] == ["oob"]


def test_before_negotiation_every_other_command_is_not_found() -> None:
    talk = Dialogue(negotiate=False)
    assert talk.error(b'{"execute":"query-status"}') == "CommandNotFound"
    assert talk.error(b'{"execute":"nonsense"}') == "CommandNotFound"
    assert talk.error(b"{}") == "GenericError"
    assert talk.say(NEGOTIATE) == [{"return": {}}]


def test_a_second_negotiation_is_not_found(talk: Dialogue) -> None:
    assert talk.error(NEGOTIATE) == "CommandNotFound"


@pytest.mark.parametrize(
    "arguments", ['{"enable":["bogus"]}', '{"enable":"oob"}', '{"disable":[]}', "null"]
)
def test_a_bad_negotiation_leaves_it_open(arguments: str) -> None:
    talk = Dialogue(negotiate=False)
    bad = f'{{"execute":"qmp_capabilities","arguments":{arguments}}}'
    assert talk.error(bad.encode()) == "GenericError"
    assert talk.say(NEGOTIATE) == [{"return": {}}]


def test_no_event_reaches_a_session_that_has_not_negotiated() -> None:
    monitor = Monitor(CATALOG, lambda: 0)
    first, second, third = Dialogue(monitor), Dialogue(monitor), Dialogue(monitor, negotiate=False)
    actions = monitor.receive(first.number, b'{"execute":"stop"}') + first.work()
    assert [m.get("event") for m in first.take(actions)] == ["STOP", None]
    assert [m.get("event") for m in second.take(actions)] == ["STOP"]
    assert third.take(actions) == []


# --- out of band ----------------------------------------------------------------------------------


def test_exec_oob_works_once_it_was_enabled() -> None:
    talk = Dialogue(negotiate=False)
    talk.say(b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}')
    (answer,) = talk.say(b'{"exec-oob":"query-yank","id":7}')
    assert answer == {"return": [{"type": "chardev", "id": "qmp"}], "id": 7}
    assert talk.error(b'{"exec-oob":"query-status","id":8}') == "GenericError"
    assert talk.error(b'{"exec-oob":"query-yank","execute":"query-yank"}') == "GenericError"


def test_exec_oob_is_no_member_where_it_was_not_enabled(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"exec-oob":"query-yank","id":7}')
    assert answer["error"]["class"] == "GenericError"
    assert answer["id"] == 7


def oob_session(monitor: Monitor | None = None) -> Dialogue:
    talk = Dialogue(monitor, negotiate=False)
    talk.say(b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}')
    return talk


def command(number: int, *, oob: bool = False) -> bytes:
    name = b'"exec-oob":"query-yank"' if oob else b'"execute":"query-name"'
    return b'{%b,"id":%d}' % (name, number)


def test_an_out_of_band_command_overtakes_what_is_queued() -> None:
    talk = oob_session()
    data = b"".join(command(number) for number in range(8)) + command(99, oob=True)
    assert [one["id"] for one in talk.say(data)] == [99, *range(8)]


def test_behind_the_ninth_command_nothing_is_looked_at() -> None:
    talk = oob_session()
    data = b"".join(command(number) for number in range(9)) + command(99, oob=True)
    assert talk.monitor.receive(talk.number, data) == []
    assert talk.monitor.is_stalled(talk.number)
    assert [one["id"] for one in talk.take(talk.work())] == [0, 99, *range(1, 9)]
    assert not talk.monitor.is_stalled(talk.number)


def test_without_out_of_band_execution_commands_are_taken_one_by_one(talk: Dialogue) -> None:
    assert talk.monitor.receive(talk.number, command(1)) == []
    assert not talk.monitor.is_stalled(talk.number)
    talk.monitor.receive(talk.number, command(2))
    assert talk.monitor.is_stalled(talk.number)
    assert [one["id"] for one in talk.take(talk.monitor.work())] == [1]


def test_sessions_take_turns() -> None:
    monitor = Monitor(CATALOG, lambda: 0)
    first, second = oob_session(monitor), oob_session(monitor)
    monitor.receive(first.number, command(1) + command(2))
    monitor.receive(second.number, command(3) + command(4))
    actions = first.work()
    assert [one.session for one in actions if isinstance(one, Send)] == [
        first.number,
        second.number,
    ] * 2


# --- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ("null", "null"),
        ("true", "true"),
        ('"text"', '"text"'),
        ("1.0", "1"),
        ("0.1", "0.10000000000000001"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("-9223372036854775809", "-9.2233720368547758e+18"),
        ("[1, {}]", "[1, {}]"),
        ('{"a": "\u00fc\U0001f600\x7f"}', '{"a": "\\u00FC\\uD83D\\uDE00\\u007F"}'),
    ],
)
def test_the_id_comes_back_by_value_on_success_and_on_error(
    talk: Dialogue, sent: str, back: str
) -> None:
    talk.say(f'{{"execute":"query-name","id":{sent}}}'.encode())
    assert talk.raw.endswith(f'{{"return": {{}}, "id": {back}}}\r\n'.encode())
    talk.say(f'{{"execute":"nonsense","id":{sent}}}'.encode())
    assert talk.raw.splitlines()[-1].startswith(f'{{"id": {back}, "error": '.encode())


@pytest.mark.parametrize(
    "sent",
    [
        b"[]",
        b'"execute"',
        b"{}",
        b'{"execute":1}',
        b'{"execute":"query-name","extra":1}',
        b'{"execute":"query-name","arguments":null}',
        b'{"execute":"query-name","arguments":[]}',
        b'{"execute":"query-name","execute":"stop"}',
        b'{"execute":"query-name","arguments":{"a":1,"a":2}}',
        b'{"execute":"query-name","id":1e400}',
        b'{"execute" "query-name"}',
        b'{"execute":"query-name"]',
        b'{"execute":"query-name","arguments":{"a":1}}',
        b'{"execute":"yank"}',
        b'{"execute":"yank","arguments":{"instances":1}}',
        b'{"execute":"yank","arguments":{"instances":[{"type":"nonsense","id":"x"}]}}',
        b'{"execute":"yank","arguments":{"instances":[{"type":"chardev"}]}}',
    ],
)
def test_what_is_no_good_command_gets_one_generic_error_and_the_session_goes_on(
    talk: Dialogue, sent: bytes
) -> None:
    assert talk.error(sent + b"\n") == "GenericError"
    assert talk.say(b'{"execute":"query-name"}') == [{"return": {}}]


def test_parse_errors_carry_no_id(talk: Dialogue) -> None:
    for sent in (b'{"id":1 "execute":"a"}', b'{"id":1,"id":2}', b'{"id":1,"execute":\x01'):
        (answer,) = talk.say(sent)
        assert "id" not in answer
        talk.say(b"\n")


def test_shape_errors_carry_the_id(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"query-name","extra":1,"id":5}')
    assert answer["id"] == 5


def test_the_whole_catalog_is_offered_and_knows_its_arguments(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"query-commands"}')
    names = [one["name"] for one in answer["return"]]
    assert sorted(names) == sorted(CATALOG.commands)
    for name in names:
        (answer,) = talk.say(b'{"execute":"%b","arguments":{"zz":1}}' % name.encode())[-1:]
        assert (answer["error"]["class"] == "CommandNotFound") == (name == "qmp_capabilities")


def test_what_the_model_does_not_do_says_so(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"nbd-server-stop"}')
    assert answer["error"]["class"] == "GenericError"
    assert "not implemented by the embedded monitor" in answer["error"]["desc"]


def test_refused_arguments_have_no_effect(talk: Dialogue) -> None:
    assert talk.error(b'{"execute":"stop","arguments":{"now":true}}') == "GenericError"
    (answer,) = talk.say(b'{"execute":"query-status"}')
    assert answer["return"]["status"] == "running"


def test_an_error_suggests_the_argument_that_was_meant(talk: Dialogue) -> None:
    (answer,) = talk.say(b'{"execute":"yank","arguments":{"instance":[]}}')
    assert "did you mean 'instances'?" in answer["error"]["desc"]


# --- framing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"{'execute':'query-name'}", b'{"execute":\r\n"query-name"}\n', NEGOTIATE[:0] + b""]
)
def test_input_is_framed_by_value_however_it_is_split(sent: bytes) -> None:
    whole, split = Dialogue(), Dialogue()
    data = sent + b'{"execute":"query-status"}{"execute":"query-name"}'
    expected = whole.say(data)
    got = [message for byte in data for message in split.say(bytes([byte]))]
    assert got == expected
    assert len(got) == 2 + bool(sent)


def test_an_impossible_byte_resets_the_parser_inside_a_string(talk: Dialogue) -> None:
    answers = talk.say(b'{"execute":"quer\xff\n{"execute":"query-name"}')
    assert [set(answer) for answer in answers] == [{"error"}, {"return"}]


def test_nesting_up_to_the_limit_is_taken(talk: Dialogue) -> None:
    deep = b"[" * 1000 + b"]" * 1000
    talk.say(b'{"execute":"query-name","id":' + deep + b"}")
    assert talk.raw.endswith(b'{"return": {}, "id": ' + deep + b"}\r\n")
    answers = talk.say(b"[" * 1025 + b"\n")
    assert [set(answer) for answer in answers] == [{"error"}]
    assert talk.say(b'{"execute":"query-name"}') == [{"return": {}}]


# --- the machine ----------------------------------------------------------------------------------


def test_stop_and_cont_change_the_state_and_tell_it_once(talk: Dialogue) -> None:
    stamp = {"seconds": 1, "microseconds": 2}
    stop = [{"timestamp": stamp, "event": "STOP"}, {"return": {}}]
    assert talk.say(b'{"execute":"stop"}') == stop
    assert talk.say(b'{"execute":"stop"}') == [{"return": {}}]
    (status,) = talk.say(b'{"execute":"query-status"}')
    assert status["return"]["status"] == "paused"
    assert status["return"]["running"] is False
    assert [m.get("event") for m in talk.say(b'{"execute":"cont"}')] == ["RESUME", None]
    assert talk.say(b'{"execute":"cont"}') == [{"return": {}}]


def test_a_clock_that_fails_is_told_as_minus_one() -> None:
    talk = Dialogue(Monitor(CATALOG, lambda: -1))
    event, _ = talk.say(b'{"execute":"stop"}')
    assert event["timestamp"] == {"seconds": -1, "microseconds": -1}


def test_quit_tells_shutdown_then_returns_then_ends(talk: Dialogue) -> None:
    event, answer = talk.say(b'{"execute":"quit","id":null}{"execute":"query-name"}')
    assert event["event"] == "SHUTDOWN"
    assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
    assert answer == {"return": {}, "id": None}
    assert talk.over == [Quit()]


def test_the_end_of_the_clients_side_drops_a_partial_message(talk: Dialogue) -> None:
    assert talk.say(b'{"execute":"que') == []
    assert talk.take(talk.monitor.end(talk.number)) == []
    assert talk.over == [Close(talk.number)]
    assert talk.monitor.end(talk.number) == []


def test_what_was_sent_before_the_end_is_answered_before_the_session_ends(talk: Dialogue) -> None:
    actions = talk.monitor.receive(talk.number, b'{"execute":"query-name"}' * 3)
    actions += talk.monitor.end(talk.number)
    actions += talk.work()
    assert [type(action) for action in actions] == [Send, Send, Send, Close]


def test_names_come_from_the_identity() -> None:
    monitor = Monitor(CATALOG, lambda: 0, identity_of(CATALOG, "guest"))
    (answer,) = Dialogue(monitor).say(b'{"execute":"query-name"}')
    assert answer == {"return": {"name": "guest"}}


# --- descriptors ----------------------------------------------------------------------------------


class _AnyError:
    """Equal to any error."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and set(other) == {"error"}

    __hash__ = None  # type: ignore[assignment]  # not to be put into sets


ANY_ERROR = _AnyError()


def passed(talk: Dialogue, data: bytes, *descriptors: int) -> Any:
    actions = talk.monitor.receive(talk.number, data, descriptors) + talk.work()
    return talk.take(actions)


def discarded(talk: Dialogue) -> list[int]:
    return [fd for one in talk.over if isinstance(one, Discard) for fd in one.descriptors]


def test_getfd_takes_the_descriptor_of_its_message_and_closefd_closes_it(talk: Dialogue) -> None:
    get = b'{"execute":"getfd","arguments":{"fdname":"%b"}}'
    assert passed(talk, get % b"a" + get % b"b", 100) == [{"return": {}}, ANY_ERROR]
    assert passed(talk, b" ", 101) == []
    assert passed(talk, get % b"a", 102, 103) == [{"return": {}}]
    # All but the first that came since the last message, and the old one of this name.
    assert discarded(talk) == [102, 103, 100]
    assert passed(talk, get % b"b") == [ANY_ERROR]
    assert talk.say(b'{"execute":"closefd","arguments":{"fdname":"a"}}') == [{"return": {}}]
    assert discarded(talk)[3:] == [101]


def test_add_fd_makes_sets(talk: Dialogue) -> None:
    add = b'{"execute":"add-fd","arguments":{"opaque":"x"}}'
    assert passed(talk, add, 100) == [{"return": {"fdset-id": 0, "fd": 100}}]
    assert passed(talk, add, 101) == [{"return": {"fdset-id": 1, "fd": 101}}]
    assert passed(talk, b'{"execute":"add-fd","arguments":{"fdset-id":1}}', 102)[0]["return"]
    (answer,) = talk.say(b'{"execute":"query-fdsets"}')
    assert [one["fdset-id"] for one in answer["return"]] == [0, 1]
    assert [one["fd"] for one in answer["return"][1]["fds"]] == [101, 102]
    assert talk.say(b'{"execute":"remove-fd","arguments":{"fdset-id":1}}') == [{"return": {}}]
    assert discarded(talk) == [101, 102]
    assert talk.error(b'{"execute":"remove-fd","arguments":{"fdset-id":1}}') == "GenericError"


def test_descriptors_of_a_session_that_goes_are_closed(talk: Dialogue) -> None:
    talk.monitor.receive(talk.number, b'{"execute":"que', [100])
    talk.take(talk.monitor.lost(talk.number))
    assert discarded(talk) == [100]
    talk.take(talk.monitor.receive(talk.number, b"x", [101]))
    assert discarded(talk) == [100, 101]


# --- jobs and nodes -------------------------------------------------------------------------------


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def add_nodes(talk: Dialogue) -> None:
    for name in ("a", "b"):
        ask(talk, "blockdev-add", driver="null-co", size=1000, **{"node-name": name})


def ask(talk: Dialogue, name: str, **arguments: Any) -> Any:
    """What a command returns, or its error."""
    messages = talk.say(dumps({"execute": name, "arguments": arguments, "id": 1}) + b"\n")
    (answer,) = [one for one in messages if "event" not in one]
    return answer.get("return", answer.get("error"))


def told(messages: list[Any]) -> list[str]:
    return [
        one["data"]["status"] if one["event"] == "JOB_STATUS_CHANGE" else one["event"]
        for one in messages
        if "event" in one
    ]


def run(talk: Dialogue, name: str, **arguments: Any) -> list[str]:
    """What the command says until nothing is to be done; the response is RETURN."""
    data = {"execute": name, "arguments": arguments}
    return [
        told([one])[0] if "event" in one else "RETURN" if "return" in one else "ERROR"
        for one in talk.say(dumps(data) + b"\n")
    ]


def test_a_backup_runs_and_ends_with_events(talk: Dialogue) -> None:
    add_nodes(talk)
    before, after = ["created", "running", "RETURN"], ["concluded", "null"]
    job = {"job-id": "j", "device": "a", "target": "b", "sync": "full"}
    ends = ["waiting", "pending", "BLOCK_JOB_COMPLETED", *after]
    assert run(talk, "blockdev-backup", **job) == before + ends
    assert ask(talk, "query-jobs") == []


def test_a_mirror_becomes_ready_and_waits_to_be_completed(talk: Dialogue) -> None:
    add_nodes(talk)
    job = {"job-id": "j", "device": "a", "target": "b", "sync": "full"}
    assert run(talk, "blockdev-mirror", **job)[-2:] == ["ready", "BLOCK_JOB_READY"]
    (one,) = ask(talk, "query-block-jobs")
    assert (one["device"], one["status"], one["offset"]) == ("j", "ready", 1000)
    assert ask(talk, "blockdev-del", **{"node-name": "a"})["class"] == "GenericError"
    assert run(talk, "job-complete", id="j") == [
        "waiting",
        "pending",
        "BLOCK_JOB_COMPLETED",
        "concluded",
        "null",
        "RETURN",
    ]
    assert ask(talk, "query-jobs") == []
    assert ask(talk, "blockdev-del", **{"node-name": "a"}) == {}


def test_a_job_with_a_speed_takes_its_time_and_can_be_paused_and_cancelled() -> None:
    clock = Clock()
    talk = Dialogue(Monitor(CATALOG, clock))
    add_nodes(talk)
    job = {"job-id": "j", "device": "a", "target": "b", "sync": "full", "speed": 100}
    assert run(talk, "blockdev-backup", **job) == ["created", "running", "RETURN"]
    assert talk.monitor.wait() == 10.0
    assert run(talk, "job-pause", id="j") == ["paused", "RETURN"]
    clock.now = 11_000_000
    assert talk.take(talk.work()) == []
    assert run(talk, "job-resume", id="j") == ["running", "RETURN"]
    assert run(talk, "job-dismiss", id="j") == ["ERROR"]
    assert "BLOCK_JOB_CANCELLED" in run(talk, "job-cancel", id="j")
    assert ask(talk, "query-jobs") == []


def test_a_job_waits_to_be_finalized_and_dismissed_if_it_was_told_to(talk: Dialogue) -> None:
    add_nodes(talk)
    job = {"job-id": "j", "device": "a", "target": "b", "sync": "full"}
    manual = {"auto-finalize": False, "auto-dismiss": False}
    assert run(talk, "blockdev-backup", **job, **manual)[-1] == "BLOCK_JOB_PENDING"
    assert run(talk, "job-finalize", id="j") == ["BLOCK_JOB_COMPLETED", "concluded", "RETURN"]
    assert run(talk, "job-dismiss", id="j") == ["null", "RETURN"]


def test_a_source_that_cannot_be_read_ends_its_job_with_an_error(talk: Dialogue) -> None:
    add_nodes(talk)
    bad = {"driver": "blkdebug", "image": "a", "inject-error": [{"event": "none"}]}
    quorum = {"driver": "quorum", "node-name": "q", "vote-threshold": 1, "children": [bad]}
    assert ask(talk, "blockdev-add", **quorum) == {}
    job = {"job-id": "j", "device": "q", "target": "b", "sync": "full"}
    ends = ["BLOCK_JOB_ERROR", "aborting", "BLOCK_JOB_COMPLETED", "concluded", "null"]
    assert run(talk, "blockdev-backup", **job)[3:] == ["QUORUM_FAILURE", *ends]


def test_nodes_may_be_many_deep_and_share_their_children(talk: Dialogue) -> None:
    assert ask(talk, "blockdev-add", **{"driver": "null-co", "node-name": "n0"}) == {}
    for number in range(1, 1500):
        node = {"driver": "quorum", "node-name": f"n{number}", "vote-threshold": 2}
        below = [f"n{number - 1}"] * 2
        assert ask(talk, "blockdev-add", **node, children=below) == {}
    assert run(talk, "block-stream", **{"job-id": "j", "device": "n1499"})[-1] == "null"


def test_options_may_not_nest_as_deep_as_a_message_does(talk: Dialogue) -> None:
    options: dict[str, Any] = {"driver": "null-co"}
    for _ in range(1018):
        options = {"driver": "raw", "file": options}
    refused = ask(talk, "blockdev-add", **options, **{"node-name": "n"})
    assert "more than 100 levels" in refused["desc"]
    assert ask(talk, "query-named-block-nodes") == []


def test_limited_events_come_once_a_second_and_the_last_one_is_kept() -> None:
    clock = Clock()
    talk = Dialogue(Monitor(CATALOG, clock))

    def seconds(*offsets: int) -> list[Any]:
        for offset in offsets:
            talk.monitor.machine.emit("RTC_CHANGE", {"offset": offset, "qom-path": "/rtc"})
        messages = talk.take(talk.monitor.receive(talk.number, b"") + talk.work())
        return [one["data"]["offset"] for one in messages]

    assert seconds(1, 2, 3) == [1]
    clock.now = 999_999
    assert seconds(4) == []
    clock.now = 1_000_000
    assert seconds() == [4]
    clock.now = 1_500_000
    assert seconds(5) == []
    clock.now = 2_000_000
    assert seconds() == [5]
    clock.now = 5_000_000
    assert seconds() == []
    assert seconds(6) == [6]


def test_events_are_told_on_request_as_their_schema_has_them(talk: Dialogue) -> None:
    (event,) = talk.take(talk.monitor.tell("SHUTDOWN", {"guest": True, "nonsense": 1}))
    assert event["data"] == {"guest": True, "reason": "none"}
    assert talk.monitor.tell("NO_SUCH_EVENT", {}) == []
    other = Dialogue(negotiate=False)
    assert other.take(other.monitor.tell("STOP", {})) == []


def test_nodes_are_a_graph(talk: Dialogue) -> None:
    inner = {"driver": "file", "filename": "/x"}
    top = {"driver": "qcow2", "node-name": "top", "file": inner}
    assert ask(talk, "blockdev-add", **top) == {}
    names = {one["node-name"]: one for one in ask(talk, "query-named-block-nodes")}
    assert names.keys() == {"top", "#block001"}
    assert names["top"]["file"] == "/x"
    assert ask(talk, "blockdev-add", **top)["class"] == "GenericError"
    over = {"driver": "raw", "node-name": "over", "file": "top"}
    assert ask(talk, "blockdev-add", **over) == {}
    assert ask(talk, "blockdev-del", **{"node-name": "top"})["class"] == "GenericError"
    assert ask(talk, "blockdev-del", **{"node-name": "none"})["class"] == "DeviceNotFound"
    assert ask(talk, "blockdev-del", **{"node-name": "over"}) == {}
    assert ask(talk, "blockdev-del", **{"node-name": "top"}) == {}
    assert ask(talk, "query-named-block-nodes") == []


def test_character_devices_come_and_go_and_ring_buffers_hold_what_is_written(
    talk: Dialogue,
) -> None:
    backend = {"type": "ringbuf", "data": {"size": 4}}
    assert ask(talk, "chardev-add", id="r", backend=backend) == {}
    assert ask(talk, "chardev-add", id="r", backend=backend)["class"] == "GenericError"
    assert [one["label"] for one in ask(talk, "query-chardev")] == ["qmp", "r"]
    assert ask(talk, "ringbuf-write", device="r", data="abcdef") == {}
    assert ask(talk, "ringbuf-read", device="r", size=3) == "cde"
    assert ask(talk, "ringbuf-read", device="r", size=3, format="base64") == "Zg=="
    assert ask(talk, "chardev-remove", id="r") == {}
    assert ask(talk, "chardev-remove", id="qmp")["class"] == "GenericError"


# --- any catalog ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MONITORS)
def test_every_query_is_answered_with_what_fits_its_catalog(name: str) -> None:
    catalog = load_shipped(name)
    talk = Dialogue(Monitor(catalog, lambda: 0))
    validator = Validator(catalog)
    silent = []
    for command, known in catalog.commands.items():
        if not command.startswith(("query-", "x-query-")) or not known.returns:
            continue
        arguments = dumps(instance(catalog, known.arguments) if known.arguments else {})
        sent = b'{"execute":"%b","arguments":%b}' % (command.encode(), arguments)
        (answer,) = talk.say(sent)
        if "error" in answer:
            silent.append(command)
        else:
            assert not validator.returned(command, answer["return"]), command
    assert silent == []


@pytest.mark.parametrize("name", MONITORS)
def test_every_command_takes_any_arguments_that_fit(name: str) -> None:
    """Each command gets the smallest arguments that fit; what it answers, and says, fits, too."""
    catalog = load_shipped(name)
    talk = Dialogue(Monitor(catalog, lambda: 0))
    validator = Validator(catalog)
    # `quit` comes last: nothing is answered behind it.
    last = catalog.commands.keys() & {"quit"}
    for command in [*sorted(catalog.commands.keys() - {"quit", "qmp_capabilities"}), *last]:
        key = catalog.commands[command].arguments
        arguments = dumps(instance(catalog, key) if key else {})
        sent = b'{"execute":"%b","arguments":%b}' % (command.encode(), arguments)
        messages = talk.say(sent)
        answers = [one for one in messages if "event" not in one]
        assert len(answers) == 1
        if "return" in answers[0]:
            assert not validator.returned(command, answers[0]["return"]), command
        else:
            assert answers[0]["error"]["class"] != "CommandNotFound"
            assert "do not fit" not in answers[0]["error"]["desc"], command
        for event in messages:
            if "event" in event and catalog.events:
                assert not validator.data(event["event"], event.get("data", {}))


@pytest.mark.parametrize("name", MONITORS)
def test_the_introspection_is_what_is_offered(name: str) -> None:
    talk = Dialogue(Monitor(load_shipped(name), lambda: 0))
    offered = talk.monitor.machine.offered
    if "query-qmp-schema" not in offered.commands:
        return
    (answer,) = talk.say(b'{"execute":"query-qmp-schema"}')
    compiled = compile_introspection(answer["return"])
    assert compiled.commands.keys() == offered.commands.keys()
    assert compiled.events.keys() == offered.events.keys()
    if offered.source.kind == "introspection":
        assert compiled.commands == offered.commands
        assert compiled.events == offered.events
        # Arguments that introspection shows as closed, and are not, were given a name.
        named = {key for key in offered.types if key.endswith(".arguments")}
        assert all(
            compiled.types[key] == offered.types[key] for key in offered.types.keys() - named
        )


@pytest.mark.parametrize(
    ("name", "version"),
    [("qemu-1.1-dev-doc", (1, 1, 0)), ("qemu-1.6.2-doc", (1, 6, 2)), ("qemu-10.0.13", (10, 0, 13))],
)
def test_the_version_is_the_catalogs(name: str, version: tuple[int, int, int]) -> None:
    assert Monitor(load_shipped(name), lambda: 0).machine.identity.version == version


def test_a_version_of_too_many_digits_is_served_all_the_same() -> None:
    catalog = replace(CATALOG, source=replace(CATALOG.source, version="7." + "2" * 5000))
    assert identity_of(catalog).version[0] == 7


# --- whatever a client sends ----------------------------------------------------------------------

PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            NEGOTIATE,
            b'{"execute":"stop"}',
            b'{"execute":"cont","id":1}',
            b'{"execute":"query-qmp-schema"}',
            b'{"exec-oob":"query-yank"}',
            b"\xff",
            b'{"a":',
            b"]",
            b"\n",
            b"'",
        ]
    ),
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_any_input_gets_one_good_answer_a_frame(pieces: list[bytes]) -> None:
    talk = Dialogue(negotiate=False)
    framer, due = Framer(), 0
    for piece in pieces:
        kinds = [frame.kind for frame in framer.feed(piece)]
        due += kinds.count(Kind.VALUE) + kinds.count(Kind.MALFORMED)
        talk.say(piece)
    messages = [from_server(line) for line in talk.raw.splitlines()]
    assert [message.problems for message in messages] == [()] * len(messages)
    assert sum(isinstance(message, Response) for message in messages) == due


def test_errors_are_failures_of_the_protocol(talk: Dialogue) -> None:
    talk.say(b"[]")
    message = from_server(talk.raw.splitlines()[-1])
    assert isinstance(message, Failure)
    assert message.problems == ()
