"""Replay: a trace played against another monitor as its client, and what was different.

`plan`, `match`, `compare`, `masks` and `difference` are pure; `player` talks to the target.
"""
