"""What a server takes for a property of some type, as a table: the conversions of each release.

QEMU sets properties in one of two ways, and which one a command goes depends on the release
(`way_of`):

- *typed*: the JSON value must have the type of the property;
- *as text*: the value is made a text, as on the command line, and the property reads it from that.
  So ``"5"`` and ``5``, ``"on"`` and ``true`` are the same; ``null``, lists and objects are ignored.

``qom-set`` and ``object-add`` are typed ever since.  ``device_add`` went as text until 9.1; that it
took values of the wrong type was deprecated in 6.2 (docs/about/deprecated) and refused from 9.2 on
(docs/about/removed-features: incorrectly typed ``device_add`` arguments).

Properties name their types freely.  `_SHAPES` has the names whose meaning is known; others are not
judged.  All of this was held against real builds of 5.2, 7.2, 10.0 and 11.1
(`tests/real/test_properties.py`), which also showed that a PCI device's ``addr`` takes a string as
well as an integer, whichever of them its type is called.

Pure: values in, problems out; knows no command and no catalog.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from qmpconf.protocol.values import Long
from qmpconf.schema.problems import Kind

if TYPE_CHECKING:
    from qmpconf.schema.select import Version

#: What a property takes in JSON.
Form = Literal["boolean", "integer", "string", "array", "object"]

#: How a command sets properties: typed; as text, with the rest deprecated; as text; it is not known
#: which.
Way = Literal["typed", "deprecated", "text", "unknown"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What values of a type are: a form in JSON, inclusive bounds of integers, a list of values.

    `or_integer` says that a string may also be an integer in these bounds.
    """

    form: Form
    low: int = 0
    high: int = 0
    values: tuple[str, ...] = ()
    or_integer: bool = False

    @property
    def words(self) -> str:
        """For people: "integer"."""
        return "string or integer" if self.or_integer else self.form


_LOW, _HIGH = -(2**63), 2**64 - 1

_STRING = Shape("string")
_ARRAY = Shape("array")
_OBJECT = Shape("object")

#: The names that types of properties have, and what they mean.  Where a name is used for integers of
#: several sizes (``int``), the widest bounds.  A negative number is taken for a large one.
_SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "bool": Shape("boolean"),
        "int": Shape("integer", _LOW, _HIGH),
        **{f"int{size}": Shape("integer", -(2 ** (size - 1)), 2 ** (size - 1) - 1)
           for size in (8, 16, 32, 64)},
        **{f"uint{size}": Shape("integer", 0, 2**size - 1) for size in (8, 16, 32)},
        "uint64": Shape("integer", _LOW, _HIGH),
        "size": Shape("integer", _LOW, _HIGH),
        "str": _STRING,
        "string": _STRING,
        "OnOffAuto": Shape("string", values=("on", "off", "auto")),
        "OnOffSplit": _STRING,
        "BiosAtaTranslation": _STRING,
        "BlockdevOnError": _STRING,
        "DisplayGLMode": _STRING,
        "FdcDriveType": _STRING,
        "FloppyDriveType": _STRING,
        "GranuleMode": _STRING,
        "HostMemPolicy": _STRING,
        "LostTickPolicy": _STRING,
        "MigMode": _STRING,
        "MonitorQMPCloseAction": _STRING,
        "MultiFDCompression": _STRING,
        "NetFilterDirection": _STRING,
        "OffAutoPCIBAR": _STRING,
        "PCIELinkSpeed": _STRING,
        "PCIELinkWidth": _STRING,
        "QAuthZListPolicy": _STRING,
        "QCryptoSecretFormat": _STRING,
        "QCryptoTLSCredsEndpoint": _STRING,
        "QemuUUID": _STRING,
        "GrabToggleKeys": _STRING,
        "SpdmTransportType": _STRING,
        "ZeroPageDetection": _STRING,
        "list": _ARRAY,
        "IOThreadVirtQueueMappingList": _ARRAY,
        "VirtIOGPUOutputList": _ARRAY,
        "SocketAddress": _OBJECT,
        "ThrottleLimits": _OBJECT,
    }
)  # fmt: skip

#: A PCI device's address: "05.0" or "5" (slot, and perhaps function), or the number of both.
_ADDRESS = Shape("string", -1, 255, or_integer=True)


