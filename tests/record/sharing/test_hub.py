"""The hub: who is answered what, and what reaches the server, as a script of lines.

``2>`` is what client 2 sends, ``>`` what goes to the server, ``<`` what the server says, ``2<`` what
client 2 gets.  ``#3`` stands for the hub's third id.
"""

from __future__ import annotations

import json
import re
from typing import Any

from qmpconf.protocol.framing import Frame, Framer
from qmpconf.record.sharing.hub import SERVER, Hub

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 3}, "package": ""}, '
    '"capabilities": %s}}'
)
NEGOTIATE = '{"execute":"qmp_capabilities","id":"n"}'
URGENT = '{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}'


class Script:
    """A hub, its server and clients."""

    def __init__(self, capabilities: str = '["oob"]') -> None:
        self.out: list[str] = []
        self.fds: list[list[int]] = []
        self.dropped: list[int] = []
        self.failed: list[str] = []
        self.hub = Hub(self._sent, self._dropped, self.failed.append, "x")
        self.greeting = GREETING % capabilities

    def _sent(self, number: int, frame: Frame, fds: list[int]) -> None:
        text = re.sub(r'"x-(\d+)"', r"#\1", frame.data.decode())
        self.out.append(f"{'>' if number == SERVER else f'{number}<'} {text}")
        self.fds.append(fds)

    def _dropped(self, fds: list[int]) -> None:
        self.dropped += fds

    def begin(self, *clients: int, observers: tuple[int, ...] = (), first: str = NEGOTIATE) -> None:
        """Clients that have negotiated."""
        self.server(self.greeting)
        self.server('{"return": {}, "id": #1}')
        for number in clients:
            self.hub.join(number, observes=number in observers)
            self.says(number, first)
        self.out.clear()
        self.fds.clear()

    def says(self, number: int, *texts: str, fds: tuple[int, ...] = ()) -> None:
        framer = Framer()
        frames = framer.feed("".join(f"{text}\n" for text in texts).encode())
        self.hub.receive(number, frames, list(fds))

    def server(self, text: str) -> None:
        data = re.sub(r"#(\d+)", r'"x-\1"', text).encode()
        for frame in Framer().feed(data + b"\r\n"):
            self.hub.server(frame)

    def got(self) -> list[str]:
        """What was sent since the last time; errors by their class alone."""
        found, self.out = self.out, []
        return [
            re.sub(r'"error": \{"class": "(\w+)", "desc": "(?:[^"\\]|\\.)*"\}', r"\1", one)
            for one in found
        ]


def test_the_server_is_negotiated_with_once_and_clients_are_greeted_in_its_words() -> None:
    script = Script()
    script.hub.join(1, observes=False)
    script.says(1, NEGOTIATE)
    assert script.got() == []
    script.server(script.greeting)
    enable = '"arguments": {"enable": ["oob"]}'
    assert script.got() == [f'> {{"execute": "qmp_capabilities", {enable}, "id": #1}}']
    script.server('{"return": {}, "id": #1}')
    assert script.got() == [f"1< {script.greeting}", '1< {"return": {}, "id": "n"}']
    script.hub.join(2, observes=False)
    assert script.got() == [f"2< {script.greeting}"]


def test_negotiation_is_answered_as_a_server_does() -> None:
    script = Script("[]")
    script.begin()
    script.hub.join(1, observes=False)
    script.got()
    refused = (
        '{"execute":"query-status","id":1}',
        '{"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":2}',  # it does not offer it
        '{"execute":"qmp_capabilities","arguments":{"enable":1},"id":3}',
        '{"execute":"qmp_capabilities","arguments":{"enabled":[]},"id":4}',
        '{"exec-oob":"qmp_capabilities","id":5}',
        "{]",
    )
    script.says(1, *refused)
    generic = [f'1< {{GenericError, "id": {number}}}' for number in (2, 3, 4, 5)]
    assert script.got() == ['1< {CommandNotFound, "id": 1}', *generic, "1< {GenericError}"]
    script.says(1, NEGOTIATE, NEGOTIATE)  # the second one is the server's business
    assert script.got() == [
        '1< {"return": {}, "id": "n"}',
        '> {"execute": "qmp_capabilities", "id": #2}',
    ]


def test_clients_take_turns_and_get_their_own_ids_back() -> None:
    script = Script()
    script.begin(1, 2, first=URGENT)
    script.says(1, '{"execute":"a","id":7}', '{"execute":"b"}', "junk", '{"execute":"c","id":7}')
    script.says(2, '{"execute":"d","id":7}')
    assert script.got() == ['> {"execute": "a", "id": #2}']
    script.server('{"return": 1, "id": #2}')
    assert script.got() == ['1< {"return": 1, "id": 7}', '> {"execute": "b", "id": #3}']
    script.server('{"return": {}, "id": #3}')
    # What is not a command is answered in its turn, and never sent.
    expected = ['1< {"return": {}}', '> {"execute": "d", "id": #4}', "1< {GenericError}"]
    assert script.got() == expected
    script.server('{"id": #4, "error": {"class": "DeviceNotFound", "desc": ""}}')
    assert script.got() == ['2< {"id": 7, DeviceNotFound}', '> {"execute": "c", "id": #5}']
    # A server that could not read it answers without an id: it is of the one that it has.
    script.server('{"error": {"class": "GenericError", "desc": "JSON parse error"}}')
    assert script.got() == ["1< {GenericError}"]
    assert script.hub.idle(1)


