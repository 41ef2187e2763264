"""The suite as plain pytest: ``pytest --pyargs qmpconf.conform --qmp-target ADDRESS``.

A pytest plugin, which the installed one (`qmpconf.testing.plugin`) brings in where its options name
a target.  The cases are parameters of `qmpconf.conform.test_server`; ``-k``, ``-x``, ``--junitxml``
and ``-n`` work as for any tests.  With ``-n`` each worker starts its own server (``--qmp-spawn``),
or takes turns on the one that there is (``--qmp-target``).

Nothing of the suite is imported before it is asked for: a target may be there for other tests.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from qmpconf.conform.suite import Suite

_SUITE = pytest.StashKey["Suite"]()
_STACK = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Collect results."""
    if not hasattr(config, "workerinput"):
        from qmpconf.conform.front import Summary  # noqa: PLC0415 - see the module's text

        summary = Summary(
            strict=config.option.qmp_strict, requirements=config.option.qmp_requirements
        )
        config.pluginmanager.register(summary, "qmpconf-conform-summary")


def suite_of(config: pytest.Config) -> Suite | None:
    """The suite for the target of the command line, surveyed once; None where there is none.

    Raises pytest.Collector.CollectError for a target that cannot be put to the test.
    """
    if _SUITE in config.stash:
        return config.stash[_SUITE]
    if not (config.option.qmp_target or config.option.qmp_spawn):
        return None
    from qmpconf.conform.front import open_suite  # noqa: PLC0415 - see the module's text
    from qmpconf.errors import QmpconfError  # noqa: PLC0415 - the same

    stack = config.stash[_STACK] = ExitStack()
    try:
        suite = config.stash[_SUITE] = open_suite(stack, config)
    except QmpconfError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    return suite


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remove the traces of a run in which all is well."""
    suite = session.config.stash.get(_SUITE, None)
    if suite is not None and exitstatus == pytest.ExitCode.OK:
        suite.discard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server, if one was started."""
    stack = config.stash.get(_STACK, None)
    if stack is not None:
        stack.close()
