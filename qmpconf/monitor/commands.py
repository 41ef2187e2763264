"""What the embedded monitor does for each command of its catalog.

The whole catalog is offered: listed, introspected, and every argument is checked.  Behind that,

- a command that the model implements (`MODELLED`) does what it says; among them are all that the
  lives of common clients need (Ganeti, libvirt, Incus, Proxmox, go-qemu), but for those with which a
  server writes files or serves others;
- a query that it does not implement returns the smallest instance of its return type
  (`qmpconf.monitor.instances`): valid for the catalog, and true of a machine that has nothing;
- everything else is refused with GenericError, and the description says that the embedded monitor
  does not implement it.  Nothing pretends to have had an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qmpconf.monitor import blocks, chardevs, descriptors, hardware, jobs, machine, settings
from qmpconf.monitor.instances import EndlessError, fit, instance
from qmpconf.monitor.machine import Arguments, Machine
from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.values import Value
from qmpconf.schema.model import Catalog

#: Every command that the model implements; ``qmp_capabilities`` belongs to the session.
MODELLED: Mapping[str, Callable[[Machine, Arguments], Value]] = {
    **machine.COMMANDS,
    **chardevs.COMMANDS,
    **blocks.COMMANDS,
    **jobs.COMMANDS,
    **descriptors.COMMANDS,
    **hardware.COMMANDS,
    **settings.COMMANDS,
}

_QUERIES = ("query-", "x-query-")


def is_answered(catalog: Catalog, name: str) -> bool:
    """Whether the command can succeed: it is implemented, or a query."""
    return name in MODELLED or (name.startswith(_QUERIES) and bool(catalog.commands[name].returns))


def execute(target: Machine, name: str, arguments: Arguments) -> Value:
    """Carry a known command out, its arguments checked.  Raises Refusal."""
    returns = target.offered.commands[name].returns
    if not is_answered(target.offered, name):
        raise Refusal(f"{name} is not implemented by the embedded monitor")
    if name in MODELLED:
        value = MODELLED[name](target, arguments)
        if name == "query-qmp-schema":
            return value  # thousands of members, which are what it returns
        return fit(target.offered, returns, value) if returns else {}
    try:
        return instance(target.offered, returns)
    except EndlessError:
        raise Refusal(f"{name} is not implemented by the embedded monitor") from None
