"""The session machine: what is legal passes, whatever is said, and each response finds its command."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.protocol.phases import Phase
from qmpconf.protocol.requirements import Party
from qmpconf.protocol.session import Session
from tests.protocol.playbook import GREETING, NEGOTIATED, OOB, Play, check
from tests.usual import examples

EVENT = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'

LEGAL = {
    "nothing but a greeting": "<- GREETING\nclose client",
    "a client that goes at once": "close client",
    "negotiation, and the end": NEGOTIATED + "close client",
    "commands, events and errors": NEGOTIATED
    + f"""
    -> {{"execute":"stop","id":"libvirt-1"}}
    <- {EVENT}
    <- {{"return": {{}}, "id": "libvirt-1"}}
    -> {{"execute":"nope","arguments":{{}}}}
    <- {{"error": {{"class": "CommandNotFound", "desc": "no"}}}}
    -> {{"execute":"device_del","arguments":{{"id":"x"}},"id":2}}
    <- {{"error": {{"class": "DeviceNotFound", "desc": "no"}}, "id": 2}}
    close client""",
    "everything before the greeting is read": """
    -> {"execute":"qmp_capabilities"}
    -> {"execute":"query-status"}
    <- GREETING
    <- {"return": {}}
    <- {"return": {"status": "running"}}
    close client""",
    "capabilities asked for before the greeting is read": """
    -> {"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":1}
    -> {"exec-oob":"query-yank","id":2}
    <- GREETING
    <- {"return": {}, "id": 1}
    <- {"return": [], "id": 2}
    close client""",
    "a client that tries an older way again": """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":[]}}
    <- {"error": {"class": "GenericError", "desc": "no"}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    close client""",
    "pipelined": NEGOTIATED
    + """
    ->> b'{"execute":"a","id":1}{"execute":"b","id":2}{"execute":"c"}'
    <- {"return": {}, "id": 1}
    <- {"error": {"class": "GenericError", "desc": ""}, "id": 2}
    <- {"return": {}}
    close client""",
    "an event while the negotiation is carried out": f"""
    <- GREETING
    -> {{"execute":"qmp_capabilities"}}
    <- {EVENT}
    <- {{"return": {{}}}}
    close client""",
    "ids of every type come back by value": NEGOTIATED
    + """
    -> {"execute":"a","id":null}
    <- {"return": {}, "id": null}
    -> {"execute":"a","id":1.0}
    <- {"return": {}, "id": 1}
    -> {"execute":"a","id":0.1}
    <- {"return": {}, "id": 0.10000000000000001}
    -> {"execute":"a","id":18446744073709551616}
    <- {"return": {}, "id": 1.8446744073709552e+19}
    -> {"execute":"a","id":{"b":[1.0,"x"],"a":null}}
    <- {"return": {}, "id": {"a": null, "b": [1, "x"]}}
    -> {"execute":"a","id":[[],{}]}
    <- {"return": {}, "id": [[], {}]}
    -> {"execute":"a","id":false}
    <- {"return": {}, "id": false}
    -> {"execute":"a","id":""}
    <- {"return": {}, "id": ""}
    close client""",
    "out-of-band overtakes": OOB
    + """
    -> {"execute":"slow","id":1}
    -> {"execute":"slow","id":2}
    -> {"exec-oob":"query-yank","id":3}
    <- {"return": [], "id": 3}
    <- {"return": {}, "id": 1}
    <- {"return": {}, "id": 2}
    close client""",
    "out-of-band in its turn": OOB
    + """
    -> {"execute":"a","id":1}
    <- {"return": {}, "id": 1}
    -> {"exec-oob":"query-yank","id":1}
    <- {"return": [], "id": 1}
    close client""",
    "out-of-band refused": OOB
    + """
    -> {"exec-oob":"stop","id":1}
    <- {"error": {"class": "GenericError", "desc": "no"}, "id": 1}
    close client""",
    "quit, and the end": NEGOTIATED
    + """
    -> {"execute":"quit"}
    <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}
    <- {"return": {}}
    close server""",
    "the reply to quit is lost": NEGOTIATED + '-> {"execute":"quit","id":5}\nclose server',
    "what was sent behind quit is not answered": NEGOTIATED
    + """
    -> {"execute":"quit"}
    -> {"execute":"query-status"}
    <- {"return": {}}
    close server""",
    "a guest that powers down while a command waits": NEGOTIATED
    + """
    -> {"execute":"query-status"}
    <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}
    close server""",
    "a client that says all, and then listens": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    shut client
    <- {"return": {}, "id": 1}
    close server""",
    "a client that goes before its answer": NEGOTIATED + '-> {"execute":"a"}\nclose client',
    "a recorder that is stopped": NEGOTIATED + '-> {"execute":"a"}\nclose recorder',
    "a recorder that dies": NEGOTIATED + '-> {"execute":"a"}\n<<- b\'{"return"\'\nclose nobody',
    "a recorder that is stopped within a message's end": NEGOTIATED
    + """
    -> {"execute":"a"}
    <<- b'{"return": {}}\\r'
    close recorder""",
    "a client that goes within a message's end": NEGOTIATED
    + """
    -> {"execute":"a"}
    <<- b'{"return": {}}'
    close client""",
    "a message in pieces, its end in two": NEGOTIATED
    + """
    -> {"execute":"a"}
    <<- b'{"ret'
    <<- b'urn": {}}'
    <<- b'\\r'
    <<- b'\\n'
    <<- b'{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "X"}\\r\\n'
    close client""",
    "pretty": NEGOTIATED
    + """
    -> {"execute":"a"}
    <<- b'{\\r\\n    "return": {\\r\\n    }\\r\\n}\\r\\n'
    close client""",
    "a downstream capability": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["__com.example_x"]}}
    -> {"execute":"qmp_capabilities","arguments":{"enable":["__com.example_x"]}}
    <- {"return": {}}
    close client""",
    "errors with data, up to 1.1": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 1, "major": 1}, "package": ""}, "capabilities": []}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    -> {"execute":"device_del","arguments":{"id":"x"}}
    <- {"error": {"class": "BusNotFound", "desc": "no", "data": {"bus": "x"}}}
    close client""",
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(name: str) -> None:
    play = check(LEGAL[name])
    assert play.found == []
    assert play.session.phase is Phase.CLOSED


