"""Ids: the server sees ours, and each client gets back its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.protocol.messages import Command, Success, from_client, from_server
from qmpconf.protocol.values import dumps, loads
from qmpconf.record.sharing.ids import Ids

PREFIX = "qmpconf-1f2e"
#: A number that Python does not read.
LONG = f"{PREFIX}-{'1' * 5000}"

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | st.text() | FLOATS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def command_of(data: bytes) -> Command:
    found = from_client(data)
    assert isinstance(found, Command)
    return found


@given(theirs=VALUES, spaces=st.sampled_from((None, 1)), place=st.integers(0, 2))
def test_any_id_comes_back(theirs: object, spaces: int | None, place: int) -> None:
    ids = Ids(PREFIX)
    members: list[tuple[str, object]] = [("execute", "x"), ("arguments", {"id": [theirs]})]
    members.insert(place, ("id", theirs))
    data = json.dumps(dict(members), indent=spaces).encode()
    number = ids.next()
    sent = command_of(ids.sent(data, command_of(data), number))
    assert ids.number_of(sent.id) == number
    assert (sent.name, sent.arguments) == ("x", command_of(data).arguments)
    # A server may write its response in any order, and what it returns may hold the id as well.
    for reply in ({"return": {}, "id": sent.id}, {"id": sent.id, "return": [sent.id]}):
        back = from_server(ids.given_back(dumps(reply), ids.theirs(data, command_of(data))))
        assert isinstance(back, Success)
        assert back.result == reply["return"]
        assert loads(dumps(back.id)) == loads(json.dumps(theirs).encode())


@pytest.mark.parametrize(
    ("reply", "back"),
    [
        (b'{"return": {}, "id": %b}', b'{"return": {}}'),
        (b'{"id": %b, "return": {}}', b'{"return": {}}'),
        (b'{\n  "return": {},\n  "id" : %b\n}', b'{\n  "return": {}\n}'),
        (b'{"id": %b, "return": ["\\"id\\"", %b]}', None),
    ],
)
def test_without_an_id_there_is_none(reply: bytes, back: bytes | None) -> None:
    ids = Ids(PREFIX)
    ours = ids.text(ids.next())
    found = ids.given_back(reply.replace(b"%b", ours), None)
    if back is not None:
        assert found == back
    assert json.loads(found) == {"return": {} if back else ['"id"', json.loads(ours)]}


@pytest.mark.parametrize(
    ("sent", "id_text"),
    [
        (b'{"execute":"x","id":1.0}', b"1.0"),
        (b'{"execute":"x","id":{"b" :[ 1e2],"a":18446744073709551616}}', None),
        ('{"execute":"x","id":"\u00e9"}'.encode(), b'"\\u00E9"'),  # as a server writes
        (b"{'execute': 'x', 'id': 'it\\'s', 'arguments': {'a': 1}}", b'"it\'s"'),
        (b'{"execute":"x","\\u0069d":7}', b"7"),
        (b'{"execute":"x"}', b""),
    ],
)
def test_an_id_is_given_back_as_it_was_sent(sent: bytes, id_text: bytes | None) -> None:
    ids = Ids(PREFIX)
    theirs = ids.theirs(sent, command_of(sent))
    assert (theirs or b"") == (sent[20:-1] if id_text is None else id_text)
    passed = json.loads(ids.sent(sent, command_of(sent), 7))
    assert passed.pop("id") == f"{PREFIX}-7"
    assert passed == {name: item for name, item in command_of(sent).value.items() if name != "id"}


def test_an_id_of_another_kind_is_not_ours() -> None:
    ids = Ids(PREFIX)
    for other in (None, 7, f"{PREFIX}-x", f"{PREFIX}-1-", f" {PREFIX}-1", [f"{PREFIX}-1"], LONG):
        assert ids.number_of(other) is None
    assert ids.number_of(f"{PREFIX}-1") == 1
