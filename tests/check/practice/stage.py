"""Sessions written by hand with times of their own, and what practice says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qmpconf.check.checking import check, wire_only
from qmpconf.check.practice import Practice
from qmpconf.findings import Finding
from qmpconf.trace.reader import TraceReader

#: Line of the first message behind the opening: a header, the session's beginning, three messages.
FIRST = 6

STAMP = {"seconds": 1, "microseconds": 2}


class Stage:
    """A trace that grows: each message comes `step` seconds after the one before it."""

    def __init__(self, step: float = 0.01, conn: int = 1) -> None:
        self.t = 0.0
        self._step = step
        self._conn = conn
        self._number = 0
        self._lines: list[str] = []
        self._record(open={"client": "unix:a", "server": "unix:b"})
        version = {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}
        self.says({"QMP": {"version": version, "capabilities": []}})
        self.does("qmp_capabilities")

    def _record(self, **members: Any) -> int:
        self.t = round(self.t + self._step, 6)
        self._lines.append(json.dumps({"t": self.t, "conn": self._conn, **members}))
        return len(self._lines) + 1

    def wait(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self.t += seconds

    def sends(self, name: str, /, **arguments: Any) -> int:
        """A command; gives its line."""
        self._number += 1
        given = {key.replace("__", "-"): value for key, value in arguments.items()}
        more = {"arguments": given} if given else {}
        command = {"execute": name, **more, "id": self._number}
        return self._record(**{"from": "client", "msg": command})

    def says(self, message: dict[str, Any]) -> int:
        """Anything of the server; gives its line."""
        return self._record(**{"from": "server", "msg": message})

    def returns(self, result: Any = None, of: int = 0) -> int:
        """The success of the latest command, or of that number."""
        return self.says({"return": {} if result is None else result, "id": of or self._number})

    def fails(self, desc: str, kind: str = "GenericError") -> int:
        """The error of the latest command."""
        return self.says({"error": {"class": kind, "desc": desc}, "id": self._number})

    def does(self, name: str, /, **arguments: Any) -> int:
        """A command that succeeds with nothing; gives its line."""
        line = self.sends(name, **arguments)
        self.returns()
        return line

    def refused(self, desc: str, name: str, /, **arguments: Any) -> int:
        """A command that is refused; gives its line."""
        line = self.sends(name, **arguments)
        self.fails(desc)
        return line

    def event(self, name: str, /, **data: Any) -> int:
        """An event; gives its line."""
        members = {key.replace("__", "-"): value for key, value in data.items()}
        return self.says({"event": name, "data": members, "timestamp": STAMP})

    def gap(self, sender: str = "server") -> int:
        """Bytes are missing."""
        return self._record(**{"from": sender, "gap": 100})

    def close(self, who: str = "client") -> None:
        """The session ends."""
        self._record(close=who)

    def write(self, path: Path, *others: Stage, timed: bool = True) -> Path:
        """The trace, with further sessions behind this one; without times if it is not `timed`."""
        head = {
            "qmptrace": 1,
            "started": "2026-11-20T05:17:00.000000Z",
            "recorder": "by hand",
            "meta": {},
        }
        lines = [json.dumps(head), *self._lines, *(line for one in others for line in one._lines)]
        if not timed:
            lines = [json.dumps({**json.loads(one), "t": 0.0}) for one in lines[1:]]
            lines.insert(0, json.dumps(head))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def found(path: Path, practice: Practice | None = None) -> list[Finding]:
    """All findings of a trace, by wire rules and practice; the first of each kind."""
    groups = check(TraceReader(str(path)), wire_only, practice=practice).groups
    return [one.first for one in groups]


def names(findings: Sequence[Finding]) -> list[str]:
    """The requirements, without the common beginning."""
    return [one.requirement.removeprefix("practice.") for one in findings]
