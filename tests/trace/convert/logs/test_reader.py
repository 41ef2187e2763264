"""Logs of many programs, as people paste them: what is read, what is said, what is not understood."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmpconf.check.checking import automatic, check
from qmpconf.errors import InputError
from qmpconf.trace.convert.base import Options
from qmpconf.trace.convert.converting import Converted, convert
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Gap, Traffic
from tests.trace.convert.logs.test_objects import HOSTILE
from tests.usual import examples

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 9}, "package": ""}, '
    '"capabilities": ["oob"]}}'
)


def read(
    folder: Path, text: str | bytes, options: Options | None = None, name: str = "log"
) -> tuple[Converted, list[str]]:
    """What comes of a log: session, time, who, and the message's members by their kind."""
    source, target = folder / "x.log", folder / "x.qmptrace"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = convert(
        str(source), str(target), from_format=name, overwrite=True, options=options, redact=False
    )
    shown = []
    for one in TraceReader(str(target)).records():
        if isinstance(one, Traffic):
            arrow = "->" if one.sender == "client" else "<-"
            shown.append(f"{one.conn} {one.t:g} {arrow} {_short(one)}")
        elif isinstance(one, Gap) and shown:
            shown.append(f"{one.conn} gap {one.sender}")
    return done, shown


def _short(one: Traffic) -> str:
    try:
        value = json.loads(one.data)
    except ValueError:
        return f"raw {one.data.decode()}"
    kinds = ("QMP", "execute", "return", "error", "event")
    kind = next((name for name in kinds if isinstance(value, dict) and name in value), None)
    if kind is None:
        return f"raw {one.data.decode()}"
    name = value[kind] if isinstance(value[kind], str) else kind
    return f"{name} {value['id']}" if "id" in value else name


