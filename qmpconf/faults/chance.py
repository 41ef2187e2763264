"""Faults by chance, the same ones for the same seed and the same client.

Each message has its own draw, from the seed, its session's number, its kind and name, and how many of the same came
before it in the session: what else happens meanwhile does not change it.
"""

from __future__ import annotations

from random import Random

from qmpconf.faults.rules import Rule

#: What is drawn, and how often: those after which a session goes on come more often.
_MESSAGES = ("lose",) * 3 + ("double",) * 2 + ("late",) * 3 + ("delay",) * 4 + ("cut", "hang")
_CONNECTIONS = ("refuse", "slow", "hang")
#: Seconds that something waits, and bytes that are read a second.
_SECONDS = (0.05, 0.2, 1.0, 3.0)
_BYTES = (20, 200, 2000)


def drawn(seed: int, rate: float, session: int, target: str, name: str, before: int) -> Rule | None:
    """The fault of one message or connection, as the rule that means it alone; or none."""
    random = Random(f"{seed}/{session}/{target}/{name}/{before}")  # noqa: S311 - to be the same again
    if random.random() >= rate:
        return None
    do = random.choice(_CONNECTIONS if target == "connection" else _MESSAGES)
    seconds = random.choice(_SECONDS) if do in ("late", "delay") else 0.0
    size = random.choice(_BYTES) if do == "slow" else 0
    return Rule(do, target, name, session, before, 1, seconds, size=size)
