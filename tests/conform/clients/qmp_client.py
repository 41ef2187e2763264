"""A client on qemu.qmp's QMPClient: asks, stops and resumes, quits; `oob`: asks out of band, too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any

from qemu.qmp import QMPClient

#: Seconds after which an event is not waited for any more.
PATIENCE = 5.0


async def work() -> None:
    """Work through a short session; an exception is the way to fail."""
    qmp = QMPClient("client")
    await qmp.connect(os.environ["QMPCONF_SOCKET"])
    status: Any = await qmp.execute("query-status")
    assert status["running"], status
    names: Any = await qmp.execute("query-commands")
    assert any(one["name"] == "stop" for one in names)
    with qmp.listener(("STOP", "RESUME")) as listener:
        for name, event in (("stop", "STOP"), ("cont", "RESUME")):
            await qmp.execute(name)
            got = await asyncio.wait_for(listener.get(), PATIENCE)
            assert got["event"] == event, got
    if "oob" in sys.argv:
        queued = asyncio.create_task(qmp.execute("query-version"))
        await asyncio.sleep(0)
        instances: Any = await qmp.execute("query-yank", oob=True)
        assert instances[0]["type"] == "chardev"
        version: Any = await queued
        assert "qemu" in version
    await qmp.execute("quit")
    with contextlib.suppress(EOFError):  # the library's word for the end that quit brings
        await qmp.disconnect()


if __name__ == "__main__":
    asyncio.run(work())
