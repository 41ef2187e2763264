"""The server suite for pytest: one test, with every case as its parameter.

``pytest --pyargs qmpconf.conform --qmp-target ADDRESS`` collects it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qmpconf.check.verdict import fails
from qmpconf.conform.cases import Case
from qmpconf.conform.front import note
from qmpconf.conform.plugin import suite_of
from qmpconf.conform.proof import failure
from qmpconf.conform.suite import Suite
from qmpconf.conform.verdicts import Verdict


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make each case a parameter."""
    suite = suite_of(metafunc.config)
    cases = suite.cases if suite else []
    metafunc.parametrize("qmp_case", cases, ids=[one.id for one in cases])


@pytest.fixture
def qmp_suite(pytestconfig: pytest.Config) -> Suite | None:
    """The suite for the target of the command line, or None."""
    return suite_of(pytestconfig)


def test_case(
    qmp_case: Case,
    qmp_suite: Suite | None,
    record_property: Callable[[str, Any], None],
    pytestconfig: pytest.Config,
) -> None:
    """One case against the target: skipped where it does not apply, or cannot find out."""
    if qmp_suite is None:
        pytest.skip("give --qmp-target or --qmp-spawn")
    result = qmp_suite.run(qmp_case)
    note(record_property, result, qmp_suite.known)
    if result.verdict in (Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE):
        pytest.skip(f"{result.verdict.value}: {result.reason}")
    if fails(result.verdict.severity, strict=pytestconfig.option.qmp_strict):
        if result.known:
            pytest.xfail(result.known)
        pytest.fail(failure(result, qmp_suite.target.words), pytrace=False)
