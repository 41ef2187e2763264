"""Where QMP and the guest agent carry secrets: tables of commands, results and members.

A command in `COMMANDS` is there to carry a secret, so whatever stands in its arguments is taken for
one, also what is misspelt, but for the members that its row keeps.  Members with names that say it
(`qmpconf.trace.redaction.names`) are secret in every other command, and so is what a string shows by
itself (`qmpconf.trace.redaction.text`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qmpconf.trace.redaction.names import is_secret_whole

#: What a kept member may hold: anything that is not a secret by itself, or what the pattern matches.
Kept = Mapping[str, re.Pattern[str] | None]
_DISPLAYS = re.compile("vnc|spice|dbus")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that carries a secret: its names, and what is none of it.

    With `when`, only if the argument of that name holds what the pattern matches.  `weak` says that
    most of what it carries is not a secret, so that it is not looked for elsewhere.
    """

    names: str
    keeps: Kept
    when: tuple[str, re.Pattern[str]] | None = None
    weak: bool = False


_PROPERTY = re.compile(
    r"(?:.*\.)?(?:raw-?)?data|.*(?:passw|passphrase|secret|cookie|token).*|key|psk"
)
_SECRETS = re.compile(r".*secret.*")


def _any(names: str) -> Kept:
    return dict.fromkeys(names.split())


COMMANDS = (
    Command(
        "set_password set-password",
        {
            "protocol": _DISPLAYS,
            "connected": re.compile("keep|fail|disconnect"),
            **_any("display id"),
        },
    ),
    Command(
        "expire_password expire-password",
        {"protocol": _DISPLAYS, "time": re.compile(r"now|never|\+?[0-9]+"), **_any("display id")},
    ),
    Command("change-vnc-password", {}),
    Command("block_passwd block-passwd", _any("device node-name")),
    Command(
        "change",
        {"device": None, "target": re.compile("password|passwd")},
        when=("target", re.compile("passw.*")),
    ),
    Command(
        "object-add object_add",
        _any("qom-type id format keyid iv loaded file serial"),
        when=("qom-type", _SECRETS),
    ),
    Command("qom-set", _any("path property"), when=("property", _PROPERTY)),
    Command("sev-inject-launch-secret", _any("gpa")),
    Command("guest-set-user-password", _any("username crypted")),
    Command("guest-exec", _any("path capture-output"), weak=True),
    Command("guest-file-write", _any("handle count"), weak=True),
    Command(
        "guest-ssh-add-authorized-keys guest-ssh-remove-authorized-keys",
        _any("username reset"),
        weak=True,
    ),
)

#: What is kept of a command that is in no row, but is named after a secret.
_UNKNOWN = Command("", _any("device id node-name protocol display username user path"))

_BY_NAME: dict[str, list[Command]] = {}
for _command in COMMANDS:
    for _name in _command.names.split():
        _BY_NAME.setdefault(_name, []).append(_command)


def commands_of(name: str) -> list[Command]:
    """The rows for a command of that name."""
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    is_query = name.startswith(("query-", "guest-get-"))
    return [_UNKNOWN] if is_secret_whole(name) and not is_query else []


@dataclass(frozen=True, slots=True)
class Replaced:
    """A command whose result is secret, if the argument in `when` holds what its pattern matches.

    It is a `text`; or a list of properties, each with its name and value (`listed`); or all of it is.
    """

    command: str
    when: tuple[str, re.Pattern[str]] | None = None
    kind: Literal["text", "listed", "all"] = "text"


RESULTS: Mapping[str, Replaced] = {
    one.command: one
    for one in (
        Replaced("qom-get", when=("property", _PROPERTY)),
        Replaced("qom-list-get", kind="listed"),
        Replaced("guest-ssh-get-authorized-keys", kind="all"),
    )
}

#: Members of a guest agent's results that hold what a program has put out, or a file's content.
CONTENTS = frozenset({"out-data", "err-data", "buf-b64"})


def is_property(name: str) -> bool:
    """Whether an object's property of that name is a secret."""
    return "/" not in name and _PROPERTY.fullmatch(name.lower()) is not None
