"""A plugin of pytest for mutation tests: few examples, always the same ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = 25

settings.register_profile(
    "mutation",
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for more examples than that gets as few as the others."""
    few = settings.get_profile("mutation")
    for item in items:
        function = getattr(item, "obj", None)
        if hasattr(function, "_hypothesis_internal_use_settings"):
            function = getattr(function, "__func__", function)
            function._hypothesis_internal_use_settings = few
