"""The conformance suite: cases, the targets that they run against, and their verdicts.

`qmpconf.conform.suite.conform` runs it against an address; ``pytest --pyargs qmpconf.conform
--qmp-target ADDRESS`` runs the same cases as tests.
"""
