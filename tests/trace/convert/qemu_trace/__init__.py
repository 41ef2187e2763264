"""QEMU's trace log: lines to messages, messages to sessions."""
