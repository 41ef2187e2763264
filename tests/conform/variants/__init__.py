"""More than a hundred broken monitors, each with one defect: the conformance suite's own test."""

from tests.conform.variants import deep, events, framing, requests, responses, sessions
from tests.conform.variants.base import VARIANTS, Broken, Variant

__all__ = [
    "VARIANTS",
    "Broken",
    "Variant",
    "deep",
    "events",
    "framing",
    "requests",
    "responses",
    "sessions",
]
