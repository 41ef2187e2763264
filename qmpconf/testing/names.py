"""Names that the parts of the plugin share; like the plugin itself, it imports pytest alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest


class Watch(ABC):
    """Looks at what becomes of a test; `failed` says whether the test itself has."""

    failed = False

    def look(self, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Take note of a phase of the test, and add to its report."""
        if call.when == "call" and call.excinfo is not None:
            if report.failed and not self.failed:
                report.sections += self.sections()
            self.failed = True

    def over(self) -> None:  # noqa: B027 - most have nothing to judge
        """Judge the test, which has come to its end; its fixtures are still there."""

    @abstractmethod
    def sections(self) -> Iterator[tuple[str, str]]:
        """Title and text of what to show with the failure."""


#: How the file of a trace ends.
SUFFIXES = (".qmptrace", ".qmptrace.gz", ".qmptrace.zst")

#: The fixtures of a test that have something to say when it fails.
WATCHES: pytest.StashKey[list[Watch]] = pytest.StashKey()

#: The options that the command line gives, of those that an ini file can set as well.
GIVEN = pytest.StashKey[frozenset[str]]()

#: The properties of a report that say what was not judged, and which warnings fail no test.
UNJUDGED, WARNED = "qmp-unjudged", "qmp-warning"
