"""One monitor for several clients at once: one session with the server, and one with each of them.

==============  ================================================================================
`ids`           ids of commands, taken out and put back, byte for byte
`observers`     what a client that only observes may send
`hub`           who is answered what, and what goes to the server; knows no socket
`link`          one connection: what is read of it, what waits to be sent on it
`recorder`      listens, connects, and writes every session into the trace
==============  ================================================================================
"""
