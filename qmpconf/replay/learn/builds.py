"""Which build of which server each session of a recording talked to, and whether two recordings agree.

A greeting names the version and package; where a recording has none, the replies to ``query-version``
and ``guest-info`` do.  Two builds of one version show in their replies to ``query-qmp-schema``.  What
differs between two builds is not an accident of one run, and must not become a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmpconf.errors import UsageError
from qmpconf.protocol.messages import Greeting, Success, brief
from qmpconf.protocol.places import same
from qmpconf.protocol.values import Value
from qmpconf.replay import introspection
from qmpconf.replay.learn.scenario import numbered
from qmpconf.replay.plan import Expect
from qmpconf.replay.said import Said
from qmpconf.schema.select import Version
from qmpconf.trace.reader import TraceReader

#: Commands whose reply names the version, and where: pointers into ``return``.
_TELLING: Mapping[str, tuple[str, ...]] = {"query-version": (), "guest-info": ("version",)}


@dataclass(slots=True)
class Build:
    """What one session shows of its server; `line` is where the recording names the version."""

    version: Value = None
    line: int = 0
    schema: Value = None
    schema_line: int = 0

    @property
    def name(self) -> str:
        """The version and package, for people."""
        found = Version.of(self.version)
        if found is None:
            return brief(self.version)
        return f"{found} ({found.package})" if found.package else str(found)


def builds_of(reader: TraceReader) -> dict[int, Build]:
    """The build of each session, by the session's number from 1."""
    found: dict[int, Build] = {}
    for number, step in numbered(reader):
        if isinstance(step, Expect):
            _note(found.setdefault(number, Build()), step.said, step.line)
    return found


def _note(build: Build, said: Said, line: int) -> None:
    message = said.message
    if isinstance(message, Greeting):
        build.version, build.line = _at(message.value, ("QMP", "version")), line
    elif not isinstance(message, Success):
        return
    elif said.of in _TELLING and build.version is None:
        build.version, build.line = _at(message.result, _TELLING[said.of]), line
    elif said.of == introspection.COMMAND and build.schema is None:
        build.schema, build.schema_line = message.value, line


def _at(value: Value, path: tuple[str, ...]) -> Value:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def require_one_build(paths: Sequence[str]) -> list[str]:
    """Compare all recordings with the first one; give those of which no version is known.

    Sessions are compared by their number: within one scenario, the server may be restarted as another
    build.  Raises UsageError for recordings of two builds, InputError for one that cannot be read.
    """
    first, *others = (builds_of(TraceReader(path)) for path in paths)
    for path, theirs in zip(paths[1:], others, strict=True):
        for number in sorted(first.keys() & theirs.keys()):
            odds = _odds(first[number], theirs[number])
            if odds:
                raise UsageError(
                    f"{paths[0]} and {path} are recordings of two builds: {odds}; what differs "
                    "between two builds is not a mask: replay the one against the other to see it"
                )
    return [
        path
        for path, found in zip(paths, (first, *others), strict=True)
        if all(build.version is None for build in found.values())
    ]


def _odds(mine: Build, theirs: Build) -> str:
    """In what two builds differ; empty where nothing shows it."""
    named = mine.version is not None and theirs.version is not None
    if named and not same(mine.version, theirs.version):
        return (
            f"{mine.name} (line {mine.line}) in the one, {theirs.name} (line {theirs.line}) "
            "in the other"
        )
    if mine.schema is None or theirs.schema is None:
        return ""
    changes = introspection.by_structure(mine.schema, theirs.schema)
    if not changes:
        return ""
    return (
        f"their schemas differ (lines {mine.schema_line} and {theirs.schema_line}), first in "
        f"{changes[0].place.removeprefix('schema: ')}"
    )
