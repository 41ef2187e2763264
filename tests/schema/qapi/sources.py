"""Small schemas of our own, in files that are only there by name."""

from __future__ import annotations

from qmpconf.errors import InputError
from qmpconf.schema.model import Catalog
from qmpconf.schema.qapi.compiler import Compiled, compile_qapi

MAIN = "qapi/lamps.json"
TODAY = "10.0.0"

#: A schema with every meta-type, as a release of today takes it.
LAMPS = """\
# Lamps, in every colour
{ 'pragma': { 'doc-required': true } }

{ 'include': 'colours.json' }

##
# = Lamps
##

##
# @LampBase:
#
# What all lamps have.
#
# @colour: its colour (default: white)
#
# @id: its name, and the only
#     thing to call it by  (Since 1.2)
##
{ 'struct': 'LampBase',
  'data': { 'colour': 'Colour', '*id': 'str' } }

##
# @LampBright:
#
# @level: how bright it is
#
# Features:
#
# @unstable: Member @level may go.
##
{ 'struct': 'LampBright', 'data': { 'level': { 'type': 'uint8', 'features': [ 'unstable' ] } } ,
  'if': 'CONFIG_BRIGHT' }

##
# @Lamp:
#
# Features:
#
# @dimmed: it can be dimmed
##
{ 'union': 'Lamp', 'base': 'LampBase', 'discriminator': 'colour',
  'data': { 'white': { 'type': 'LampBright', 'if': 'CONFIG_BRIGHT' } },
  'features': [ { 'name': 'dimmed', 'if': { 'not': 'CONFIG_PLAIN' } } ] }

##
# @LampRef:
#
# @whole: the lamp itself
#
# @name: what it is called
#
# @none: no lamp
##
{ 'alternate': 'LampRef', 'data': { 'whole': 'Lamp', 'name': 'str', 'none': 'null' } }

##
# @lamp-add:
#
# Add a lamp.
#
# Returns: all lamps
#
# Errors:
#     - If there are too many, GenericError
#
# Features:
#
# @deprecated: Use lamp-set instead.
#
# Since: 2.4
#
# .. qmp-example::
#
#     -> { "execute": "lamp-add",
#          "arguments": { "colour": "white" } }
#     <- { "return": [] }
##
{ 'command': 'lamp-add', 'data': 'Lamp', 'boxed': true, 'returns': [ 'LampBase' ],
  'allow-oob': true, 'allow-preconfig': true, 'features': [ 'deprecated' ] }

##
# @lamp-set:
#
# @lamp: which
#
# @names: further names
##
{ 'command': 'lamp-set', 'data': { 'lamp': 'LampRef', '*names': [ 'str' ] }, 'gen': false,
  'success-response': false, 'coroutine': true }

##
# @LAMP_OUT:
#
# @left: seconds
##
{ 'event': 'LAMP_OUT', 'data': { 'left': 'int' },
  'if': { 'any': [ 'CONFIG_BRIGHT', { 'all': [ 'HAVE_DARK', 'HAVE_CAT' ] } ] } }
"""

COLOURS = """\
##
# @Colour:
#
# @white: all of them
#
# @2nd: another one
##
{ 'enum': 'Colour', 'prefix': 'LAMP_COLOUR',
  'data': [ 'white', { 'name': '2nd', 'if': 'CONFIG_SECOND' } ] }
"""

GOOD = {MAIN: LAMPS, "qapi/colours.json": COLOURS}


def reading(files: dict[str, str] | str, release: str = TODAY) -> Compiled:
    """The schema in `files`, of which `MAIN` (or the only one) is the main one."""
    texts = {MAIN: files} if isinstance(files, str) else files

    def read(name: str) -> str:
        if name not in texts:
            raise InputError(f"cannot read {name}: it is not there")
        return texts[name]

    return compile_qapi(MAIN, read, release=release)


def compiled(files: dict[str, str] | str, release: str = TODAY) -> Catalog:
    """The catalog of the schema in `files`."""
    return reading(files, release).catalog
