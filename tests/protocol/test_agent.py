"""Sessions with a guest agent: what is right breaks nothing, what is wrong is found and blamed."""

from __future__ import annotations

import pytest

from qmpconf.protocol.dialect import DIALECTS, QGA, QMP, of_product
from qmpconf.protocol.requirements import REQUIREMENTS
from qmpconf.protocol.session import Session
from tests.protocol.playbook import Play, check

SYNC = '{"execute":"guest-sync","arguments":{"id":5}}'
DELIMITED = '{"execute":"guest-sync-delimited","arguments":{"id":5}}'
PING = '{"execute":"guest-ping"}'
#: What a client begins with that does all that is asked of it, and what qemu-ga 7.2 says to that.
BEGUN = f"""
    ->> b'\\xff'
    -> {SYNC}
    <- {{"error": {{"class": "GenericError", "desc": "JSON parse error, stray"}}}}
    <- {{"return": 5}}
"""

LEGAL = {
    "a sync, and its answer": BEGUN + "close client",
    "no error for the 0xFF": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": 5}}
        close client""",
    "a 0xFF on both sides": f"""
        ->> b'\\xff{DELIMITED}'
        <- {{"error": {{"class": "GenericError", "desc": "JSON parse error, stray"}}}}
        <<- b'\\xff{{"return": 5}}\\n'
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "two responses that an earlier client did not fetch": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": 4}}
        <- {{"return": {{"version": "7.2.0"}}}}
        <- {{"return": 5}}
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "one that came before anything was sent": f"""
        <- {{"return": 4}}
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": 5}}
        close client""",
    "the end of one that an earlier client did not fetch": f"""
        <<- b'nel-version": "1"}}}}\\n'
        ->> b'\\xff'
        -> {DELIMITED}
        <<- b'\\xff{{"return": 5}}\\n'
        close client""",
    "half a response, and the 0xFF of the next one": BEGUN
    + f"""
        -> {DELIMITED.replace("5", "6")}
        <<- b'{{"return": {{"ver\\xff{{"return": 6}}\\n'
        close client""",
    "an error that an earlier client did not fetch": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"error": {{"class": "GenericError", "desc": "JSON parse error, stray"}}}}
        <- {{"error": {{"class": "CommandNotFound", "desc": "no"}}}}
        <- {{"return": 5}}
        close client""",
    "an answer that comes after the client has given up and synced again": BEGUN
    + f"""
        -> {{"execute":"guest-get-osinfo"}}
        -> {SYNC.replace("5", "6")}
        <- {{"return": {{"id": "debian"}}}}
        <- {{"return": 6}}
        close client""",
    "shut down, and gone": BEGUN
    + """
        -> {"execute":"guest-shutdown"}
        close server""",
    "suspended behind what is malformed": BEGUN
    + """
        -> {"execute": nonsense}
        !! request.object client
        <- {"error": {"class": "GenericError", "desc": "JSON parse error"}}
        -> {"execute":"guest-suspend-ram"}
        -> {"execute":"guest-ping"}
        <- {"return": {}}
        close client""",
    "suspended, and awake again": BEGUN
    + f"""
        -> {{"execute":"guest-suspend-ram"}}
        -> {SYNC.replace("5", "6")}
        <- {{"return": 6}}
        close client""",
    "a shutdown that fails": BEGUN
    + f"""
        -> {{"execute":"guest-shutdown","arguments":{{"mode":"x"}}}}
        <- {{"error": {{"class": "GenericError", "desc": "mode is invalid"}}}}
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "ids as in QMP": BEGUN
    + """
        -> {"execute":"guest-ping","id":"a"}
        -> {"execute":"guest-suspend-disk","id":1}
        -> {"execute":"guest-ping","id":"b"}
        <- {"return": {}, "id": "a"}
        <- {"return": {}, "id": "b"}
        close client""",
    "frozen, and thawed": BEGUN
    + f"""
        -> {{"execute":"guest-fsfreeze-freeze"}}
        <- {{"return": 2}}
        -> {PING}
        <- {{"return": {{}}}}
        -> {{"execute":"guest-fsfreeze-thaw"}}
        <- {{"return": 2}}
        -> {{"execute":"guest-get-time"}}
        <- {{"return": 1}}
        close client""",
    "nothing was there to freeze": BEGUN
    + """
        -> {"execute":"guest-fsfreeze-freeze"}
        <- {"return": 0}
        -> {"execute":"guest-get-time"}
        <- {"return": 1}
        close client""",
    "an agent says itself what is silent": BEGUN
    + """
        -> {"execute":"guest-info"}
        <- {"return": {"version": "9.0.0", "supported_commands": [{"name": "guest-nap", "enabled": true, "success-response": false}]}}
        -> {"execute":"guest-nap"}
        -> {"execute":"guest-ping"}
        <- {"return": {}}
        close client""",
    "an error of what is silent, or of the one behind it": BEGUN
    + f"""
        -> {{"execute":"guest-suspend-disk"}}
        -> {{"execute":"guest-sync-delimited"}}
        -> {{"execute":"guest-info"}}
        <- {{"error": {{"class": "GenericError", "desc": "Parameter 'id' is missing"}}}}
        <- {{"return": {{"version": "7.2.0"}}}}
        -> {SYNC.replace("5", "6")}
        <- {{"return": 6}}
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "an error of what is silent, or of malformed input behind it": BEGUN
    + """
        -> {"execute":"guest-suspend-disk"}
        ->> b'\\xff'
        <- {"error": {"class": "GenericError", "desc": "JSON parse error, stray"}}
        -> {"execute":"guest-sync-delimited"}
        <- {"error": {"class": "GenericError", "desc": "Parameter 'id' is missing"}}
        -> {"execute":"guest-fsfreeze-freeze"}
        <- {"return": 1}
        close client""",
    "behind a gap a sync shows the order again": BEGUN
    + f"""
        -> {{"execute":"guest-get-time"}}
        gap server
        -> {SYNC.replace("5", "6")}
        <- {{"return": 6}}
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
}

