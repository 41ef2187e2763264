"""The embedded QMP server: speaks the protocol faithfully from any catalog.

`core` is sans-IO (bytes in, actions out), `machine` is the small model behind it, `server` the thin
layer of sockets around it.
"""
