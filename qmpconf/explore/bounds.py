"""What exploration never does: commands that are left out, and values that are never sent.

The list of dangerous commands (`qmpconf.conform.dangerous`) stands.  A server that is explored is one
of its own, in a folder of its own, so those of them that act on the server alone, or write files whose
names we choose, are taken back in (`IN_THE_FOLDER`).  What starts programs, joins networks, takes
devices of the host or waits for somebody else is never sent: `never` says why.  Pure.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from qmpconf.conform.dangerous import danger

#: Dangerous commands that act on the server alone, or on files of its folder.
IN_THE_FOLDER = frozenset(
    {
        *("system_reset", "system_wakeup", "inject-nmi", "watchdog-set-action"),
        *("migrate", "migrate-incoming", "migrate-start-postcopy", "migrate-continue"),
        *("migrate_cancel", "snapshot-load", "snapshot-save", "snapshot-delete"),
        *("dump-guest-memory", "memsave", "pmemsave", "dump-skeys", "dumpdtb", "screendump"),
    }
)

#: Commands beyond the list of dangerous ones, and why.
_LEFT_OUT = {
    "qmp_capabilities": "each session begins with it",
    "xen-*": "is about a host with Xen",
    "query-qmp-schema": "the survey has asked it, and its answer is long",
    "add_client": "wants a descriptor of a client that would wait",
    "getfd": "wants a descriptor",
    "add-fd": "wants a descriptor",
    "get-win32-socket": "wants a socket of Windows",
    "trace-event-set-state": "would fill the log with what is traced",
}

#: Member: values that are never sent, as globs, and why.
_VALUES: dict[str, dict[str, str]] = {
    "driver": {
        "ssh": "joins a network",
        "rbd": "joins a network",
        "nfs": "joins a network",
        "iscsi": "joins a network",
        "gluster": "joins a network",
        "sheepdog": "joins a network",
        "vxhs": "joins a network",
        "http*": "joins a network",
        "ftp*": "joins a network",
        "nvme*": "takes a device of the host",
        "host_*": "takes a device of the host",
        "virtio-blk-v*": "takes a device of the host",
        "vfio-*": "takes a device of the host",
        "*-assign": "takes a device of the host",
        "usb-host": "takes a device of the host",
        "vhost-*": "takes a device of the host",
        "isa-debug-exit": "lets the guest end the server",
    },
    "type": {
        "tap": "joins a network",
        "bridge": "joins a network",
        "socket": "joins a network",
        "l2tpv3": "joins a network",
        "vde": "joins a network",
        "netmap": "joins a network",
        "af-xdp": "joins a network",
        "passt": "starts a program",
        "vhost-*": "takes a device of the host",
        "vmnet-*": "joins a network",
        "vsock": "joins a network",
        "fuse": "mounts a folder of the host",
        "vduse-blk": "takes a device of the host",
        "pipe": "waits for somebody else",
        "parallel": "takes a device of the host",
        "serial": "takes a device of the host",
        "stdio": "is the server's own log",
        "console": "is the server's own log",
    },
    "transport": {"exec": "starts a program", "rdma": "joins a network"},
    "qom-type": {
        "authz-pam": "asks the host's own accounts",
        "can-host-*": "takes a device of the host",
        "input-linux": "takes a device of the host",
        "pr-manager-helper": "waits for somebody else",
        "memory-backend-epc": "takes a device of the host",
    },
}

#: Members that are never sent at all, and why.
_MEMBERS = {
    "helper": "starts a program",
    "script": "starts a program",
    "downscript": "starts a program",
    "exec": "starts a program",
    "smb": "starts a program",
    "guestfwd": "starts a program",
    "hostfwd": "listens on a port of the host",
    "pid": "is a process of the host",
    "open-timeout": "lets the server wait for somebody else, and answer nobody meanwhile",
}


def left_out(command: str) -> str:
    """Why a command is never sent; empty where it may be."""
    for pattern, why in _LEFT_OUT.items():
        if fnmatchcase(command, pattern):
            return why
    return "" if command in IN_THE_FOLDER else danger(command)


def never(member: str, value: object = None) -> str:
    """Why a member is never sent, or not with this value; empty where it may be.

    A character device that waits for its client stops the whole server until one comes.
    """
    if member in _MEMBERS:
        return _MEMBERS[member]
    if member == "wait" and value is True:
        return "waits for somebody else"
    if isinstance(value, str):
        for pattern, why in _VALUES.get(member, {}).items():
            if fnmatchcase(value, pattern):
                return why
    return ""
