"""qmp-events.txt: what a server of 0.13 to 2.8 emits, and its commands in another document."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.errors import InputError
from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.model import Enum, Object
from qmpconf.schema.sources import compile_files
from tests.schema.documents import samples

EVENTS = """\
                   QEMU Monitor Protocol Events
                   ============================

LAMP_BROKEN
-----------

Emitted when a lamp breaks.

Data:

- "lamp": which one (json-string)
- "reason": how it broke, it's one of the following (json-string):
    "heat": it was too hot
    "fall": it fell
- "age": hours of light (json-int, optional)
         More lines of text, with a "word" in them.

Example:

{ "event": "LAMP_BROKEN",
    "data": { "lamp": "desk",
              "reason": "heat" },
    "timestamp": { "seconds": 1265044230, "microseconds": 450486 } }

Note: A lamp can break twice.

DARK
----

Emitted when all is dark.

Data: None.

Example:

{ "event": "DARK",
    "timestamp": { "seconds": 1267041653, "microseconds": 9518 } }

ROOM_ENTERED
------------

Data:

- "visitor": who it is (json-object)
  - "name": the name (json-string)
  - "hat": its colour (json-string, optional)
- "door": number of the door

{ "timestamp": {"seconds": 1290688046, "microseconds": 388707},
  "event": "ROOM_ENTERED",
  "data": {
    "visitor": { "name": "Ann" },
    "door": 3
}}

OST
---

 - data: LampInfo type as described in qapi-schema.json

{ "event": "OST",
     "data": { "device": "d1" } }
"""


def test_each_section_is_an_event_with_its_data() -> None:
    found = compile_document(EVENTS)
    catalog = found.catalog
    assert list(catalog.events) == ["LAMP_BROKEN", "DARK", "ROOM_ENTERED", "OST"]
    assert catalog.source.form == "qmp-events.txt"
    assert catalog.source.partial
    broken = catalog.types[catalog.events["LAMP_BROKEN"].data]
    assert isinstance(broken, Object)
    assert [(one.name, one.type == "str", one.optional) for one in broken.members] == [
        ("lamp", True, False), ("reason", False, False), ("age", False, True)
    ]  # fmt: skip
    reason = catalog.types[broken.members[1].type]
    assert isinstance(reason, Enum)
    assert [one.name for one in reason.values] == ["heat", "fall"]
    assert catalog.events["DARK"].data == ""
    entered = catalog.types["ROOM_ENTERED.data"]
    assert isinstance(entered, Object)
    visitor = catalog.types[entered.members[0].type]
    assert isinstance(visitor, Object)
    assert [(one.name, one.optional) for one in visitor.members] == [("name", False), ("hat", True)]
    assert [one.became.split()[0] for one in found.headings] == ["prose"] + 4 * ["event"]
    assert [one.subject for one in found.examples] == list(catalog.events)
    assert not found.findings


def test_it_is_merged_with_the_commands_of_its_release(tmp_path: Path) -> None:
    events, commands = tmp_path / "qmp-events.txt", tmp_path / "qmp-commands.txt"
    events.write_text(EVENTS)
    commands.write_text(f"qemu-common-1.6.2-10.fc20\n\n{samples.PLAIN}")
    alone = compile_files([commands]).catalog
    found = compile_files([commands, events])
    assert found.catalog.commands == alone.commands
    assert len(found.catalog.events) == 4
    assert found.catalog.name.startswith("qemu-1.6.2-doc-")  # qemu-1.6.2-doc comes with qmpconf
    assert found.catalog.source.title.endswith(" and qmp-events.txt")
    assert compile_files([events, commands]).catalog.types == found.catalog.types
    events.write_text(f"qemu-common-1.5.0-1\n\n{EVENTS}")
    with pytest.raises(InputError, match="not of one release"):
        compile_files([commands, events])
    given = compile_files([commands, events], release="1.6.0", name="mine").catalog
    assert (given.name, given.source.version) == ("mine", "1.6.0")
    twice = compile_files([events, events])
    assert {one.requirement for one in twice.findings} == {"document.entry.twice"}
    assert {one.path for one in twice.findings} == {str(events)}
