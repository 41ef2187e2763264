"""Lines in which another program has wrapped those of libvirt: one JSON object a line.

KubeVirt's virt-launcher takes libvirt's lines apart (``timestamp``, ``thread``, ``pos``, ``msg``),
and writes what goes on as a line of its own.  systemd's journal has the text in ``MESSAGE``, as an
array of bytes where it holds a line end, and the function in ``CODE_FUNC``.
"""

from __future__ import annotations

from datetime import datetime

from qmpconf.trace.convert.logs.messages import members, scalars, text_of, text_of_bytes
from qmpconf.trace.convert.logs.objects import objects
from qmpconf.trace.convert.logs.times import Times

_TEXTS = ("msg", "message", "MESSAGE", "log", "text", "line")


def unwrapped(text: bytes, times: Times) -> tuple[list[bytes], datetime | None, str] | None:
    """The lines of libvirt's that a line holds, their time and thread; None if it holds none.

    A line of text has its function before it, as libvirt writes it.
    """
    for one in objects(text):
        if one.state != "whole":
            continue
        parts = members(one.text)
        name = next((name for name in _TEXTS if name in parts), "")
        value = parts.get(name, b"")
        inner = text_of_bytes(value) if value.startswith(b"[") else text_of(value).encode()
        known = scalars(parts)
        if not inner or ("subcomponent" in known and known["subcomponent"] != "libvirt"):
            return None
        function = known.get("pos") or ":".join(
            known[name] for name in ("CODE_FUNC", "CODE_LINE") if name in known
        )
        if function:
            inner = function.encode() + b" : " + inner
        lines = inner.splitlines(keepends=True)
        return lines, times.of_members(known), known.get("thread", "")
    return None
