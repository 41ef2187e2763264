"""The file of ``qmpconf record --config``: which monitors of a host are recorded, and how (TOML)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from qmpconf.errors import InputError
from qmpconf.files import read_text
from qmpconf.protocol.dialect import DIALECTS
from qmpconf.record.plan import Monitor, Plan, Share, shared
from qmpconf.toml import parse_toml
from qmpconf.trace.rotation import Rotation

#: What a table may say, and of which type.
_WORDS: Mapping[str, type] = {
    "output": str,
    "directory": str,
    "listen": str,
    "match": str,
    "compress": str,
    "max-size": str,
    "max-age": str,
    "keep": int,
    "on-write-error": str,
    "redact": bool,
    "protocol": str,
    "share": bool,
    "observe": str,
    "writers": str,
    "monitor": list,
}
_MONITOR: Mapping[str, type] = {
    "name": str,
    "server": str,
    "listen": str,
    "server-dials": bool,
    "protocol": str,
    "share": bool,
    "observe": str,
    "writers": str,
}
_NAMES = {str: "a string", int: "a number", bool: "true or false", list: "a list of tables"}
_CHOICES = {
    "compress": ("none", "gz", "zst"),
    "on-write-error": ("stop", "passthrough"),
    "protocol": tuple(DIALECTS),
    "writers": ("first", "all"),
}


def read_plan(
    path: str, size: Callable[[str], int], age: Callable[[str], int], secrets: tuple[str, ...] = ()
) -> Plan:
    """The plan in the file at `path`; names of files in it are taken from the file's folder.

    `size` and `age` read ``64M`` and ``1d``, and raise ValueError.  Raises InputError, which names what
    is wrong, and UsageError for a rotation that makes no sense.
    """
    table = parse_toml(read_text(path), path, "a configuration of record")
    _judge(table, _WORDS, path)
    if "output" not in table:
        raise InputError(f"{path}: say in which folder the recordings are to be: output = FOLDER")
    base = os.path.dirname(path)

    def at(name: str) -> str:
        return os.path.join(base, table[name]) if table.get(name) else ""

    def measured(name: str, read: Callable[[str], int]) -> int:
        try:
            return read(table[name]) if name in table else 0
        except ValueError as error:
            raise InputError(f"{path}: {name}: {error}") from None

    share = _share(table, None, at("observe"), path)
    turns = measured("max-size", size), measured("max-age", age), table.get("keep", 0)
    return Plan(
        at("output"),
        tuple(_monitor(one, path, share) for one in table.get("monitor", ())),
        at("directory"),
        at("listen"),
        table.get("match", "*"),
        table.get("compress", "gz").replace("none", ""),
        Rotation(*turns) if any(turns) else None,
        table.get("on-write-error") == "passthrough",
        table.get("redact", True),
        secrets,
        table.get("protocol", ""),
        share,
    )


def _share(
    table: Mapping[str, Any], otherwise: Share | None, observe: str, where: str
) -> Share | None:
    """How the clients of a table's monitors share them: as it says, or else as `otherwise`."""
    is_shared = table.get("share", otherwise is not None)
    if not is_shared:
        for name in ("observe", "writers"):
            if name in table:
                raise InputError(f"{where}: {name} says how a monitor is shared: add share = true")
        return None
    all_write = otherwise.all_write if otherwise is not None else False
    if "writers" in table:
        all_write = table["writers"] == "all"
    return Share(observe, all_write=all_write)


def _monitor(table: Any, path: str, share: Share | None) -> Monitor:
    if not isinstance(table, dict):
        raise InputError(f"{path}: monitor is a list of tables: write [[monitor]] above each")
    _judge(table, _MONITOR, f"{path}: monitor {table.get('name', '')!r}")
    for name in ("name", "server", "listen"):
        if name not in table:
            raise InputError(f"{path}: monitor {table.get('name', '')!r} has no {name}")
    above = shared(share, table["name"])
    observe = table.get("observe", above.observe if above is not None else "")
    return Monitor(
        table["name"],
        table["server"],
        table["listen"],
        table.get("server-dials", False),
        table.get("protocol", ""),
        _share(table, share, observe, f"{path}: monitor {table['name']!r}"),
    )


def _judge(table: Mapping[str, Any], words: Mapping[str, type], where: str) -> None:
    """Raise InputError for what nobody reads, or has another type."""
    for name, value in table.items():
        wanted = words.get(name)
        if wanted is None:
            known = ", ".join(words)
            raise InputError(f"{where}: nothing is called {name!r} here; there are {known}")
        if type(value) is not wanted:
            raise InputError(f"{where}: {name} must be {_NAMES[wanted]}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise InputError(f"{where}: {name} must be one of {', '.join(_CHOICES[name])}")
