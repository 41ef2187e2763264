"""The commands that are named in the arguments, through qemu.qmp; reports by the testee protocol."""

import asyncio
import json
import os
import sys

from qemu.qmp import ExecuteError, QMPClient


async def main() -> None:
    """Connect, execute, print."""
    qmp = QMPClient()
    await asyncio.wait_for(qmp.connect(os.environ["QMPCONF_SOCKET"]), 10)
    for name in sys.argv[1:]:
        try:
            got = {"return": await asyncio.wait_for(qmp.execute(name), 10)}
        except ExecuteError as error:
            got = {"error": {"class": error.error_class, "desc": str(error)}}
        while not qmp.events.empty():
            print(json.dumps(dict(await qmp.events.get())), flush=True)
        print(json.dumps({"command": name, **got}), flush=True)


asyncio.run(main())
