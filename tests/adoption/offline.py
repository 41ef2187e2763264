"""An environment in which pip needs no network: what is installed here already is found by `PYTHONPATH`.

qmpconf itself is not found that way where it is installed for editing (a ``.pth`` file counts in
site-packages alone), so that the copy that was just installed is the one that runs.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Variables for pip, and for what it has installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # what pip reads as: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        **more,
    }


#: A trace with one error: the client has sent an argument that query-status does not take.
BAD = """\
{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"test","meta":{}}
{"t":0,"conn":1,"open":{"client":"","server":""}}
{"t":0.1,"conn":1,"from":"server","msg":{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}}
{"t":0.2,"conn":1,"from":"client","msg":{"execute":"qmp_capabilities"}}
{"t":0.3,"conn":1,"from":"server","msg":{"return": {}}}
{"t":0.4,"conn":1,"from":"client","msg":{"execute":"query-status","arguments":{"foo":1}}}
{"t":0.5,"conn":1,"from":"server","msg":{"error": {"class": "GenericError", "desc": "Parameter 'foo' is unexpected"}}}
{"t":0.6,"conn":1,"close":"client"}
{"t":0.7,"finish":{"sessions":1,"messages":5}}
"""
GOOD = BAD.replace(',"arguments":{"foo":1}', "").replace(
    """{"error": {"class": "GenericError", "desc": "Parameter 'foo' is unexpected"}}""",
    '{"return": {"status": "running", "singlestep": false, "running": true}}',
)
