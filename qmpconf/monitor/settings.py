"""What clients set and say: migration, passwords, actions, input for the guest, the human monitor.

What is set can be queried, where there is a query for it.  There is no guest, so that what is sent to
it is lost, and a migration begins and fails, as one with a destination that nobody reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.refusal import Refusal
from qmpconf.schema.model import Array, Enum
from qmpconf.schema.walk import shape_of

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value
    from qmpconf.schema.model import Catalog

#: Seconds until a migration has failed.
_MIGRATION = 0.05
_WHY = "the embedded monitor has no guest to migrate"

#: What a server has set when it starts (qapi/migration.json).
_PARAMETERS: Mapping[str, Value] = {
    "announce-initial": 50,
    "announce-max": 550,
    "announce-rounds": 5,
    "announce-step": 100,
    "downtime-limit": 300,
    "max-bandwidth": 128 << 20,
    "max-postcopy-bandwidth": 0,
    "multifd-channels": 2,
    "tls-creds": "",
    "tls-hostname": "",
    "xbzrle-cache-size": 64 << 20,
}


@dataclass(slots=True)
class Settings:
    """`parameters` and `capabilities` of migrations, and the `status` of the last one (or empty)."""

    parameters: dict[str, Value] = field(default_factory=lambda: dict(_PARAMETERS))
    capabilities: set[str] = field(default_factory=set)
    status: str = ""


# --- migration -------------------------------------------------------------------------------------


def _set_parameters(machine: Machine, arguments: Arguments) -> Value:
    machine.settings.parameters.update(arguments)
    return {}


def _query_parameters(machine: Machine, _arguments: Arguments) -> Value:
    return dict(machine.settings.parameters)


def _set_capabilities(machine: Machine, arguments: Arguments) -> Value:
    wanted: Any = arguments.get("capabilities", [])  # old documents leave open what there is
    for one in wanted:
        if one.get("state"):
            machine.settings.capabilities.add(one.get("capability"))
        else:
            machine.settings.capabilities.discard(one.get("capability"))
    return {}


def _query_capabilities(machine: Machine, _arguments: Arguments) -> Value:
    on = machine.settings.capabilities
    return [{"capability": name, "state": name in on} for name in _capabilities(machine.offered)]


def _capabilities(offered: Catalog) -> list[str]:
    """The names that the catalog has; its types may have no names of their own."""
    returns = offered.types.get(offered.commands["query-migrate-capabilities"].returns)
    if isinstance(returns, Array):
        member = shape_of(offered, returns.element).members.get("capability")
        found = offered.types.get(member.type) if member else None
        if isinstance(found, Enum):
            return [one.name for one in found.values]
    return []


def _migrate(machine: Machine, _arguments: Arguments) -> Value:
    if machine.settings.status in ("setup", "active"):
        raise Refusal("there is a migration that has not ended")
    _become(machine, "setup")
    machine.later(_MIGRATION, lambda: _fail(machine))
    return {}


def _fail(machine: Machine) -> None:
    if machine.settings.status == "setup":
        _become(machine, "failed")


def _become(machine: Machine, status: str) -> None:
    machine.settings.status = status
    if "events" in machine.settings.capabilities:
        machine.emit("MIGRATION", {"status": status})


def _cancel(machine: Machine, _arguments: Arguments) -> Value:
    if machine.settings.status == "setup":
        _become(machine, "cancelled")
    return {}


def _query_migrate(machine: Machine, _arguments: Arguments) -> Value:
    status = machine.settings.status
    if not status:
        return {}
    return {"status": status, **({"error-desc": _WHY} if status == "failed" else {})}


def _no_migration(_machine: Machine, _arguments: Arguments) -> Value:
    raise Refusal("there is no migration that waits for this")


# --- what has no query -----------------------------------------------------------------------------


def _taken(_machine: Machine, _arguments: Arguments) -> Value:
    return {}


def _human(machine: Machine, arguments: Arguments) -> Value:
    """The human monitor says in its text that it does not know a command; for QMP, it succeeded."""
    words = str(arguments.get("command-line", "")).split()
    if words[:2] == ["info", "status"]:
        return f"VM status: {'running' if machine.running else 'paused'}\r\n"
    if words[:2] == ["info", "version"]:
        return ".".join(map(str, machine.identity.version)) + machine.identity.package + "\r\n"
    return f"unknown command: '{words[0]}'\r\n" if words else ""


COMMANDS: Mapping[str, Callable[[Machine, Arguments], Value]] = {
    "migrate-set-parameters": _set_parameters,
    "query-migrate-parameters": _query_parameters,
    "migrate-set-capabilities": _set_capabilities,
    "query-migrate-capabilities": _query_capabilities,
    "migrate": _migrate,
    "migrate_cancel": _cancel,
    "query-migrate": _query_migrate,
    "migrate-continue": _no_migration,
    "migrate-start-postcopy": _no_migration,
    "migrate-incoming": _no_migration,
    "client_migrate_info": _taken,
    "set_password": _taken,
    "expire_password": _taken,
    "change-vnc-password": _taken,
    "set-action": _taken,
    "watchdog-set-action": _taken,
    "rtc-reset-reinjection": _taken,
    "announce-self": _taken,
    "inject-nmi": _taken,
    "send-key": _taken,
    "input-send-event": _taken,
    "human-monitor-command": _human,
}
