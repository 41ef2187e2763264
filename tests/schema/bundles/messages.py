"""Messages out of a catalog, right ones and wrong ones, and what `qmpconf check` says of each.

The same seed gives the same messages.  They are made as text, so that all who judge them read the
same bytes: a member twice, ``1.0`` and integers of any length included.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmpconf.check.basis import Basis
from qmpconf.check.checking import findings
from qmpconf.protocol.values import Float, has_duplicates, loads, parts
from qmpconf.schema import bundle
from qmpconf.schema.model import Catalog
from qmpconf.trace.reader import TraceReader
from tests.schema import samples

#: Of these, more than a schema decides is judged: what a session has negotiated, what a server
#: says about itself.
_LEFT_OUT = frozenset({"qmp_capabilities", "query-qmp-schema"})
#: Findings that are not about the schema: what is deprecated, values that schemas leave open, rules of the
#: protocol about how events come and what versions look like; and notes about what a document contradicts
#: itself, or only lets conclude.
_BESIDE = (
    "compat.",
    "schema.property-type",
    "schema.built-in",
    "schema.document",
    "event.no-empty-data",
    "event.rate-limit",
    "greeting.shape",
)

_GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 9}, "package": ""}}}
_STAMP = {"seconds": 0, "microseconds": 0}
#: Beyond this, what JavaScript reads is not the integer that stands there.
_EXACT = 2**53
_ESCAPE = re.compile(r"\\u[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Message:
    """One payload: what it belongs to, its name in the bundle's ``$defs``, and its JSON text."""

    kind: str
    name: str
    definition: str
    text: str

    @property
    def wordless(self) -> str:
        """What in it JSON Schema has no words for, or not every reader of JSON keeps; else nothing."""
        value = loads(self.text.encode())
        if has_duplicates(value):
            return "a member stands twice"
        if any(isinstance(one, Float) and one.is_integer() for one in parts(value)):
            return "1.0 is not an integer"
        if any(type(one) is int and abs(one) > _EXACT for one in parts(value)):
            return "integers beyond 2^53"
        return ""


def messages(catalog: Catalog, number: int, seed: int = 15) -> Iterator[Message]:
    """`number` messages in turn over all payloads: the first half are right, most others are not."""
    dice = random.Random(f"{seed} {catalog.name}")
    places = list(_payloads(catalog))
    dice.shuffle(places)
    for count in range(number):
        kind, name, definition, key = places[count % len(places)]
        value = samples.instance(catalog, key, dice) if key else {}
        for _ in range(0 if count < number // 2 else dice.choice((1, 1, 2))):
            value = samples.mutate(value, dice)
        twice = count >= number // 2 and dice.random() < 0.03
        yield Message(kind, name, definition, _written(value, dice if twice else None))


def _payloads(catalog: Catalog) -> Iterator[tuple[str, str, str, str]]:
    for name, command in catalog.commands.items():
        if name not in _LEFT_OUT:
            yield "arguments", name, bundle.arguments_of(name), command.arguments
            yield "return", name, bundle.return_of(name), command.returns
    for name, event in catalog.events.items():
        yield "data", name, bundle.data_of(name), event.data


def _written(value: Any, dice: random.Random | None = None) -> str:
    """JSON text; with dice, a member of an object stands twice where there is one."""
    text = _dumps(value)
    members = [part for part in parts(value) if isinstance(part, dict) and part]
    if dice is None or not members:
        return text
    chosen = dice.choice(members)
    name = dice.choice(list(chosen))
    whole = _dumps(chosen)
    return text.replace(whole, f"{whole[:-1]}, {_dumps(name)}: {_dumps(chosen[name])}}}", 1)


def _dumps(value: Any) -> str:
    """JSON as QEMU escapes it, but with numbers as they are written."""
    return _ESCAPE.sub(lambda found: found[0].upper().replace("U", "u"), json.dumps(value))


def judged_by_check(catalog: Catalog, some: list[Message], folder: Path) -> list[bool]:
    """Whether `qmpconf check` has nothing against each message, said to or by a server of that catalog."""
    path = folder / f"{catalog.name}.qmptrace"
    lines = _Trace(catalog, path).write(some)
    basis = Basis(catalog, very_build=True)
    wrong = {
        found.line
        for found in findings(TraceReader(str(path)), lambda *_: basis)
        if not found.requirement.startswith(_BESIDE)
    }
    return [line not in wrong for line in lines]


class _Trace:
    """A trace in which a client and a server say the messages, one session for each kind."""

    def __init__(self, catalog: Catalog, path: Path) -> None:
        self._catalog = catalog
        self._path = path
        self._lines = ['{"qmptrace":1,"started":"2026-11-20T05:17:00.000000Z","meta":{}}']
        self._dice = random.Random(1)

    def write(self, some: list[Message]) -> list[int]:
        """Write it; gives the line in which each message stands."""
        for conn in (1, 2, 3):
            self._add({"conn": conn, "open": {"client": "unix:a", "server": "unix:b"}})
            self._say(conn, "server", json.dumps(_GREETING | {"QMP": _greeted()}))
            self._say(conn, "client", '{"execute": "qmp_capabilities", "id": "q"}')
            self._say(conn, "server", '{"return": {}, "id": "q"}')
        places: dict[int, int] = {}
        # What a server returns may list what a later call has to keep to, so that comes last.
        for last in (False, True):
            places |= {
                number: self._message(number, one)
                for number, one in enumerate(some)
                if (one.kind == "return") == last
            }
        self._path.write_text("\n".join(self._lines) + "\n")
        return [places[number] for number in range(len(some))]

    def _message(self, number: int, one: Message) -> int:
        if one.kind == "data":
            stamp = json.dumps(_STAMP)
            text = f'{{"event": "{one.name}", "data": {one.text}, "timestamp": {stamp}}}'
            return self._say(3, "server", text)
        if one.kind == "arguments":
            text = f'{{"execute": "{one.name}", "arguments": {one.text}, "id": {number}}}'
            place = self._say(1, "client", text)
            error = '{"class": "GenericError", "desc": "not now"}'
            self._say(1, "server", f'{{"error": {error}, "id": {number}}}')
            return place
        key = self._catalog.commands[one.name].arguments
        value = samples.instance(self._catalog, key, self._dice) if key else {}
        text = f'{{"execute": "{one.name}", "arguments": {json.dumps(value)}, "id": {number}}}'
        self._say(2, "client", text)
        return self._say(2, "server", f'{{"return": {one.text}, "id": {number}}}')

    def _say(self, conn: int, sender: str, message: str) -> int:
        return self._add({"conn": conn, "from": sender}, message)

    def _add(self, record: dict[str, Any], message: str = "") -> int:
        text = json.dumps({"t": 1.0, **record})
        self._lines.append(f'{text[:-1]}, "msg": {message}}}' if message else text)
        return len(self._lines)


def _greeted() -> dict[str, Any]:
    return {**_GREETING["QMP"], "capabilities": []}
