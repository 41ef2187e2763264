"""A person at qmp-shell, the QEMU project's own interactive client.

The shell is fed line by line through its standard input.  The session ends with the input: after
``quit`` it is up to chance whether qmp-shell takes the server's end for an error.
"""

from __future__ import annotations

import subprocess
import sys

LINES = """\
query-qmp-schema
query-version
query-status
qom-list path=/
qom-get path=/machine property=type
object-add qom-type=iothread id=thread0
query-iothreads
object-del id=thread0
chardev-add id=char0 backend={"type":"ringbuf","data":{"size":64}}
ringbuf-write device=char0 data=hello
ringbuf-read device=char0 size=5
chardev-remove id=char0
blockdev-add driver=null-co node-name=null0 size=1048576
query-named-block-nodes
blockdev-del node-name=null0
transaction(
block-dirty-bitmap-add node=nobody name=bitmap0
)
no-such-command
stop unknown=1
cont
stop
query-status
"""


def main() -> int:
    """Run the session on the monitor at the UNIX socket that the command line names."""
    shell = [sys.executable, "-m", "qemu.qmp.qmp_shell", sys.argv[1]]
    done = subprocess.run(shell, input=LINES, stdout=subprocess.DEVNULL, text=True, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
