"""Schedules that are there already, by name: failures that are known in public (`READY`).

Each is a file of the folder ``ready``, whose first comment says what it is.
"""

from __future__ import annotations

from importlib import resources

from qmpconf.errors import UsageError
from qmpconf.faults.rules import Schedule, parse_schedule
from qmpconf.files import read_text
from qmpconf.lists import suggestion

#: Name of a schedule -> what it is.
READY = {
    "silent": "the connection is accepted, and nothing comes: neither greeting nor answer",
    "stuck-device-del": "device_del succeeds, and the event DEVICE_DELETED never comes",
    "lost-shutdown": "the event SHUTDOWN never comes",
    "late-reply": "a reply comes when its client has given it up: with the next command, or after 10 s",
}


def text_of(name: str) -> str:
    """The file of a schedule that is there already."""
    return (resources.files(__package__) / "ready" / f"{name}.toml").read_text(encoding="utf-8")


def load_schedule(name: str) -> Schedule:
    """The schedule of that name, or in that file.

    A name with a slash or a dot is a file's.  Raises `UsageError` for a name that is not known, `InputError` for a
    file that cannot be read, or is wrong.
    """
    if name in READY:
        return parse_schedule(text_of(name), f"{name}.toml")
    if "/" not in name and "." not in name:
        near = suggestion(name, tuple(READY)) or f"; there are {', '.join(READY)}"
        raise UsageError(
            f"there are no faults of the name {name!r}{near}; or name a file: ./{name}"
        )
    return parse_schedule(read_text(name), name)
