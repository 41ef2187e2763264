"""Two values that differ, as short texts, where one of them may be missing.  Pure."""

from __future__ import annotations

from qmpconf.protocol.messages import brief, brief_pair
from qmpconf.protocol.values import Value
from qmpconf.replay.compare import NOTHING


def of_values(one: Value, other: Value, width: int) -> tuple[str, str]:
    """Two values as JSON text of at most `width` characters; ``nothing`` for `NOTHING`."""
    if one is NOTHING or other is NOTHING:
        return _alone(one, width), _alone(other, width)
    return brief_pair(one, other, width)


def _alone(value: Value, width: int) -> str:
    return "nothing" if value is NOTHING else brief(value, width)
