"""A client that makes one mistake of each kind, and goes on.

Before and after each one it asks something harmless and reads up to that answer, so that every
mistake stands alone, with whatever the server had to say to it.
"""

from __future__ import annotations

import json
import socket
import sys

#: Seconds to wait for an answer before the session is given up.
PATIENCE = 30.0

#: Sent before the capabilities were negotiated.
TOO_EARLY = [
    b'{"execute":"query-status","id":"early"}',
    b'{"execute":"qmp_capabilities","arguments":{"enable":["teleport"]},"id":"unknown"}',
    b'{"execute":"qmp_capabilities","arguments":{"enabled":["oob"]},"id":"misspelt"}',
]

MISTAKES = [
    # Not JSON.
    b"GET / HTTP/1.1\r\n",
    b'{"execute": }',
    b'{"execute":"query-status",}',
    b'{"execute":"query-status" "id":1}',
    b'{"execute":"query-status","id":01}',
    b'{"execute":"query-status","id":NaN}',
    b'{"execute":"query-status","id":"\x80"}',
    b'{"execute":"query-status","id":"\\ud800"}',
    b'{"execute":"query-\tstatus"}',
    b'{"execute":"query-status","id":1,"id":2}',
    b'{"execute":"stop\xff',
    b"[" * 1100 + b"\xff",
    b"}",
    # QEMU's dialect, which is none.
    b"{'execute': 'query-status', 'id': 'it\\'s'}",
    # JSON, not QMP.
    b"[]",
    b'"query-status" ',
    b"{}",
    b'{"execute":"query-status","id":null}',
    b'{"execute":"query-status","params":{},"id":"member"}',
    b'{"execute":"query-status","arguments":null,"id":"null"}',
    b'{"execute":"query-status","arguments":[],"id":"array"}',
    b'{"execute":["query-status"],"id":"type"}',
    b'{"execute":"query-status","exec-oob":"query-status","id":"both"}',
    # Not negotiated.
    b'{"exec-oob":"query-yank","id":"oob"}',
    b'{"execute":"qmp_capabilities","id":"twice"}',
    # Not in the schema.
    b'{"execute":"no-such-command","id":"unknown"}',
    b'{"execute":"query-statsu","id":"misspelt"}',
    b'{"execute":"stop","arguments":{"unknown":1},"id":"unknown argument"}',
    b'{"execute":"blockdev-del","id":"missing argument"}',
    b'{"execute":"blockdev-del","arguments":{"node_name":"x"},"id":"misspelt argument"}',
    b'{"execute":"qom-get","arguments":{"path":1,"property":"type"},"id":"wrong type"}',
    b'{"execute":"block_resize","arguments":{"node-name":"x","size":1.5},"id":"no integer"}',
    b'{"execute":"block_resize","arguments":{"node-name":"x","size":18446744073709551616},"id":"big"}',
    b'{"execute":"blockdev-add","arguments":{"driver":"no-such-driver"},"id":"unknown value"}',
    (
        b'{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"x","file":'
        b'{"driver":"file","filename":"x","aio":"sometimes"}},"id":"deep inside"}'
    ),
    (
        b'{"execute":"chardev-add","arguments":{"id":"x","backend":{"type":"ringbuf","data":'
        b'{"size":"64"}}},"id":"wrong type deep inside"}'
    ),
]


class Client:
    """Bytes out, lines in."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.lines = self.sock.makefile("rb")
        self.lines.readline()

    def ask(self, command: str, identity: str) -> None:
        """Send a good command and read up to its answer."""
        self.sock.sendall(json.dumps({"execute": command, "id": identity}).encode() + b"\r\n")
        while json.loads(self.lines.readline()).get("id") != identity:
            pass


def main() -> None:
    """Run the session on the monitor at the UNIX socket that the command line names."""
    client = Client(sys.argv[1])
    for data in TOO_EARLY:
        client.sock.sendall(data + b"\r\n")
        client.lines.readline()
    client.ask("qmp_capabilities", "good")
    client.ask("query-qmp-schema", "schema")
    for number, data in enumerate(MISTAKES):
        # The reset byte ends what a mistake may have left open, string or bracket.
        client.sock.sendall(data + (b"" if data.endswith(b"\xff") else b"\r\n"))
        client.ask("query-name", f"good {number}")
    client.ask("quit", "quit")


if __name__ == "__main__":
    main()