#: A client's malformed input is its own breach; how a server may answer it is not decided.
MALFORMED = {
    "one error": """
    ->> b'{"execute" "a"}'
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}""",
    "several errors": """
    ->> b'{"a\\xff'
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}""",
    "none, as 11.1 for the reset byte": """
    ->> b'\\xff'
    !! request.object client""",
    "line and column, as 11.1": """
    ->> b'{"execute" "a"}'
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "1:12: JSON parse error, missing :"}}""",
    "no object": """
    -> [1]
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "QMP input must be a JSON object"}}""",
    "a scalar": """
    ->> b'1 '
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "QMP input must be a JSON object"}}""",
    "two in a row": """
    ->> b'{"execute" "a"}{"execute" "b"}'
    !! request.object client
    !! request.object client
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}""",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("number", ["", ',"id":7'])
def test_malformed_input_and_how_the_session_goes_on(name: str, number: str) -> None:
    reply = f'{{"return": {{}}{number.replace(":", ": ").replace(",", ", ")}}}'
    after = f'-> {{"execute":"probe"{number}}}\n<- {reply}\n'
    check(NEGOTIATED + MALFORMED[name] + "\n" + after * 2 + "close client")


def test_what_each_response_answers() -> None:
    play = Play(
        OOB
        + """
        -> {"execute":"a","id":1}
        -> {"execute":"b","id":2}
        -> {"exec-oob":"o","id":3}
        <- {"return": 3, "id": 3}
        <- {"return": 1, "id": 1}
        ->> b'garbage '
        -> {"execute":"c","id":4}
        <- {"return": 2, "id": 2}
        <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}
        <- {"return": 4, "id": 4}
        """
    )
    assert play.answered[1:] == [(3, "o"), (1, "a"), (2, "b"), (None, ""), (4, "c")]
    assert play.session.pending == ()
    assert play.session.enabled == {"oob"}
    assert play.session.version == (7, 2, 22)


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_command_that_fails_behind_malformed_input_is_answered(broken: int) -> None:
    error = '<- {"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'
    play = Play(
        NEGOTIATED
        + "->> b'x'\n"
        + "->> b'} '\n" * (broken - 1)
        + '-> {"execute":"nope"}\n'
        + error * broken
        + '<- {"error": {"class": "CommandNotFound", "desc": "The command nope has not been found"}}'
    )
    assert play.session.pending == ()


def test_what_waits() -> None:
    play = Play(OOB + '-> {"execute":"a","id":1}\n-> {"exec-oob":"o","id":2}\n->> b"x "')
    assert [one.name for one in play.session.pending] == ["a", "", "o"]
    assert [one.mark for one in play.session.pending] == [3, 5, 4]


NUMBERS = st.lists(st.integers(0, 5), max_size=30)


@given(NUMBERS, st.integers(0, 2**32))
@settings(max_examples=examples(200))
def test_every_legal_interleaving_is_legal(choices: list[int], seed: int) -> None:
    """A model of a server with out-of-band execution: whatever it does is not a breach."""
    chance = random.Random(seed)
    session = Session()
    ends = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    in_band: list[int] = []
    found = []

    def say(side: str, text: str) -> None:
        take = session.client if side == "client" else session.server
        for frame in ends[side].feed(text.encode() + b"\r\n"):
            found.extend(take(frame).breaches)

    say("server", GREETING)
    say("client", '{"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":"c"}')
    say("server", '{"return": {}, "id": "c"}')
    out_of_band: list[int] = []
    for sent, choice in enumerate(choices, 1):
        if choice <= 1:
            say("client", f'{{"execute":"a","id":{sent}}}')
            in_band.append(sent)
        elif choice == 2:
            say("client", f'{{"exec-oob":"o","id":{sent}}}')
            out_of_band.append(sent)
        elif choice == 3:
            say("server", EVENT)
        # An in-band command is not answered before an earlier out-of-band one.
        ready = in_band[:1] if not out_of_band or (in_band and in_band[0] < out_of_band[0]) else []
        if choice >= 4 and (ready or out_of_band):
            number = chance.choice([*ready, *out_of_band])
            (in_band if number in in_band else out_of_band).remove(number)
            kind = '"return": {}' if chance.random() < 0.7 else ERROR
            say("server", f'{{{kind}, "id": {number}}}')
    assert found == []
    assert len(session.pending) == len(in_band) + len(out_of_band)
    assert session.close(Party.CLIENT) == []


ERROR = '"error": {"class": "GenericError", "desc": "x"}'


PIECES = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(
            [
                *(GREETING.encode(), b'{"execute":"qmp_capabilities"}', b'{"return": {}}\r\n'),
                *(
                    EVENT.encode(),
                    b'{"error":[]}',
                    b"{}",
                    b"[",
                    b"]",
                    b'"',
                    b"\xff",
                    b"\r\n",
                    b"1 ",
                ),
                *(b'{"id":' + b"[" * 900 + b"]" * 900 + b"}", b'{"exec-oob":"x","id":1e999}'),
                *(b'{"execute":{},"arguments":{"enable":5}}', b'{"event":1,"timestamp":[]}'),
                *(b'{"QMP":5}', b'{"QMP":{"version":{"qemu":{"major":-1}},"capabilities":{}}}'),
                *(b'{"return":1,"error":2,"id":{}}', b'{"error":{"class":5,"desc":[]}}'),
                *(
                    b'{"execute":"qmp_capabilities","arguments":{"enable":[[],{},"oob"]}}',
                    b'{"timestamp":{"seconds":true,"microseconds":1e99},"event":"BLOCK_IO_ERROR"}',
                ),
            ]
        )
        | st.binary(max_size=20),
    ),
    max_size=30,
)


@given(PIECES)
@settings(max_examples=examples(300), deadline=None)
def test_nothing_that_can_be_said_upsets_it(pieces: list[tuple[bool, bytes]]) -> None:
    session = Session()
    client, server = Framer(CLIENT_LIMITS), Framer(SERVER_LIMITS)
    for number, (from_client, data) in enumerate(pieces):
        framer, take = (client, session.client) if from_client else (server, session.server)
        for frame in framer.feed(data):
            for breach in take(frame, number).breaches:
                assert breach.mark is not None
    for frame in client.close():
        session.client(frame, -1)
    for frame in server.close():
        session.server(frame, -1)
    session.close(Party.SERVER)