CASES: dict[str, tuple[str, list[str]]] = {
    "python's logging": (
        (
            "2026-11-20 10:00:00,123 INFO (jsonrpc/0) [virt.vm] (vmId='aa') sending "
            '{"execute": "stop", "id": "x1"} (vm:1234)\n'
            "2026-11-20 10:00:00,223 INFO (events/0) [virt.vm] (vmId='bb') got "
            '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"} (vm:99)\n'
            "2026-11-20 10:00:00,323 INFO (events/0) [virt.vm] (vmId='aa') got "
            '{"return": {}, "id": "x1"} (vm:2345)\n'
        ),
        ["1 0 -> stop x1", "2 gap server", "2 0.1 <- STOP", "1 0.2 <- return x1"],
    ),
    "pytest": (
        (
            "---- Captured log call ----\n"
            f"DEBUG    qemu.qmp.vm1:protocol.py:993 <-- {GREETING}\n"
            "DEBUG    qemu.qmp.vm1:protocol.py:973 --> {\n"
            '  "execute": "qmp_capabilities"\n}\n'
            'DEBUG    qemu.qmp.vm1:protocol.py:993 <-- {\n  "return": {}\n}\n'
        ),
        ["1 0 <- QMP", "1 0 -> qmp_capabilities", "1 0 <- return"],
    ),
    "strace": (
        (
            r'1795168800.001 recvfrom(5, "{\"QMP\": {\"version\": 1}}\r\n", 4096, 0) = 109'
            "\n"
            r'1795168800.002 sendto(5, "{\"execute\": \"query-block\"}\n", 32, 0) = 32'
            "\n"
            r'1795168800.003 recvfrom(5, "{\"return\": [{\"device\": \"d"..., 4096, 0) = 4096'
            "\n"
            r'1795168800.004 sendto(5, "{\"execute\": \"stop\"}\n", 20, 0) = 20'
            "\n"
        ),
        [
            "1 0 <- QMP",
            "1 0.001 -> query-block",
            '1 0.002 <- raw {"return": [{"device": "d',
            "1 gap server",
            "1 0.003 -> stop",
        ],
    ),
    "Rust's tracing": (
        (
            '{"timestamp":"2026-11-20T10:00:00.000001Z","level":"TRACE","fields":{"message":'
            '"-> {\\"execute\\":\\"stop\\",\\"id\\":1}"},"target":"qapi"}\n'
            '{"timestamp":"2026-11-20T10:00:00.500001Z","level":"TRACE","fields":{"message":'
            '"<- {\\"return\\":{},\\"id\\":1}"},"target":"qapi"}\n'
            '{"timestamp":"2026-11-20T10:00:01.5Z","level":"ERROR","fields":{"error":"timeout"}}\n'
        ),
        ["1 0 -> stop 1", "1 0.5 <- return 1"],
    ),
    "Docker": (
        (
            '{"log":"sending {\\"execute\\":\\"stop\\"}\\n","time":"2026-11-20T10:00:00.123456789Z"}\n'
            '{"log":"got {\\"return\\": {}}\\n","time":"2026-11-20T10:00:00.223456789Z"}\n'
        ),
        ["1 0 -> stop", "1 0.1 <- return"],
    ),
    "a spreadsheet": (
        (
            '"@timestamp",host,message\n'
            '"2026-11-20T10:00:00.123Z",n1,"send {""execute"":""stop"",""id"":1}"\n'
            '"2026-11-20T10:00:00.223Z",n1,"recv {""return"": {}, ""id"": 1}"\n'
        ),
        ["1 0 -> stop 1", "1 0.1 <- return 1"],
    ),
    "Go's slog, two machines": (
        (
            'time=2026-11-20T10:00:00.1Z msg=qmp vm=a data="{\\"execute\\":\\"stop\\"}"\n'
            'time=2026-11-20T10:00:00.2Z msg=qmp vm=b data="{\\"execute\\":\\"cont\\"}"\n'
            'time=2026-11-20T10:00:00.3Z msg=qmp vm=b data="{\\"return\\": {}}"\n'
            'time=2026-11-20T10:00:00.4Z msg=qmp vm=a data="{\\"return\\": {}}"\n'
        ),
        ["1 0 -> stop", "2 gap server", "2 0.1 -> cont", "2 0.2 <- return", "1 0.3 <- return"],
    ),
    "zap": (
        (
            '2026-11-20T10:00:00.1Z\tDEBUG\tsend\t{"cmd": {"execute": "stop"}, "vm": "a"}\n'
            '2026-11-20T10:00:00.2Z\tDEBUG\trecv\t{"reply": "{\\"return\\": {}}", "vm": "a"}\n'
            '2026-11-20T10:00:00.3Z\tDEBUG\tdone\t{"event": "done", "error": "none", "vm": "a"}\n'
        ),
        ["1 0 -> stop", "1 0.1 <- return"],
    ),
    "Ruby": (
        (
            'D, [2026-11-20T10:00:00.1 #42] DEBUG -- : send: {"execute"=>"stop", "id"=>nil}\n'
            'D, [2026-11-20T10:00:00.2 #42] DEBUG -- : recv: {"return"=>{}, "id"=>nil}\n'
        ),
        ["1 0 -> stop None", "1 0.1 <- return None"],
    ),
    "a terminal": (
        (
            "\x1b[2m10:00:00.1\x1b[0m \x1b[34mDEBUG\x1b[0m send \x1b[1m{\x1b[0m"
            '"execute": \x1b[33m"stop"\x1b[0m}\n'
            '\x1b[2m10:00:00.2\x1b[0m recv {"return": {}}\n'
        ),
        ["1 0 -> stop", "1 0.1 <- return"],
    ),
    "a CI's log": (
        (
            "2026-11-20T10:00:00.1234567Z ##[group]Run test\n"
            "2026-11-20T10:00:00.1234568Z send {\n"
            '2026-11-20T10:00:00.1234569Z   "execute": "stop",\n'
            '2026-11-20T10:00:00.1234569Z   "arguments": {\n'
            "2026-11-20T10:00:00.1234569Z   },\n"
            '2026-11-20T10:00:00.1234569Z   "id": 7\n'
            "2026-11-20T10:00:00.1234570Z }\n"
            '2026-11-20T10:00:00.2234570Z recv {"return": {}, "id": 7}\n'
        ),
        ["1 0 -> stop 7", "1 0.100001 <- return 7"],
    ),
    "two layers that log the same": (
        (
            '10:00:00.1 lib: send {"execute": "stop", "id": "a"}\n'
            '10:00:00.1 app: send {"execute": "stop", "id": "a"}\n'
            '10:00:00.2 lib: recv {"return": {}, "id": "a"}\n'
            '10:00:00.2 app: recv {"return": {}, "id": "a"}\n'
            '10:00:00.3 lib: recv {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\n'
            '10:00:00.3 app: recv {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\n'
            '10:00:00.4 lib: send {"execute": "stop", "id": "a"}\n'
        ),
        ["1 0 -> stop a", "1 0.1 <- return a", "1 0.2 <- STOP", "1 0.3 -> stop a"],
    ),
    "a line that was cut off": (
        (
            'Nov 20 10:00:00 host app[12]: send {"execute":"query-block","id":1}\n'
            'Nov 20 10:00:00 host app[12]: recv {"return": [{"device": "disk0", "inse\n'
            'Nov 20 10:00:01 host app[12]: send {"execute":"stop","id":2}\n'
        ),
        [
            "1 0 -> query-block 1",
            '1 0 <- raw {"return": [{"device": "disk0", "inse',
            "1 gap server",
            "1 1 -> stop 2",
        ],
    ),
    "half-escaped": (
        'send {\\"execute\\": "stop"}\nrecv {"return": {}\nsend {"execute": "cont"}\n',
        [
            '1 0 -> raw {"execute":',
            "1 gap client",
            '1 0 <- raw {"return": {}',
            "1 gap server",
            "1 0 -> cont",
        ],
    ),
    "clocks that go over midnight": (
        '23:59:59.5 send {"execute": "stop"}\n00:00:00.5 recv {"return": {}}\n',
        ["1 0 -> stop", "1 1 <- return"],
    ),
    "answers without commands": (
        (
            '10:00:00 recv {"return": {}, "id": 1}\n10:00:01 send {"execute": "a", "id": 2}\n'
            '10:00:02 recv {"return": {}, "id": 2}\n10:00:03 recv {"return": {}, "id": 3}\n'
        ),
        ["1 0 <- return 1", "1 1 -> a 2", "1 2 <- return 2", "1 gap client", "1 3 <- return 3"],
    ),
    "a new connection": (
        (
            f'send {{"execute": "quit"}}\nrecv {GREETING}\nsend {{"execute": "qmp_capabilities"}}\n'
            'recv {"return": {}}\nsend {"execute": "qmp_capabilities"}\n'
        ),
        [
            *("1 0 -> quit", "2 0 <- QMP", "2 0 -> qmp_capabilities", "2 0 <- return"),
            *("3 gap server", "3 0 -> qmp_capabilities"),
        ],
    ),
    "a process each": (
        (
            'Nov 20 10:00:00 host app[1]: {"execute": "a"}\nNov 20 10:00:00 host app[2]: {"execute": "b"}\n'
            'Nov 20 10:00:00 host app[1]: {"return": 1}\nNov 20 10:00:00 host app[2]: {"return": 2}\n'
        ),
        ["1 0 -> a", "2 gap server", "2 0 -> b", "1 0 <- return", "2 0 <- return"],
    ),
    "lines that say more and less": (
        (
            'vm=a pid=1 send {"execute": "a"}\nvm=b pid=2 send {"execute": "b"}\n'
            'pid=1 recv {"return": 1}\nvm=b recv {"return": 2}\nrecv {"timestamp": {}, "event": "X"}\n'
        ),
        ["1 0 -> a", "2 gap server", "2 0 -> b", "1 0 <- return", "2 0 <- return", "2 0 <- X"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_read(tmp_path: Path, case: str) -> None:
    text, expected = CASES[case]
    assert read(tmp_path, text)[1] == expected
    # With the line ends of other systems, and in other encodings, it is the same log.
    if "\\n" not in repr(text).replace("\\n", "", 1) or "{\n" not in text:
        assert read(tmp_path, text.replace("\n", "\r\n"))[1] == expected
        assert read(tmp_path, text.replace("\n", "\r"))[1] == expected
    assert read(tmp_path, b"\xef\xbb\xbf" + text.encode())[1] == expected
    assert read(tmp_path, text.encode("utf-16"))[1] == expected
    assert read(tmp_path, text.encode("utf-16-le"))[1] == expected
    assert read(tmp_path, b"\0" * 5000 + b"\n" + text.encode())[1] == expected


@pytest.mark.parametrize("case", CASES)
def test_nobody_is_to_blame_for_a_log(tmp_path: Path, case: str) -> None:
    if "1 0 <- QMP" in CASES[case][1] and case == "strace":
        pytest.skip("its greeting is abridged")
    read(
        tmp_path,
        CASES[case][0].replace(
            '"timestamp": {},', '"timestamp": {"seconds": 1, "microseconds": 2},'
        ),
    )
    reader = TraceReader(str(tmp_path / "x.qmptrace"))
    groups = check(reader, automatic(reader)).groups
    assert {one.first.requirement for one in groups if one.first.blame == "server"} == set()


def test_latin_1(tmp_path: Path) -> None:
    text = (
        '10:00:00 Gerät {"execute": "stop"}\n10:00:01 {"error": {"class": "X", "desc": "Gerät"}}\n'
    )
    done, shown = read(tmp_path, text.encode("latin-1"))
    assert shown == ["1 0 -> stop", "1 1 <- error"]
    assert "Gerät".encode() in (tmp_path / "x.qmptrace").read_bytes()
    assert any("Latin-1" in one for _, _, one in done.notes.told())


def test_socat(tmp_path: Path) -> None:
    head = "%s 2026/11/20 10:00:0%d.000123  length=%d from=0 to=108\n%s\n"
    text = head % (">", 0, 9, GREETING) + head % ("<", 1, 9, '{"execute": "qmp_capabilities"}')
    assert read(tmp_path, text)[1] == ["1 0 <- QMP", "1 1 -> qmp_capabilities"]


# --- what is not understood --------------------------------------------------------------------


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    text = (
        "prose\n\n10:00:00 {\n"
        '  "execute": "a"\n}\nmore {prose}\n10:00:01 {"return": {"x\n{"execute": 1 2}\n'
        '{ execute: "b" }\n{"level": "error", "error": "prose"}\n{"return": 1, "extra": 2}\n'
        '{"a": [\n 1,\n2\nnothing\n'
    )
    notes = read(tmp_path, text)[0].notes
    assert (notes.read, notes.misses, notes.prose) == (3, 4, 8)
    assert [line for line, _ in notes.missed_lines] == [7, 8, 9, 11]
    gaps = [
        one for one in TraceReader(str(tmp_path / "x.qmptrace")).records() if isinstance(one, Gap)
    ]
    assert sum(one.lines for one in gaps) == 4


@given(
    st.lists(
        st.sampled_from(
            [
                *HOSTILE,
                *("\n", "\n", "x", '{"execute": "a"}', '{"return": {}}', "10:00:00 ", "msg="),
                *('"execute": ', "QEMU_MONITOR_SEND_MSG: mon=0x1 msg=", " fd=3", "Line [{"),
            ]
        ),
        max_size=30,
    ).map("".join)
)
@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_all_lines_of_any_log_are_accounted_for(tmp_path: Path, text: str) -> None:
    count = len(re.findall("[^\n]*\n|[^\n]+$", text))
    try:
        notes = read(tmp_path, text)[0].notes
    except InputError:
        return
    assert notes.read + notes.prose + notes.misses >= count
    assert notes.read + notes.prose <= count


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 lines, and no QMP message"),
        (
            "hello\nworld\n",
            "2 lines, and no QMP message; looked for objects with execute",
        ),
        ("VM 100 qmp command 'query-status' failed - got timeout\n", "1 line, and no QMP message"),
        ('{ execute: "stop" }\n', "1 look like one and were not understood (first: line 1"),
        (
            "2026-11-20 10:00:00.000+0000: 7: info : libvirt version: 9.0.0\n",
            'log_filters="1:qemu.qemu_monitor"',
        ),
    ],
)
def test_a_log_in_which_nothing_is_qmp(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        read(tmp_path, text)


def test_what_journalctl_hides_is_said(tmp_path: Path) -> None:
    text = 'Nov 20 10:00:00 host app[1]: [78B blob data]\nNov 20 10:00:00 host app[1]: {"return": {}}\n'
    told = [one for _, _, one in read(tmp_path, text)[0].notes.told()]
    assert any("blob data" in one for one in told)


def test_messages_that_a_line_cuts_are_found_across_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, however long, in constant memory."""
    monkeypatch.setattr("qmpconf.trace.convert.logs.text.LONGEST", 61)
    monkeypatch.setattr("qmpconf.trace.convert.logs.reader.LONGEST", 61)
    some = "".join(
        f'{{"execute": "c{n}", "id": {n}}} {{"return": {{}}, "id": {n}}} ' for n in range(40)
    )
    _, shown = read(tmp_path, "x " + some)
    assert [one.split(" ", 2)[2] for one in shown] == [
        one for n in range(40) for one in (f"-> c{n} {n}", f"<- return {n}")
    ]
    escaped = json.dumps(some)
    _, shown = read(tmp_path, escaped[:-1].replace("}} ", '}}" "') + '"')
    assert len(shown) >= 40


# --- what the user says ------------------------------------------------------------------------


def pattern(text: str, **other: object) -> Options:
    return Options(pattern=re.compile(text.encode()), **other)  # type: ignore[arg-type]


def test_a_pattern(tmp_path: Path) -> None:
    text = (
        '10:00:00|a|TX|{"execute": "a"}\n10:00:01|b|TX|{"execute": "b"}\n'
        '10:00:02|a|RX|{"return": {}}\n10:00:03|b|TX|{"foo": 1}\n'
        '10:00:04|b|RX|{\\"return\\": 1}\nnot this: {"execute": "z"}\nnor this\n10:00:05|b|TX|nonsense\n'
    )
    options = pattern(r"^(?P<time>\S+?)\|(?P<session>\w+)\|(?P<side>TX|RX)\|(?P<message>.*)")
    done, shown = read(
        tmp_path, text.replace('{"foo": 1}', '{"execute": "c", "return": 1}'), options
    )
    assert shown == [
        *("1 0 -> a", "2 gap server", "2 1 -> b", "1 2 <- return", "2 3 -> c", "2 4 <- return"),
        *("2 gap client", "2 gap server", "2 gap client"),
    ]
    assert (done.notes.read, done.notes.prose, done.notes.misses) == (5, 1, 2)


def test_a_pattern_that_fits_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in lines that the pattern fits"):
        read(tmp_path, '10:00:00 {"execute": "a"}\n', pattern("^TX (?P<message>.*)"))


def test_a_message_of_several_lines_behind_a_pattern(tmp_path: Path) -> None:
    text = 'TX: {\n "execute": "a"\n}\nRX: {"return": {}}\n'
    _, shown = read(tmp_path, text, pattern("^(?P<side>[TR]X): (?P<message>.*)"))
    assert shown == ["1 0 -> a", "1 0 <- return"]


@pytest.mark.parametrize(
    ("keys", "sessions"),
    [((), 2), (("vm",), 2), (("pid",), 2), (("pid", "vm"), 2), (("thread",), 3), (("none",), 1)],
)
def test_what_tells_sessions_apart_can_be_chosen(
    tmp_path: Path, keys: tuple[str, ...], sessions: int
) -> None:
    text = "".join(
        f'pid={pid} thread={thread} vm={vm} {{"execute": "a", "id": {thread}}}\n'
        for pid, thread, vm in [(1, 1, "a"), (2, 2, "b"), (1, 3, "a")]
    )
    done, _ = read(tmp_path, text, Options(session_by=keys))
    assert done.sessions == sessions


def test_many_sessions_take_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpconf.trace.convert.logs.conversations.MOST", 4)
    text = "".join(f'pid={pid} {{"execute": "a"}}\n' for pid in (1, 2, 3, 4, 5, 4, 1))
    done, shown = read(tmp_path, text)
    assert done.sessions == 6
    assert [one.split()[0] for one in shown if "->" in one] == ["1", "2", "3", "4", "5", "4", "6"]


def test_a_log_without_answers_blames_no_server(tmp_path: Path) -> None:
    commands = [f'10:0{at}:00 {{"execute": "query-status", "id": {at}}}\n' for at in range(3)]
    done, shown = read(tmp_path, "".join(commands))
    assert shown[-1] == "1 gap server"
    assert any("no answer at all" in text for _, _, text in done.notes.told())
    reader = TraceReader(str(tmp_path / "x.qmptrace"))
    groups = check(reader, automatic(reader)).groups
    assert not [one for one in groups if one.first.blame == "server"]


def test_a_server_that_answered_once_is_waited_for(tmp_path: Path) -> None:
    text = '10:00:00 {"execute": "a", "id": 1}\n10:00:01 {"return": {}, "id": 1}\n'
    _, shown = read(
        tmp_path, text + '10:00:02 {"execute": "b", "id": 2}\n10:09:00 {"event": "STOP"}\n'
    )
    assert "gap server" not in " ".join(shown[1:])


def test_who_sends_all_at_once_is_greeted_in_that_session(tmp_path: Path) -> None:
    sent = 'send {"execute": "qmp_capabilities"}\nsend {"execute": "stop"}\n'
    got = f'recv {GREETING}\nrecv {{"return": {{}}}}\nrecv {{"return": {{}}}}\n'
    done, shown = read(tmp_path, sent + got)
    assert shown == ["1 0 -> qmp_capabilities", "1 0 -> stop", "1 0 <- QMP", *["1 0 <- return"] * 2]
    assert done.sessions == 1


def test_where_only_beginnings_stand_nothing_was_judged(tmp_path: Path) -> None:
    done, _ = read(tmp_path, 'send {"execute": "sto\nrecv {"return": {"a\n')
    reader = TraceReader(str(tmp_path / "x.qmptrace"))
    found = check(reader, automatic(reader))
    assert done.messages == found.messages == 0
    assert "it holds no message" in [one.text for one in found.unjudged]
