"""A document of the project's own, and the damage that viewers do to documents.

The server and its commands are invented; forms and flaws are those of the real documents.
"""

from __future__ import annotations

#: Everything that the compiler has to read in ``qmp-commands.txt``, in one small document.
PLAIN = """\
                        Lamp Commands
                        -------------

All that a lamp understands.

-> what you say
<- what it says

1. About this
=============

It may change:

    1. or it may not

2. Commands that change something
=================================

lamp-off
--------

Turn everything off.

Arguments: None.

Example:

-> { "execute": "lamp-off" }
<- { "return": {} }

lamp-on
----------

Turn a lamp on. shade specifies the shade to put on, default is linen.

Arguments:

- lamp: which one (json-string)
- "level": how bright, Defaults to 80
           (json-int, optional)
- "colour": [ red | green | +hue | hue ] (json-string)
- "mode": how it gets there; 'jump' and 'fade' can be had anywhere
          (LampMode, optional, default 'fade')
- "shade": what to put on it (josn-string, optional)
- "warm": no type is said here
- "slow": take your time (json-bool)

Example:

-> { "execute": "lamp-on",
     "arguments": { "lamp": "desk",
                    "colour": "+12", "warm": 1 } }
<- { "return": {} }

Notes:

(1) All boolean arguments default to false

lamp_add
---

Add a lamp.

Arguments:

- "driver": kind of lamp, "led", "tube", ... (json-string)
- "id": its name (device path, json-string, optional)
- lamp properties

Example:

-> { "execute": "lamp_add", "arguments": { "driver": "led", "watts": 3 } }
<- { "return": {} }

lamp-script
-----------

Do several things at once.

Arguments:

steps array:
    - "type": what to do.  The only supported
      value is "dim". (json-string)
    - "data": a dictionary.  What it holds depends on
      "type".  When "type" is "dim":
      - "to": the level (json-int)
      - "in": seconds (json-number, default 1.5)

Example:

-> { "execute": "lamp-script", "arguments": { "steps": [
     { 'type': 'dim', 'data': { "to": 3 } } ] } }
<- { "return": {} }

3. Commands that ask
====================

query-lamps
-----------

Show all lamps.

Each lamp is represented by a json-object. The returned value is a json-array
of all lamps.

Each json-object contain the following:

- "name": its name (json-string)
- "state": how it is (json-string)
         - deprecated, look at the lamp
         - Possible values: "on", "off", "off"
- "plug": only present if it has one, it is a json-object with the
  following members:
         - "volts": what it wants (json-int)
         - "socket": where the plug is in, a json-object containing:
             - "wall": which wall (json-int)
             - "spare-socket": the detail of the spare socket, it is an optional
                        json-object
- "behind": Contains recursively the lamp behind it (json-object, optional)
- "parts" all parts of it, if anybody knows (json-int)
- Current power. The name depends on the kind:
     "watts": led (json-int)
     "lumen" and "amps": tube (json-int)
- "tags": a json-array of free words
- "names": a json-array of name strings

- "age": in hours json-int)

Example:

-> { "execute": "query-lamps" }
<- { "return": [ { "name": "desk", "state": "on", "parts": 3, "watts": 3, "tags": [],
                   "names": [ "a" ], "age": 7,
                   "plug": { "volts": 12, "socket": { "wall": 1 } },
                   "behind": { "name": "wall", ... } },
                 { ... } ] }

query-rooms
-----------

Return a json-object with the following information:

- "rooms": a json-array of json-objects, each json-object represents a room
- "mood": one of the following values (json-string)
    "calm" - nothing happens
    "party" - something does, and
    will go on
- "view": a json-array of all windows

The room json-object contains the following:

- "name": what it is called (json-string)
- "walls": its walls, a json-array of walls (optional)

Windows are described by a json-object, each one contain the following:

- "pane": number of panes (json-int)

The wall json-object can be a stone wall or a wooden wall, a stone wall
json-object contains the following:

- "type": "stone" (json-string, fixed)
- "thick": centimetres (json-int)

A wooden wall json-object contains the following:

- "type": "wood" (json-string, fixed)
- "tree": what it was (json-string)

Example:

-> { "execute": "query-rooms" }
<- { "return": { "mood": "calm", "view": [ { "pane": 2 } ],
     "rooms": [ { "name": "hall", "walls": [
         { "type": "stone", "thick": 40 }, { "type": "wood", "tree": "oak" } ] } ] } }

Show the fuse box
-----------------

Arguments:

- "phase": (optional) one of three

Example:

-> { "execute": "query-fuses", "arguments": { "phase": 1 } }
<- { "return": [ 1 ] }

query-kinds
-----------

Return a list of LampKind objects, all that there are.

Example:

-> { "execute": "query-kinds" }
<- { "return": [] }
"""

#: The table that goes with some of `PLAIN`'s sections in the ``.hx`` form.
TABLE = {
    "lamp-off": "",
    "lamp-on": "lamp:s,level:i?,colour:s,mode:s?,shade:s?,warm:o,slow:-s",
    "lamp_add": "lamp:O",
    "lamp-script": "steps:O",
    "query-lamps": "",
}


def collapsed(text: str) -> str:
    """The text with all white space collapsed to single spaces."""
    return " ".join(text.split())


def dedented(text: str) -> str:
    """The text without any indentation."""
    return "\n".join(line.strip() for line in text.split("\n"))


def barred(text: str) -> str:
    """The text as a viewer shows it that puts bars around lines and loses indentation."""
    return "\n".join(f"| {line.strip()} |" if line.strip() else "| |" for line in text.split("\n"))


def blamed(text: str) -> str:
    """The text in the columns of a blame view: date (and now and then a pop-up), bars, line."""
    rows = []
    for number, line in enumerate(text.split("\n")):
        if number % 7 == 0:
            rows.append("2011-02-03 04:05:06 +04:00")
        if number % 31 == 30:
            rows += ["Add a thing", '{ "execute": "lamp-off" }', "Signed-off-by: Nobody <n@x>"]
            rows.append("2012-02-03 04:05:06 +04:00")
        rows += ["|", "|", "|", line.strip(), "|"] if line.strip() else ["|"] * 4
    return "\n".join(rows)


def hx(text: str = PLAIN, table: dict[str, str] | None = None) -> str:
    """The text as a ``.hx`` file: each section between SQMP and EQMP, its table entry before."""
    out, lines = ["HXCOMM made for a test", "SQMP"], text.split("\n")
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        entry = (TABLE if table is None else table).get(line)
        if below.startswith("---") and entry is not None:
            out += ["EQMP", "", "    {", f'        .name       = "{line}",']
            out += [f'        .args_type  = "{entry}",', '        .params     = "",', "    },", ""]
            out.append("SQMP")
        out.append(line)
    return "\n".join([*out, "EQMP"])
