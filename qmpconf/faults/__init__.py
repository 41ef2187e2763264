"""Faults on purpose: a server's messages go through them to its client.  Pure.

`Schedule` (rules) says what goes wrong, `Faults` (engine) lets it happen, message by message.  The
recorder, the embedded monitor and the client suite all have the same one before their clients
(qmpconf/faults/README.md).
"""
