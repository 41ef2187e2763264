"""The rows of the register that hold for a guest agent and its clients alone.

As in `qmpconf.protocol.register`.  "reference" is QEMU's guest agent reference, qemu-ga-ref(7), with
the command whose text says it; "seen" is what qemu-ga 7.2 does where that is silent.  What QMP and
the guest agent have in common stands in the register of QMP.
"""

from __future__ import annotations

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "agent.line-feed",
        "SHOULD",
        "server",
        "Every message of a guest agent ends in a line feed.",
        "seen",
    ),
    (
        "agent.unasked",
        "SHOULD",
        "server",
        "A guest agent speaks when it is asked: it sends no greeting and no event.",
        "seen",
    ),
    (
        "agent.sync-echo",
        "MUST",
        "server",
        "guest-sync and guest-sync-delimited return the integer that they were sent.",
        "reference, guest-sync",
    ),
    (
        "agent.sentinel",
        "MUST",
        "server",
        "A byte 0xFF stands before the response to guest-sync-delimited, and before no other.",
        "reference, guest-sync-delimited",
    ),
    (
        "agent.silent",
        "MUST",
        "server",
        "A command that shuts the guest down or suspends it gets no response where it succeeds.",
        "reference, guest-shutdown and guest-suspend-ram",
    ),
    (
        "agent.answered",
        "SHOULD",
        "server",
        "What was sent before a sync is answered before it; what is not was lost on its way.",
        "seen",
    ),
    (
        "agent.frozen-refused",
        "SHOULD",
        "server",
        "While file systems are frozen, all but a few commands are refused as CommandNotFound.",
        "seen",
    ),
    (
        "agent.sync-first",
        "SHOULD",
        "client",
        "A client begins with a sync: what an earlier one left unread may come before its response.",
        "spec 2.7; reference, guest-sync-delimited",
    ),
    (
        "agent.reset-first",
        "SHOULD",
        "client",
        "A client sends a byte 0xFF before its first sync: the agent may hold half a command.",
        "reference, guest-sync and guest-sync-delimited",
    ),
    (
        "agent.sync-unique",
        "SHOULD",
        "client",
        "Each sync has an integer of its own, or a late response cannot be told from the new one.",
        "reference, guest-sync-delimited",
    ),
    (
        "agent.resync",
        "MUST",
        "client",
        "A client that has waited in vain sends a sync before anything else.",
        "reference, guest-sync-delimited",
    ),
    (
        "agent.frozen",
        "SHOULD",
        "client",
        "While file systems are frozen, a client sends only what is taken then.",
        "seen",
    ),
)