def test_out_of_band_overtakes_for_who_has_enabled_it() -> None:
    script = Script()
    script.begin(1, first=URGENT)
    script.hub.join(2, observes=False)
    script.says(2, NEGOTIATE)
    script.got()
    script.says(1, '{"execute":"a"}', '{"execute":"b"}', '{"exec-oob":"c","id":0}')
    assert script.got() == [
        '> {"exec-oob": "c", "id": #2}',
        '> {"execute": "a", "id": #3}',
    ]
    script.says(2, '{"exec-oob":"c","id":1}')
    script.server('{"return": {}, "id": #2}')
    script.server('{"return": {}, "id": #3}')
    expected = ['2< {GenericError, "id": 1}', '1< {"return": {}, "id": 0}', '1< {"return": {}}']
    assert script.got() == [*expected, '> {"execute": "b", "id": #4}']


def test_a_command_that_takes_long_holds_up_nobody_who_is_answered_here() -> None:
    script = Script()
    script.begin(1)
    script.says(1, '{"execute":"a"}', "junk")
    script.hub.join(2, observes=True)
    script.got()
    script.says(2, NEGOTIATE, "junk", '{"execute":"stop"}', '{"execute":"query-status"}')
    assert script.got() == ['2< {"return": {}, "id": "n"}', *["2< {GenericError}"] * 2]
    script.server('{"return": {}, "id": #2}')
    assert script.got() == [
        '1< {"return": {}}',
        "1< {GenericError}",
        '> {"execute": "query-status", "id": #3}',
    ]


def test_events_go_to_all_who_have_negotiated() -> None:
    script = Script()
    script.begin(1, 2, observers=(2,))
    script.hub.join(3, observes=False)
    script.got()
    event = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'
    script.server(event)
    assert script.got() == [f"1< {event}", f"2< {event}"]


def test_observers_only_ask() -> None:
    script = Script()
    script.begin(1, observers=(1,), first=URGENT)
    script.says(1, *(f'{{"execute":"{one}"}}' for one in ("stop", "human-monitor-command")))
    script.says(1, '{"exec-oob":"migrate-pause","id":1}', '{"execute":"query-status"}')
    script.says(1, '{"exec-oob":"query-yank","id":2}')
    found = script.got()
    assert found.count("1< {GenericError}") == 2
    assert '1< {GenericError, "id": 1}' in found
    assert [one for one in found if one.startswith(">")] == [
        '> {"execute": "query-status", "id": #2}',
        '> {"exec-oob": "query-yank", "id": #3}',
    ]


def test_descriptors_go_with_their_command_and_to_nobody_else() -> None:
    script = Script()
    script.begin(1, 2, 3, observers=(3,))
    script.says(1, '{"execute":"x"}', fds=(5,))
    script.server('{"return": {}, "id": #2}')
    assert script.fds[0] == [5]
    script.got()
    script.says(2, '{"execute":"getfd","id":1}')  # the server has what client 1 has sent
    assert script.got() == ['2< {GenericError, "id": 1}']
    script.fds.clear()
    script.hub.receive(2, Framer().feed(b" "), [6])  # on white space
    script.says(2, '{"execute":"getfd","id":1}')
    assert script.fds == [[6]]
    script.says(3, '{"execute":"getfd"}', fds=(7,))  # it only observes
    script.says(3, "junk", fds=(8,))
    assert script.dropped == [7, 8]
    script.says(1, '{"execute":"y"}', '{"execute":"z"}', fds=(9,))
    script.hub.close()  # before it was their turn
    assert script.dropped == [7, 8, 9]


def test_who_has_gone_costs_the_others_a_turn_and_nothing_else() -> None:
    script = Script()
    script.begin(1, 2, first=URGENT)
    script.says(1, *['{"execute":"a"}'] * 20)
    assert script.hub.stalled(1)
    script.hub.end(1)
    script.says(2, '{"execute":"b"}')
    for number in (2, 3):
        script.server(f'{{"return": {{}}, "id": #{number}}}')
    assert script.got()[-1] == '> {"execute": "b", "id": #4}'
    for number in range(4, 23):
        script.server(f'{{"return": {{}}, "id": #{number}}}')
    assert script.hub.idle(1)
    assert len([one for one in script.got() if one.startswith(">")]) == 18


def test_a_server_that_does_not_negotiate_is_said() -> None:
    for text in ('{"return": {}}', '{"execute": "guest-info"}', "]"):
        script = Script()
        script.server(text)
        assert len(script.failed) == 1
    script = Script()
    script.server(script.greeting)
    script.server('{"error": {"class": "GenericError", "desc": "not today"}, "id": #1}')
    assert script.failed == ["the server does not negotiate as a QMP server does: not today"]


def test_what_nobody_understands_goes_to_all() -> None:
    script = Script()
    script.begin(1, 2)
    script.server('{"something": "else"}')
    assert script.got() == ['1< {"something": "else"}', '2< {"something": "else"}']
    script.server('{"return": {}, "id": "nobody asked"}')
    assert script.got() == []


def test_a_message_keeps_its_bytes() -> None:
    script = Script()
    script.begin(1)
    script.says(1, '{"execute":"a","arguments":{"b": [1.50, 1e3,"\\u00e9"]}}')
    assert script.got() == [
        '> {"execute": "a", "arguments": {"b": [1.50, 1e3,"\\u00e9"]}, "id": #2}'
    ]
    script.server('{"return": {"big": 18446744073709551615,  "x":0.10}, "id": #2}')
    found = script.got()
    assert found == ['1< {"return": {"big": 18446744073709551615,  "x":0.10}}']
    value: Any = json.loads(found[0][3:])
    assert value["return"]["x"] == 0.1
