"""The session machine: each breach is found once, where it is and with who is to blame."""

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


BREACHES = {
    # --- the server's messages
    "framing.object: an array": NEGOTIATED + "<- [1]\n!! framing.object server\nclose client",
    "framing.object: nothing that is known": NEGOTIATED
    + '<- {"x": 1}\n!! framing.object server\nclose client',
    "framing.object: cut off by its own end": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    !! response.exactly-one server
    <<- b'{"return": {'
    close server
    !! framing.object server""",
    "response.id-absent: null for what could not be read, while the next command waits": NEGOTIATED
    + """
    ->> b'{"execute" "a"}'
    !! request.object client
    -> {"execute":"b","id":7}
    <- {"error": {"class": "GenericError", "desc": "JSON parse error"}, "id": null}
    !! response.id-absent server /id
    <- {"return": {}, "id": 7}
    close client""",
    "framing.crlf: a line feed": NEGOTIATED
    + """
    -> {"execute":"a"}
    <<- b'{"return": {}}\\n'
    !! framing.crlf server
    close client""",
    "framing.crlf: nothing, and another message": NEGOTIATED
    + f"""
    <<- b'{EVENT}'
    !! framing.crlf server
    <- {EVENT}
    close client""",
    "framing.crlf: nothing, and the end": NEGOTIATED
    + f"""
    <<- b'{EVENT}'
    !! framing.crlf server
    close server""",
    "framing.crlf: too much": NEGOTIATED
    + f"""
    <<- b'{EVENT}\\r\\n\\r\\n'
    !! framing.crlf server
    close client""",
    "framing.ascii: a byte beyond": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": "é"}
    !! framing.ascii server
    close client""",
    "framing.escapes": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": "\\u00e9"}
    !! framing.escapes server
    close client""",
    "framing.valid-json: inf in an id, as all releases do": NEGOTIATED
    + """
    -> {"execute":"a","id":1e400}
    <- {"return": {}, "id": inf}
    !! framing.valid-json server
    -> {"execute":"b","id":2}
    <- {"return": {}, "id": 2}
    close server""",
    "framing.valid-json: single quotes": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {'return': {}}
    !! framing.valid-json server
    close client""",
    # --- the greeting
    "greeting.first: an event before": f"""
    <- {EVENT}
    !! greeting.first server
    <- GREETING
    -> {{"execute":"qmp_capabilities"}}
    <- {{"return": {{}}}}
    close client""",
    "greeting.first: another one": NEGOTIATED
    + "<- GREETING\n!! greeting.first server\nclose client",
    "greeting.first: two in a row": "<- GREETING\n<- GREETING\n!! greeting.first server\nclose client",
    "greeting.shape: a version in words": """
    <- {"QMP": {"version": "0.12", "capabilities": []}}
    !! greeting.shape server /QMP/version
    close client""",
    "greeting.shape: a third part is missing": """
    <- {"QMP": {"version": {"qemu": {"minor": 2, "major": 7}, "package": ""}, "capabilities": []}}
    !! greeting.shape server /QMP/version/qemu/micro
    close client""",
    "greeting.shape: no capabilities": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}}}
    !! greeting.shape server /QMP/capabilities
    close client""",
    "greeting.shape: a member more": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": [], "x": 1}}
    !! greeting.shape server /QMP/x
    close client""",
    "greeting.shape: another version later": NEGOTIATED
    + """
    -> {"execute":"query-version"}
    <- {"return": {"qemu": {"micro": 0, "minor": 0, "major": 8}, "package": ""}}
    !! greeting.shape server /return
    close client""",
    "capabilities.known: one without a prefix": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob", "new"]}}
    !! capabilities.known server /QMP/capabilities/1
    close client""",
    "capabilities.known: no string": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": [1]}}
    !! capabilities.known server /QMP/capabilities/0
    close client""",
    # --- negotiation
    "negotiation.client-first": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"error": {"class": "CommandNotFound", "desc": "no"}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    close client""",
    "negotiation.gate: success": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"return": {}}
    !! negotiation.gate server
    close client""",
    "negotiation.gate: another class": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"error": {"class": "GenericError", "desc": "no"}}
    !! negotiation.gate server /error/class
    close client""",
    "negotiation.no-events": f"""
    <- GREETING
    <- {EVENT}
    !! negotiation.no-events server
    -> {{"execute":"qmp_capabilities"}}
    <- {{"return": {{}}}}
    close client""",
    "negotiation.no-events, behind a negotiation that was refused": f"""
    <- GREETING
    -> {{"execute":"qmp_capabilities","arguments":{{"enable":["x"]}}}}
    !! negotiation.enable-offered client /arguments/enable/0
    <- {{"error": {{"class": "GenericError", "desc": "no"}}}}
    <- {EVENT}
    !! negotiation.no-events server
    close client""",
    "negotiation.enable-offered, and refused": """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":["oob","x"]}}
    !! negotiation.enable-offered client /arguments/enable/1
    <- {"error": {"class": "GenericError", "desc": "no"}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    close client""",
    "negotiation.bad-enable": """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":["x"]}}
    !! negotiation.enable-offered client /arguments/enable/0
    <- {"return": {}}
    !! negotiation.bad-enable server
    close client""",
    "negotiation.once: success": NEGOTIATED
    + """
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    !! negotiation.once server
    close client""",
    "negotiation.once: another class": NEGOTIATED
    + """
    -> {"execute":"qmp_capabilities"}
    <- {"error": {"class": "GenericError", "desc": "no"}}
    !! negotiation.once server /error/class
    close client""",
    # --- requests
    "request.object: cut off": NEGOTIATED
    + """
    ->> b'{"execute":"a"'
    close client
    !! request.object client""",
    "request.members: unknown": NEGOTIATED
    + """
    -> {"execute":"a","x":1}
    !! request.members client /x
    <- {"error": {"class": "GenericError", "desc": "no"}}
    close client""",
    "request.members: both": NEGOTIATED
    + """
    -> {"execute":"a","exec-oob":"a","id":1}
    !! request.members client
    !! request.oob-negotiated client /exec-oob
    <- {"error": {"class": "GenericError", "desc": "no"}, "id": 1}
    close client""",
    "request.members: neither": NEGOTIATED
    + """
    -> {}
    !! request.members client
    <- {"error": {"class": "GenericError", "desc": "no"}}
    close client""",
    "request.execute-string": NEGOTIATED
    + """
    -> {"execute":5}
    !! request.execute-string client /execute
    <- {"error": {"class": "GenericError", "desc": "no"}}
    close client""",
    "request.arguments-object: null": NEGOTIATED
    + """
    -> {"execute":"a","arguments":null}
    !! request.arguments-object client /arguments
    <- {"error": {"class": "GenericError", "desc": "no"}}
    close client""",
    "request.arguments-object: null, and taken": NEGOTIATED
    + """
    -> {"execute":"a","arguments":null}
    !! request.arguments-object client /arguments
    <- {"return": {}}
    !! request.arguments-object server
    close client""",
    "request.non-object: success": NEGOTIATED
    + """
    -> []
    !! request.object client
    <- {"return": {}}
    !! request.non-object server
    close client""",
    "request.non-object: another class": NEGOTIATED
    + """
    -> "x"
    !! request.object client
    <- {"error": {"class": "CommandNotFound", "desc": "no"}}
    !! request.non-object server /error/class
    close client""",
    "request.oob-negotiated": NEGOTIATED
    + """
    -> {"exec-oob":"query-yank","id":1}
    !! request.oob-negotiated client /exec-oob
    <- {"error": {"class": "GenericError", "desc": "no"}, "id": 1}
    close client""",
    "framing.json-strict: taken": NEGOTIATED
    + """
    ->> b'{"execute":"a",}'
    !! request.object client
    <- {"return": {}}
    !! framing.json-strict server
    close client""",
    "framing.utf8-in: taken": NEGOTIATED
    + """
    ->> b'{"execute":"a","id":"\\xc3("}'
    !! request.object client
    <- {"return": {}}
    !! framing.utf8-in server
    close client""",
    # --- responses
    "response.exactly-one: two": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": {}}
    <- {"return": {}}
    !! response.exactly-one server
    close client""",
    "response.exactly-one: unasked": NEGOTIATED
    + """
    <- {"error": {"class": "GenericError", "desc": "no"}, "id": 5}
    !! response.exactly-one server
    close client""",
    "response.exactly-one: none": NEGOTIATED
    + """
    -> {"execute":"a"}
    !! response.exactly-one server
    close server""",
    "response.exactly-one: one of many is lost, and told once": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    -> {"execute":"b","id":2}
    !! response.exactly-one server
    -> {"execute":"c","id":3}
    -> {"execute":"d","id":4}
    <- {"return": {}, "id": 1}
    <- {"return": {}, "id": 3}
    !! response.in-order server
    <- {"return": {}, "id": 4}
    -> {"execute":"e","id":5}
    <- {"return": {}, "id": 5}
    close server""",
    "response.members": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": {}, "x": 1}
    !! response.members server /x
    close client""",
    "response.members: return and error": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": {}, "error": {"class": "GenericError", "desc": "no"}}
    !! response.members server /error
    close client""",
    "response.id-echo: another": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    <- {"return": {}, "id": 2}
    !! response.id-echo server /id
    close client""",
    "response.id-echo: none": NEGOTIATED
    + """
    -> {"execute":"a","id":null}
    <- {"return": {}}
    !! response.id-echo server /id
    close client""",
    "response.id-echo: another type": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    <- {"return": {}, "id": "1"}
    !! response.id-echo server /id
    -> {"execute":"a","id":true}
    <- {"return": {}, "id": 1}
    !! response.id-echo server /id
    close client""",
    "response.id-absent": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"return": {}, "id": 1}
    !! response.id-absent server /id
    -> {"execute":"b"}
    <- {"return": {}}
    close client""",
    "response.error-shape: no desc": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"error": {"class": "GenericError"}}
    !! response.error-shape server /error/desc
    close client""",
    "response.error-shape: no object": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"error": "no"}
    !! response.error-shape server /error
    close client""",
    "response.error-shape: data, after 1.1": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"error": {"class": "GenericError", "desc": "no", "data": {}}}
    !! response.error-shape server /error/data
    close client""",
    "response.error-class": NEGOTIATED
    + """
    -> {"execute":"a"}
    <- {"error": {"class": "BusNotFound", "desc": "no"}}
    !! response.error-class server /error/class
    close client""",
    "response.in-order": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    -> {"execute":"b","id":2}
    <- {"return": {}, "id": 2}
    !! response.in-order server
    <- {"return": {}, "id": 1}
    close client""",
    # --- events
    "event.shape: no timestamp": NEGOTIATED
    + '<- {"event": "STOP"}\n!! event.shape server /timestamp\nclose client',
    "event.shape: a member more": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP", "id": 1}
    !! event.shape server /id
    close client""",
    "event.shape: a name that is not a string": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": 5}
    !! event.shape server /event
    close client""",
    "event.shape: data that is not an object": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "X", "data": [1]}
    !! event.shape server /data
    close client""",
    "event.timestamp: too many microseconds": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 1000000}, "event": "X"}
    !! event.timestamp server /timestamp
    close client""",
    "event.timestamp: half of it fails": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": -1, "microseconds": 5}, "event": "X"}
    !! event.timestamp server /timestamp
    close client""",
    "event.timestamp: a number with a point": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1.0, "microseconds": 5}, "event": "X"}
    !! event.timestamp server /timestamp/seconds
    close client""",
    "event.no-empty-data": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 5}, "event": "X", "data": {}}
    !! event.no-empty-data server /data
    close client""",
    "compat.downstream-prefix": NEGOTIATED
    + """
    <- {"timestamp": {"seconds": 1, "microseconds": 5}, "event": "__X"}
    !! compat.downstream-prefix server /event
    close client""",
    # --- what a server may refuse, and may take
    "single quotes are refused, with any number of errors": NEGOTIATED
    + r"""
    -> {'execute': 'a', 'id': 'it\'s'}
    -> {"execute":"b","id":2}
    <- {"error": {"class": "GenericError", "desc": "no JSON"}}
    <- {"error": {"class": "GenericError", "desc": "no JSON, again"}}
    <- {"return": {}, "id": 2}
    close client""",
    # --- out of band
    "oob.id": OOB
    + """
    -> {"execute":"a"}
    !! oob.id client
    <- {"return": {}}
    close client""",
    "oob.exec-id": OOB
    + """
    -> {"exec-oob":"query-yank"}
    !! oob.exec-id client
    <- {"return": []}
    close client""",
    "oob.exec-id: and both at once": OOB
    + """
    -> {"execute":"a","id":1}
    -> {"exec-oob":"query-yank"}
    !! oob.exec-id client
    <- {"return": []}
    <- {"return": {}, "id": 1}
    close client""",
    "oob.overtakes": OOB
    + """
    -> {"execute":"a","id":1}
    -> {"exec-oob":"query-yank","id":2}
    -> {"execute":"b","id":3}
    <- {"return": {}, "id": 1}
    <- {"return": {}, "id": 3}
    <- {"return": [], "id": 2}
    !! oob.overtakes server
    close client""",
    "event.not-inside": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    <- {"return": {"a": {"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"} 1}, "id": 1}
    !! event.not-inside server""",
    # --- the end
    "session.half-close": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    !! session.half-close server
    shut client
    close client""",
    "recovery.after-error": NEGOTIATED
    + """
    ->> b'{"execute" "a"}'
    !! recovery.after-error server
    !! request.object client
    close server""",
    "a recording that begins in the middle: told once": """
    -> {"execute":"qmp_capabilities","id":1}
    <- {"return": {}, "id": 1}
    !! greeting.first server
    -> {"execute":"stop","id":2}
    <- {"return": {}, "id": 2}
    close client""",
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach(name: str) -> None:
    check(BREACHES[name])


def test_every_script_of_a_requirement_names_it() -> None:
    for name, script in BREACHES.items():
        requirement = name.partition(":")[0].partition(",")[0]
        if "." in requirement:
            assert f"!! {requirement} " in script + " ", name


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


def test_behind_a_lost_greeting_every_answer_has_its_command() -> None:
    play = Play(
        """
        gap server
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"cont"}
        <- {"return": 2}
        """
    )
    assert play.answered == [(1, "stop"), (2, "cont")]
    assert not play.found
    lost = Play(
        """
        gap client
        gap server
        -> {"execute":"stop"}
        <- {"return": 1}
        """
    )
    assert lost.answered == []


def test_where_a_command_is_left_out_its_answer_is_nobodys() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        <- {"return": 1}
        gap client 1
        <- {"return": 2}
        -> {"execute":"cont"}
        <- {"return": 3}
        <- {"return": 4}
        !! response.exactly-one server
        """
    )
    assert play.answered[1:] == [(1, "stop"), (3, "cont")]


