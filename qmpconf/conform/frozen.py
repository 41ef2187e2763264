"""Requirement sets that are named and dated, so that a claim of conformance stays comparable.

``--requirements 2026-12`` holds a server or a client to the requirements of that set, each with the
level that it had then; what the register has gained or changed since does not count.  The sets are
``sets/NAME.toml`` beside this module; one that was released is never edited
(CONTRIBUTING.md, How to add).  A rule says what it said then: one that has to say something else
is another rule, with another id::

    [levels]
    "framing.crlf" = "MUST"

    [rules]
    "framing.crlf" = "Each message of a server ends in CR LF."
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources

from qmpconf.check.reporter import SEVERITIES
from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.errors import UsageError
from qmpconf.findings import Finding
from qmpconf.protocol.requirements import Level, Requirement
from qmpconf.protocol.values import dumps
from qmpconf.toml import parse_toml

_FOLDER = resources.files("qmpconf.conform") / "sets"


@dataclass(frozen=True, slots=True)
class RequirementSet:
    """The requirements that count, with their levels; without a name, all that the register has.

    `sentences` are what the rules of the set say.
    """

    name: str = ""
    levels: Mapping[str, Level] = field(default_factory=dict)
    sentences: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, requirement: str) -> bool:
        return not self.name or requirement in self.levels

    def level(self, requirement: str) -> Level:
        """The level of a requirement of the set."""
        return self.levels.get(requirement) or ALL_REQUIREMENTS[requirement].level

    def judged(self, finding: Finding) -> Finding | None:
        """The finding as the set weighs it; None where the set does not have its requirement."""
        if not self.name:
            return finding
        level = self.levels.get(finding.requirement)
        if level is None:
            return None
        if level.value == finding.level:
            return finding
        return replace(finding, level=level.value, severity=SEVERITIES[level])


#: The register as it is.
CURRENT = RequirementSet()


def set_names() -> list[str]:
    """The sets that there are, the latest one last."""
    files = (one.name for one in _FOLDER.iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def load_set(name: str) -> RequirementSet:
    """The set of that name; an empty one is the register as it is.  Raises UsageError."""
    if not name:
        return CURRENT
    names = set_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise UsageError(f"there is no set of requirements {name!r}; {hint}")
    file = _FOLDER / f"{name}.toml"
    found = parse_toml(file.read_text(encoding="utf-8"), str(file), "a set of requirements")
    levels = {key: Level(one) for key, one in found["levels"].items()}
    return RequirementSet(name, levels, found["rules"])


def frozen(requirements: Iterable[Requirement]) -> str:
    """The file of a new set."""
    rules = sorted(requirements, key=lambda one: one.id)
    levels = (f'"{one.id}" = "{one.level.value}"' for one in rules)
    sentences = (f'"{one.id}" = {dumps(one.sentence).decode()}' for one in rules)
    return "\n".join(["[levels]", *levels, "", "[rules]", *sentences, ""])
