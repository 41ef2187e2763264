"""The pytest plugin: traces as tests, and fixtures for tests of QMP clients.

`qmpconf.testing.plugin` is what every run of pytest imports; all else waits until it is used.  The
names below are for users, to annotate what the fixtures give, and for fixtures of their own::

    @pytest.fixture(scope="module")
    def machine() -> Iterator[Monitor]:
        with Monitor("qemu-7.2.22") as monitor:
            yield monitor

- `Monitor`: the embedded server on a socket (fixture ``qmp_monitor``)
- `Recorder`: records what goes on between a client and a server (``qmp_recorder``)
- `Replayer`: recordings that answer as servers (``qmp_replay``)
- `Endpoint`: where a client connects; all of the above are or give one
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qmpconf.testing.endpoint import Endpoint as Endpoint
    from qmpconf.testing.monitor import Monitor as Monitor
    from qmpconf.testing.recorder import Recorder as Recorder
    from qmpconf.testing.replayer import Replayer as Replayer

#: Public name: the module that has it.
_PUBLIC = {
    "Endpoint": "qmpconf.testing.endpoint",
    "Monitor": "qmpconf.testing.monitor",
    "Recorder": "qmpconf.testing.recorder",
    "Replayer": "qmpconf.testing.replayer",
}

__all__ = ["Endpoint", "Monitor", "Recorder", "Replayer"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'qmpconf.testing' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), name)