def test_where_an_answer_is_left_out_the_next_command_has_its_own() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        gap server 1
        -> {"execute":"cont"}
        <- {"return": 1}
        -> {"execute":"quit"}
        """
    )
    assert play.answered[1:] == [(1, "cont")]
    assert [one.name for one in play.session.pending] == ["quit"]
    assert play.session.certain


def test_which_of_two_answers_is_left_out_is_not_known_but_for_ids() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        -> {"execute":"cont"}
        gap server 1
        <- {"return": 1}
        <- {"return": 2}
        !! response.exactly-one server
        -> {"execute":"a","id":1}
        -> {"execute":"b","id":2}
        -> {"execute":"c"}
        -> {"execute":"d"}
        gap server 1
        <- {"return": 3, "id": 2}
        <- {"return": 4}
        """
    )
    assert play.answered[1:] == [(3, "b")]


def test_an_answer_is_that_of_the_command_which_it_fits_also_when_others_are_left_out() -> None:
    play = check(
        """
        gap server
        gap client 1
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"cont","id":5}
        <- {"return": 2, "id": 6}
        <- {"return": 3, "id": 5}
        """
    )
    assert play.answered == [(1, "stop"), (3, "cont")]


def test_what_is_left_out_before_the_negotiation_may_be_that() -> None:
    check(
        """
        <- GREETING
        gap client 1
        gap server 1
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"qmp_capabilities"}
        <- {"return": 2}
        """
    )


