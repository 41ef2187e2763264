"""Whatever a secret is and however it is written: it does not get into a trace."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any
from urllib.parse import quote

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Frame, Framer, Kind
from qmpconf.protocol.places import resolve
from qmpconf.protocol.values import loads
from qmpconf.trace.records import Side
from qmpconf.trace.redaction import REPLACEMENT, Redactor
from tests.usual import examples

#: Secrets that are nothing else: two marks around anything.
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=0, max_size=8
).map(lambda text: f"Q7zK{text}wX9j")
WORDS = st.text("abcxyz09-_. /", max_size=6)
MEMBERS = st.sampled_from(
    [
        "password",
        "passwd",
        "vnc-password",
        "cookie",
        "passphrase",
        "token",
        "api-key",
        "client-secret",
    ]
)
COMMANDS = st.sampled_from(["blockdev-add", "x", "human-monitor-command", "migrate", "transaction"])


def written(value: Any, draw: Any) -> str:
    """JSON text of `value`, with any letters of its strings escaped and any white space."""
    spaces = itertools.cycle(draw(st.lists(st.sampled_from(["", " ", "\t", "\n "]), min_size=1)))

    def of(one: Any) -> str:
        if isinstance(one, str):
            return of_text(one)
        if isinstance(one, dict):
            inner = ",".join(
                f"{next(spaces)}{of_text(name)}{next(spaces)}:{next(spaces)}{of(item)}"
                for name, item in one.items()
            )
            return "{" + inner + next(spaces) + "}"
        if isinstance(one, list):
            return "[" + ",".join(next(spaces) + of(item) for item in one) + next(spaces) + "]"
        return json.dumps(one)

    ascii_only, escapes = draw(st.booleans()), draw(st.sampled_from(["", "", "aeiou", "swrd"]))

    def of_text(text: str) -> str:
        body = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        if "\\" not in body:
            body = "".join(f"\\u{ord(one):04x}" if one in escapes else one for one in body)
        return f'"{body}"'

    return of(value)


def around(inner: Any, draw: Any) -> Any:
    """`inner` somewhere in objects and arrays."""
    for _ in range(draw(st.integers(0, 4))):
        other = draw(st.one_of(st.none(), st.integers(), WORDS, st.lists(WORDS, max_size=2)))
        name = draw(st.sampled_from(["file", "a", "data", "children", "0", "é", "~/"]))
        inner = draw(st.sampled_from([{name: inner, "z": other}, [other, inner], [inner]]))
    return inner


def hold(secret: str, draw: Any) -> Any:
    """A value that holds a secret in one of the ways in which its place is known."""
    member = draw(MEMBERS)
    plain = {member: secret}
    way = draw(st.integers(0, 6))
    if way == 0:
        return plain
    if way == 1:
        return {member: [secret]}
    if way == 2:
        nested: Any = plain
        for _ in range(draw(st.integers(1, 3))):
            nested = {"filename": "json:" + json.dumps(nested, ensure_ascii=draw(st.booleans()))}
        return nested
    if way == 3:
        return {"filename": f"https://user:{quote(secret, safe='')}@host/x"}
    if way == 4:
        return {"filename": f"if=none,{member}={secret.replace(',', ',,')},x=y"}
    if way == 5:
        return {"x": json.dumps([1, plain])}
    return {"filename": f"rbd:pool/x:id=a:key={base64.b64encode(secret.encode()).decode()}:x=y"}


def forms(secret: str) -> list[bytes]:
    """The secret as it may stand in a file; its marks stand for the rest of it."""
    packed = base64.b64encode(secret.encode()).rstrip(b"=")
    return [b"Q7zK", b"wX9j", packed]


def shown(pieces: list[tuple[Side, bytes]], redactor: Redactor | None = None) -> bytes:
    """All that a trace would hold of what was sent in these pieces, pointers included."""
    redactor = redactor or Redactor()
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    kept = b""
    for side, piece in pieces:
        for frame in framers[side].feed(piece):
            new, places = redactor(1, side, frame)
            assert new.kind == frame.kind
            kept += new.data + new.end + "".join(places).encode()
            check(frame, new, places)
    for side in ("client", "server"):
        for frame in framers[side].close():
            kept += redactor(1, side, frame)[0].data
    return kept


def check(frame: Frame, new: Frame, places: tuple[str, ...]) -> None:
    """What was replaced is said, and what was a message is one."""
    assert bool(places) >= (new.data != frame.data)
    if places and places != ("",):
        value = loads(new.data)
        loads(frame.data)
        for place in places:
            try:
                assert REPLACEMENT in str(resolve(value, place))
            except KeyError:
                assert REPLACEMENT in place


def cut(data: bytes, draw: Any) -> list[bytes]:
    """The same bytes in several writes."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    return [data[one:other] for one, other in zip([0, *places], [*places, len(data)], strict=True)]


@given(SECRETS, st.data())
@settings(max_examples=examples(150), deadline=None)
def test_a_secret_in_any_command(secret: str, data: st.DataObject) -> None:
    draw = data.draw
    arguments = around(hold(secret, draw), draw)
    if not isinstance(arguments, dict):
        arguments = {"options": arguments}
    message = {"execute": draw(COMMANDS), "arguments": arguments, "id": 1}
    text = written(message, draw).encode()
    kept = shown([("client", piece) for piece in cut(text + b"\r\n", draw)])
    for form in forms(secret):
        assert form not in kept