def shape_of(name: str, type_name: str) -> Shape | None:
    """What the property `name`, of the type `type_name`, takes; None where that is not known."""
    if name == "addr" and type_name in ("int32", "str"):
        return _ADDRESS
    if type_name.startswith("link<"):
        return _STRING
    return _SHAPES.get(type_name)


# ── values as JSON ───────────────────────────────────────────────────────────────────────────


def misfit(shape: Shape, value: Any) -> tuple[Kind, str] | None:
    """Why a JSON value is not of that shape: which kind of problem, and what it is not."""
    if shape.or_integer and _is_integer(value):
        return _out_of_range(shape, value)
    if not _FORMS[shape.form](value):
        return "type", f"is not {_ARTICLES[shape.form]}"
    if shape.form == "integer":
        return _out_of_range(shape, value)
    if shape.values and value not in shape.values:
        return "value", f"is not one of {', '.join(shape.values)}"
    return None


def _out_of_range(shape: Shape, value: int) -> tuple[Kind, str] | None:
    if shape.low <= value <= shape.high:
        return None
    return "range", f"is not from {shape.low} to {shape.high}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FORMS: Mapping[Form, Any] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_ARTICLES: Mapping[Form, str] = {
    "boolean": "a boolean",
    "integer": "an integer",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


# ── values as text ───────────────────────────────────────────────────────────────────────────

_BOOLEANS = frozenset({"on", "off", "yes", "no", "true", "false", "y", "n"})
_INTEGER = re.compile(r"\s*[+-]?(0x[0-9a-f]+|[0-9]+)", re.IGNORECASE)
#: What begins like this may be a number of bytes with a unit.
_PERHAPS_SIZE = re.compile(r"\s*[+-]?[0-9.]")
#: A number of bytes: with a unit it may have a fraction, of which the server wants whole bytes.
_SIZE = re.compile(
    r"\s*\+?(?:0x[0-9a-f]+|[0-9]+(?:\.0*)?|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[bkmgtpe])",
    re.IGNORECASE,
)


def as_text(value: Any) -> str | None:
    """What a value is as text; None: it is ignored."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    if isinstance(value, Long):
        return "1e400"  # QEMU reads it as a number that is not an integer
    if isinstance(value, int | float):
        return format(value, ".17g" if isinstance(value, float) else "d")
    return None


def text_misfit(shape: Shape, type_name: str, text: str) -> str:
    """Why a text is surely not taken: what it is not; empty where it is, or may be."""
    if shape.form == "boolean":
        return "" if text.lower() in _BOOLEANS else "is neither on nor off"
    if shape.form == "integer":
        whole = _INTEGER.fullmatch(text)
        if type_name == "size":
            return "" if _SIZE.fullmatch(text) else "is not a size"
        if type_name == "int":  # of any kind, a number of bytes perhaps
            return "" if whole or _PERHAPS_SIZE.match(text) else "is not a number"
        if whole is None:
            return "is not an integer"
        number = _number(text)
        if not min(shape.low, 0) <= number <= shape.high:
            return f"is not from {shape.low} to {shape.high}"
    elif shape.values and text not in shape.values:
        return f"is not one of {', '.join(shape.values)}"
    return ""


def _number(text: str) -> int:
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    if digits.startswith("0x"):
        return sign * int(digits, 16)
    octal = len(digits) > 1 and digits.startswith("0") and set(digits) <= set("01234567")
    return sign * int(digits, 8 if octal else 10)


def looks_typed(value: Any) -> Form | None:
    """What a string looks like that was perhaps meant to be a boolean or an integer."""
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdigit():
        return "integer"
    return "boolean" if value in ("on", "off", "true", "false") else None


# ── releases ─────────────────────────────────────────────────────────────────────────────────

#: From which release on (major, minor) ``device_add`` goes which way, and who says so.
DEVICE_ADD: tuple[tuple[tuple[int, int], Way, str], ...] = (
    ((0, 0), "text", ""),
    ((6, 2), "deprecated", "QEMU 6.2, docs/about/deprecated"),
    ((9, 2), "typed", "QEMU 9.2, docs/about/removed-features"),
)


def way_of(command: str, version: Version | None) -> tuple[Way, str]:
    """How `command` of a server of that version sets properties, and who says so."""
    if command != "device_add":
        return "typed", ""
    if version is None:
        return "unknown", DEVICE_ADD[1][2]
    found: tuple[Way, str] = ("text", "")
    for since, way, source in DEVICE_ADD:
        if (version.major, version.minor) >= since:
            found = way, source
    return found