def test_an_answer_out_of_band_is_known_by_its_id_across_a_gap() -> None:
    """Commands sent before and behind it; the order in band is known with the first id in band."""
    play = check(
        OOB
        + """
        -> {"exec-oob":"o","id":1}
        -> {"execute":"a","id":2}
        gap server
        -> {"exec-oob":"p","id":3}
        -> {"execute":"b","id":4}
        -> {"execute":"c","id":5}
        <- {"return": 3, "id": 3}
        <- {"return": 1, "id": 1}
        <- {"return": 4, "id": 4}
        <- {"return": 6, "id": 6}
        !! response.id-echo server /id
        """
    )
    assert play.answered[1:] == [(3, "p"), (1, "o"), (4, "b"), (6, "c")]


def test_an_answer_out_of_band_says_nothing_of_the_order_behind_a_gap() -> None:
    play = check(
        OOB
        + """
        -> {"execute":"a","id":1}
        gap client
        -> {"exec-oob":"o","id":2}
        -> {"execute":"b","id":3}
        <- {"return": 2, "id": 2}
        <- {"return": 9, "id": 9}
        <- {"return": 1, "id": 1}
        <- {"return": 8}
        <- {"return": 3, "id": 3}
        """
    )
    # 9 and 8 may answer what is missing; 1 was sent before the gap.
    assert play.answered[1:] == [(2, "o"), (1, "a"), (3, "b")]
    assert play.session.certain
    assert play.session.pending == ()