BROKEN = {
    "no sync": f"""
        -> {PING}
        !! agent.sync-first client
        <- {{"return": {{}}}}
        close client""",
    "no 0xFF of the client, as libvirt does": f"""
        -> {SYNC}
        !! agent.reset-first client
        <- {{"return": 5}}
        close client""",
    "an integer twice": BEGUN
    + f"""
        -> {SYNC}
        !! agent.sync-unique client /arguments/id
        <- {{"return": 5}}
        close client""",
    "a sync without its integer": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": {{}}}}
        !! agent.sync-echo server /return
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "a sync with another integer, at the end": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": 6}}
        !! agent.sync-echo server /return
        close client""",
    "a sync with another integer, and commands sent ahead": f"""
        ->> b'\\xff'
        -> {SYNC}
        -> {PING}
        <- {{"return": 6}}
        !! agent.sync-echo server /return
        <- {{"return": {{}}}}
        close client""",
    "a sync with its integer, and another id": f"""
        ->> b'\\xff'
        -> {SYNC[:-1]},"id":1}}
        <- {{"return": 5, "id": 2}}
        !! response.id-echo server /id
        close client""",
    "no 0xFF of the agent": f"""
        ->> b'\\xff'
        -> {DELIMITED}
        <- {{"return": 5}}
        !! agent.sentinel server
        close client""",
    "a 0xFF too many": BEGUN
    + f"""
        -> {PING}
        <<- b'\\xff{{"return": {{}}}}\\n'
        !! agent.sentinel server
        close client""",
    "a greeting": f"""
        ->> b'\\xff'
        -> {SYNC}
        <- {{"return": 5}}
        <- GREETING
        !! agent.unasked server
        close client""",
    "an event": BEGUN
    + """
        <- {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN"}
        !! agent.unasked server
        close client""",
    "no line feed": BEGUN
    + f"""
        -> {PING}
        <<- b'{{"return": {{}}}}'
        !! agent.line-feed server
        -> {PING}
        <- {{"return": {{}}}}
        close client""",
    "a response to what is silent": BEGUN
    + """
        -> {"execute":"guest-shutdown"}
        <- {"return": {}}
        !! agent.silent server
        close client""",
    "what was lost before a sync": BEGUN
    + f"""
        -> {{"execute":"guest-get-osinfo"}}
        !! agent.answered server
        -> {SYNC.replace("5", "6")}
        <- {{"return": 6}}
        close client""",
    "a response that nobody asked for": BEGUN
    + """
        <- {"return": {}}
        !! response.exactly-one server
        close client""",
    "gone without a word": BEGUN
    + f"""
        -> {PING}
        !! response.exactly-one server
        close server""",
    "commands while frozen": BEGUN
    + """
        -> {"execute":"guest-fsfreeze-freeze"}
        <- {"return": 2}
        -> {"execute":"guest-get-time"}
        !! agent.frozen client /execute
        <- {"error": {"class": "CommandNotFound", "desc": "disabled"}}
        -> {"execute":"guest-get-time"}
        !! agent.frozen client /execute
        <- {"return": 1}
        !! agent.frozen-refused server
        close client""",
    "out of band": BEGUN
    + """
        -> {"exec-oob":"guest-ping"}
        !! request.members client /exec-oob
        <- {"error": {"class": "GenericError", "desc": "unexpected"}}
        close client""",
    "what is not JSON": BEGUN
    + """
        -> {"execute":"guest-ping"}
        <- {"return": nonsense}
        !! framing.valid-json server
        close client""",
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_breaks_nothing(name: str) -> None:
    check(LEGAL[name], end=b"\n")


@pytest.mark.parametrize("name", BROKEN)
def test_a_breach_is_found_and_nothing_else(name: str) -> None:
    check(BROKEN[name], end=b"\n")


@pytest.mark.parametrize("name", BROKEN)
def test_a_dialect_that_is_named_is_the_one_that_is_recognised(name: str) -> None:
    check(BROKEN[name], Session(QGA), b"\n")


@pytest.mark.parametrize("name", ["a sync, and its answer", "suspended, and awake again"])
def test_what_was_converted_from_a_text_has_no_bytes_around_messages(name: str) -> None:
    script = LEGAL[name].replace("->> b'\\xff'\n", "").replace("guest-sync", "guest-sync-delimited")
    check(script, Session(exact=False), b"\r\n")


def test_what_answers_what() -> None:
    play = Play(LEGAL["suspended, and awake again"], end=b"\n")
    assert [name for _, name in play.answered] == ["", "guest-sync", "guest-sync"]
    play = Play(LEGAL["two responses that an earlier client did not fetch"], end=b"\n")
    assert play.answered == [(5, "guest-sync"), ({}, "guest-ping")]
    play = Play(LEGAL["an error of what is silent, or of the one behind it"], end=b"\n")
    assert play.answered[-2:] == [(6, "guest-sync"), ({}, "guest-ping")]
    assert play.session.certain
    play = Play(LEGAL["an agent says itself what is silent"], end=b"\n")
    assert play.session.version == (9, 0, 0)


@pytest.mark.parametrize("version", ["9" * 5000, "9.x", "", "9."])
def test_a_version_that_is_none(version: str) -> None:
    script = LEGAL["an agent says itself what is silent"].replace("9.0.0", version)
    assert Play(script, end=b"\n").session.version == ()


@pytest.mark.parametrize(
    ("script", "dialect"),
    [
        (BEGUN, QGA),
        ("<- GREETING", QMP),
        ('-> {"execute":"qmp_capabilities"}', QMP),
        ('-> {"execute":"query-status"}', QMP),
        (f"-> {PING}", QGA),
        (f"<- GREETING\n-> {PING}", QMP),
        ('<- {"return": {}}\n' + f"-> {PING}", QGA),
        ("-> [1]", None),
        ("-> x", None),
        (f"-> x\n-> {PING}", QGA),
        (f"-> [1]\n-> {PING}", QGA),
        ('-> x\n-> {"execute":"query-status"}', QMP),
        ("->> b'\\xff'", None),
        ('<- {"return": {}}', None),
    ],
)
def test_a_dialect_is_recognised(script: str, dialect: object) -> None:
    session = Play(script, end=b"\n").session
    assert session.recognised == (dialect is not None)
    assert session.dialect is (dialect or QMP)


def test_an_agent_s_client_that_begins_with_what_is_no_message_is_blamed_and_nobody_else() -> None:
    check(
        f"""
        -> x
        !! request.object client
        <- {{"error": {{"class": "GenericError", "desc": "JSON parse error, invalid keyword 'x'"}}}}
        ->> b'\\xff'
        -> {SYNC}
        <- {{"error": {{"class": "GenericError", "desc": "JSON parse error, stray"}}}}
        <- {{"return": 5}}
        close client""",
        end=b"\n",
    )


def test_a_monitor_s_client_that_begins_with_a_0xff_is_told_so_once_it_is_known() -> None:
    check("""
        ->> b'\\xff'
        !! request.object client
        -> {"execute":"qmp_capabilities"}
        <- GREETING
        close client""")
    check("->> b'\\xff'\n!! request.object client\nclose client")


def test_the_dialects_are_true_to_register_and_catalogs() -> None:
    assert of_product("qemu-ga") is QGA
    assert of_product("qemu-storage-daemon") is of_product("anything") is QMP
    for one in DIALECTS.values():
        assert one.end in one.ends
        assert one.has(one.end_rule)
        assert one.end_rule in REQUIREMENTS
        for other in one.others:
            assert any(name.startswith(other) for name in REQUIREMENTS) or other.startswith(
                "schema"
            )
        for names in (
            one.delimited,
            one.syncs,
            one.silent,
            one.freezes,
            one.thaws,
            one.while_frozen,
        ):
            assert all(name.startswith(one.prefix) for name in names)
        assert one.delimited <= one.syncs
        assert one.thaws <= one.while_frozen