@given(SECRETS, st.data())
@settings(max_examples=examples(100), deadline=None)
def test_a_secret_for_the_human_monitor(secret: str, data: st.DataObject) -> None:
    assume(not any(char in secret for char in "\n\r") and secret.isprintable())
    draw = data.draw
    quoted = '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"'
    line = draw(
        st.sampled_from(
            [
                f"set_password vnc {quoted}",
                f"set_password  vnc {quoted} -d x keep",
                f'change "vnc" -f password {quoted}',
                f'qom-set "/objects/s1" "data" {quoted}',
                f"object_add secret,id=s,data={secret.replace(',', ',,')}",
                f'drive_add 0 "if=none,file.password={quoted[1:-1].replace(",", ",,")}"',
                f'migrate "exec:openssl -k {quoted[1:-1]}"',
            ]
        )
    )
    message = {"execute": "human-monitor-command", "arguments": {"command-line": line}}
    kept = shown([("client", written(message, draw).encode())])
    for form in forms(secret):
        assert form not in kept


@given(SECRETS, st.data())
@settings(max_examples=examples(100), deadline=None)
def test_a_secret_that_is_repeated(secret: str, data: st.DataObject) -> None:
    """In an error, a reply or an event, as it is or escaped, in base64 or URL-encoded."""
    draw = data.draw
    message = {"execute": "set_password", "arguments": {"protocol": "vnc", "password": secret}}
    echo = draw(
        st.sampled_from(
            [
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode(),
                json.dumps(secret),
            ]
        )
    )
    text = draw(st.sampled_from(["no such thing: '{}'", "{}", "https://host/{}/x"])).format(echo)
    reply = draw(
        st.sampled_from(
            [
                {"error": {"class": "GenericError", "desc": text}},
                {"return": around(text, draw)},
                {"event": "X", "data": {"x": around(text, draw)}},
                {"return": {}, "id": text},
            ]
        )
    )
    said = shown(
        [
            ("client", written(message, draw).encode()),
            ("server", written(reply, draw).encode() + b"\r\n"),
        ]
    )
    for form in forms(secret):
        assert form not in said


@given(SECRETS, st.data())
@settings(max_examples=examples(150), deadline=None)
def test_a_secret_in_bytes_that_are_no_message(secret: str, data: st.DataObject) -> None:
    """Once a word has told of it: whatever is broken, wherever it is cut into writes."""
    draw = data.draw
    member = draw(st.sampled_from(["password", "passwd", "cookie", "secret", "token"]))
    message = json.dumps({"execute": "x", "arguments": {member: secret, "y": [1, "z"]}})
    begin = message.index(member) + len(member)
    at = draw(st.integers(begin, len(message)))
    broken = draw(
        st.sampled_from(
            [
                message[:at],
                message[:begin] + "@" + message[begin:],
                message[:begin] + "\x01" + message[begin:],
                message[:begin] + '"' + message[begin:],
                message.replace(":", " ", 3),
                f"{member} {secret} {secret}\n",
                "]" + message[1:],
                "'" + message,
            ]
        )
    ).encode()
    junk = draw(st.binary(max_size=4))
    pieces = [("client", piece) for piece in (*cut(junk + broken, draw),)]
    kept = shown([*pieces, ("server", b'{"return": {}}'), ("client", b' {"execute":"stop"}')])
    whole = b"".join(piece for _, piece in pieces)
    # A write may end within the word that says.
    assume(member.encode() in whole)
    for form in forms(secret):
        assert form not in kept


@given(
    st.lists(st.tuples(st.sampled_from(["client", "server"]), st.binary(max_size=60)), max_size=6)
)
@settings(max_examples=examples(150), deadline=None)
def test_any_bytes_keep_their_frames(pieces: list[tuple[Side, bytes]]) -> None:
    """A reader of the trace cuts what is written as the recorder cut what was sent."""
    framers = {"client": Framer(CLIENT_LIMITS), "server": Framer(SERVER_LIMITS)}
    redactor = Redactor(["zzzz"])
    sent: dict[str, list[Kind]] = {"client": [], "server": []}
    kept: dict[str, bytes] = {"client": b"", "server": b""}

    def take(side: Side, frames: list[Frame]) -> None:
        for frame in frames:
            new, _ = redactor(1, side, frame)
            sent[side].append(new.kind)
            kept[side] += new.data + new.end

    for side, piece in pieces:
        take(side, framers[side].feed(b"'password" + piece if side == "client" else piece))
    for side in ("client", "server"):
        take(side, framers[side].close())
        again = Framer(CLIENT_LIMITS if side == "client" else SERVER_LIMITS)
        kinds = [frame.kind for frame in again.feed(kept[side]) + again.close()]
        merged = [kind for kind in sent[side] if kind in (Kind.VALUE, Kind.MALFORMED, Kind.PARTIAL)]
        assert [kind for kind in kinds if kind not in (Kind.SPACE, Kind.SKIPPED)] == merged