def test_an_answer_out_of_band_that_a_gap_delayed_comes_when_the_order_is_known_again() -> None:
    play = check(
        OOB
        + """
        -> {"exec-oob":"o","id":1}
        -> {"execute":"a","id":2}
        gap server
        -> {"execute":"b","id":3}
        <- {"return": 3, "id": 3}
        <- {"return": 1, "id": 1}
        <- {"return": 2, "id": 2}
        !! response.exactly-one server
        """
    )
    # "a" was sent before "b" and is answered by now; "o" keeps no order.
    assert play.answered[1:] == [(3, "b"), (1, "o")]


def test_what_is_sent_behind_a_gap_may_be_overtaken_only_by_what_was_sent_behind_it() -> None:
    check(
        OOB
        + """
        -> {"exec-oob":"lost","id":1}
        gap server
        -> {"execute":"a","id":2}
        <- {"return": {}, "id": 2}
        -> {"exec-oob":"o","id":3}
        -> {"execute":"b","id":4}
        <- {"return": {}, "id": 4}
        <- {"return": {}, "id": 3}
        !! oob.overtakes server
        <- {"return": {}, "id": 1}
        """
    )


def test_out_of_band_may_have_been_negotiated_in_a_gap() -> None:
    play = check(
        """
        <- GREETING
        gap client
        gap server
        -> {"execute":"a","id":1}
        -> {"exec-oob":"o","id":2}
        <- {"return": 2, "id": 2}
        <- {"return": 1, "id": 1}
        """
    )
    assert play.answered == [(2, "o"), (1, "a")]


@pytest.mark.parametrize("side", ["client", "server"])
def test_whole_messages_that_are_left_out_leave_an_answer_out_of_band_its_command(
    side: str,
) -> None:
    play = check(
        OOB
        + f"""
        -> {{"execute":"a","id":1}}
        -> {{"exec-oob":"o","id":2}}
        gap {side} 1
        -> {{"execute":"b","id":3}}
        <- {{"return": 2, "id": 2}}
        """
    )
    assert play.answered[1:] == [(2, "o")]
    assert "b" in [one.name for one in play.session.pending]


def test_behind_a_gap_only_the_negotiation_shows_what_was_negotiated() -> None:
    check(
        """
        gap client
        gap server
        -> {"execute":"stop","id":1}
        <- {"return": {}, "id": 1}
        -> {"execute":"cont","id":2}
        <- {"return": {}, "id": 2}
        -> {"exec-oob":"o","id":3}
        <- {"return": {}, "id": 3}
        -> {"execute":"qmp_capabilities","id":4}
        <- {"error": {"class": "CommandNotFound", "desc": "x"}, "id": 4}
        -> {"exec-oob":"o","id":5}
        <- {"return": {}, "id": 5}
        """
    )


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
