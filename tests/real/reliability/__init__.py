"""Evidence that the recorder loses nothing and invents nothing: ``python -m tests.real.reliability``.

What the peers themselves sent and received is held against the trace, message by message, after
kills, full disks, limits, resets and hours of load.  `ledger` judges, `served` is what a server
notes of itself, `rows` the report's table; each other module is a group of experiments.  Nothing is
timed, so that a busy machine changes no verdict.
"""
