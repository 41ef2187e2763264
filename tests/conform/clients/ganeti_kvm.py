"""A client on the QMP connection of Ganeti 3.0, Debian's cluster manager: what it does around a migration.

Run by the system's Python.  Importing the package of all hypervisors needs a configured cluster, so
that the module alone is imported.
"""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

CACHE = Path.home() / ".cache/qmpconf/clients"
ROOT = CACHE / "ganeti/usr/share/ganeti/3.0"
sys.path[:0] = [str(ROOT), str(CACHE / "python")]
for name in ("ganeti.hypervisor", "ganeti.hypervisor.hv_kvm"):
    package = types.ModuleType(name)
    package.__path__ = [str(ROOT.joinpath(*name.split(".")))]
    sys.modules[name] = package

from ganeti.hypervisor.hv_kvm.monitor import (  # type: ignore[import-not-found]  # noqa: E402
    QmpConnection,
)

monitor = QmpConnection(os.environ["QMPCONF_SOCKET"])
print(monitor.supported_commands is None)
monitor.SetMigrationCapabilities(["events"], True)
monitor.SetMigrationParameters(32, 30)
monitor.StopGuestEmulation()
monitor.ContinueGuestEmulation()
print(monitor.GetMigrationStatus())
print(monitor.HasDynamicAutoReadOnly())
