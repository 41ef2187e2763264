"""What holds for all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.usual import WHOLE, examples, spread

# Some machines tell Python to keep no compiled modules.  The tests start thousands of interpreters, and each would
# compile the package anew: they keep them outside the tree then (unless a folder for them, or "", is named too).
if os.environ.get("PYTHONDONTWRITEBYTECODE") and "PYTHONPYCACHEPREFIX" not in os.environ:
    del os.environ["PYTHONDONTWRITEBYTECODE"]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(caches / "qmpconf" / "bytecode")
    sys.dont_write_bytecode = False

# How long an example takes depends on what else the machine does: that is not a verdict.
settings.register_profile(
    "qmpconf",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("HYPOTHESIS_MAX_EXAMPLES") or examples(100)),
)
settings.load_profile("qmpconf")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: twice as many as there are processors, for tests wait for other processes."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_configure(config: pytest.Config) -> None:
    """No worker of xdist is given many tests ahead: some take a minute."""
    if getattr(config.option, "maxschedchunk", 0) is None:
        config.option.maxschedchunk = 4


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of one test's many cases a usual run has some.

    It has all of what looks at the tree (tests/*.py), of what is marked so, and of what the command line names.
    """
    if any("::" in one for one in config.args):
        return

    def name(item: pytest.Item) -> str:
        all_count = item.path.parent == Path(__file__).parent or item.get_closest_marker(
            "every_case"
        )
        return item.nodeid if all_count else item.nodeid.partition("[")[0]

    long = [] if WHOLE else [one for one in items if one.get_closest_marker("whole")]
    kept, left = spread([one for one in items if one not in long], name)
    left += long
    if left:
        items[:] = kept
        config.hook.pytest_deselected(items=left)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """How wide the terminal of the run is says nothing of what is printed (xdist sets it)."""
    if "COLUMNS" in os.environ:
        monkeypatch.delenv("COLUMNS")
