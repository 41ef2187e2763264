"""Writes trace logs as QEMU writes them; knows nothing of the reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Stamp = Literal["", "thread", "iso"]

BEGIN = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value)


def pretty(value: Any, depth: int = 0) -> str:
    """JSON on several lines: QEMU breaks the line in empty objects, too."""
    inner, outer = "\n" + "    " * (depth + 1), "\n" + "    " * depth
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {pretty(one, depth + 1)}" for name, one in value.items()]
        return "{" + ",".join(inner + one for one in parts) + outer + "}"
    if isinstance(value, list):
        return "[" + ",".join(inner + pretty(one, depth + 1) for one in value) + outer + "]"
    return json.dumps(value)


@dataclass(frozen=True)
class Event:
    """A message on a monitor: `name` is the monitor's address, `ms` when it was."""

    name: str
    side: Literal["client", "server"]
    value: Any
    is_pretty: bool = False
    ms: int = 0

    @property
    def wire(self) -> bytes:
        """The message as it is on the wire, as far as the log tells."""
        is_pretty = self.is_pretty and self.side == "server"
        text = pretty(self.value) if is_pretty else compact(self.value)
        return text.replace("\n", "\r\n").encode()

    def lines(self, stamp: Stamp) -> list[str]:
        """The event's lines."""
        when = BEGIN + timedelta(milliseconds=self.ms)
        before = {
            "": "",
            "thread": f"4711@{int(when.timestamp())}.{when.microsecond:06}:",
            "iso": f"{when:%Y-%m-%dT%H:%M:%S.%f}Z ",
        }[stamp]
        event = (
            f"handle_qmp_command mon {self.name} req: "
            if self.side == "client"
            else f"monitor_qmp_respond mon {self.name} resp: "
        )
        return (before + event + self.wire.decode().replace("\r\n", "\n")).split("\n")
