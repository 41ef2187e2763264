"""Endpoints: UNIX and TCP sockets, inherited descriptors, child processes, descriptor passing.

Knows no QMP: bytes and descriptors only.
"""
