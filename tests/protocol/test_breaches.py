"""Messages of a session: each breach is found once, where it is and with who is to blame."""

from __future__ import annotations

import pytest

from tests.protocol.playbook import NEGOTIATED, OOB, check, names_its_requirement

EVENT = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'

BREACHES = {
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
    "single quotes are refused, with any number of errors": NEGOTIATED
    + r"""
    -> {'execute': 'a', 'id': 'it\'s'}
    -> {"execute":"b","id":2}
    <- {"error": {"class": "GenericError", "desc": "no JSON"}}
    <- {"error": {"class": "GenericError", "desc": "no JSON, again"}}
    <- {"return": {}, "id": 2}
    close client""",
    "oob.overtakes": OOB
    + """
    -> {"execute":"a","id":1}
    -> {"exec-oob":"query-yank","id":2}
    -> {"execute":"b","id":3}
    <- {"return": {}, "id": 1}
    <- {"return": {}, "id": 3}
    -> {"execute":"c","id":4}
    <- {"return": {}, "id": 4}
    <- {"return": [], "id": 2}
    !! oob.overtakes server
    close client""",
    "commands that come together may be carried out side by side": OOB
    + """
    -> {"exec-oob":"query-yank","id":1}
    -> {"execute":"a","id":2}
    -> {"execute":"b","id":3}
    <- {"return": {}, "id": 2}
    <- {"return": {}, "id": 3}
    <- {"return": [], "id": 1}
    close client""",
    "event.not-inside": NEGOTIATED
    + """
    -> {"execute":"a","id":1}
    <- {"return": {"a": {"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"} 1}, "id": 1}
    !! event.not-inside server""",
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
    assert names_its_requirement(name, BREACHES[name])
