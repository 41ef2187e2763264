"""The client suite: a server that is legal but unkind, and what a client makes of it.

`qmpconf.conform.client.suite.conform_client` starts a client once for each scenario, and judges from
the trace, and from how the client ends, whether it could cope.
"""
