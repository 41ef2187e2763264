"""The register of requirements: every rule of the wire protocol, as data.

Checker, suite, reports and documents point into it by id.  An id stays for good.  "spec" numbers
are sections of QEMU's docs/interop/qmp-spec (`specification.md` has its sentences); "reference" is
QEMU's QMP reference manual, and its guest agent reference for `agent.*`; "seen" stands for what real servers do where both are silent, and is
at most a SHOULD.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from qmpconf.protocol.deviations import DEVIATIONS, HOLDS, UNSEEN, Deviation
from qmpconf.protocol.register import ROWS
from qmpconf.protocol.register_agent import ROWS as AGENT_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping


class Level(Enum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Party(Enum):
    """Who is bound by a requirement, and who is to blame when it is broken.

    Nobody is, where something only went wrong: a disk that is full breaks no rule.
    """

    CLIENT = "client"
    SERVER = "server"
    RECORDER = "recorder"
    DOCUMENT = "document"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One rule: `id`, `level`, who is bound (`binds`), one `sentence`, and its `source`.

    `since` and `until` are the first and the last version of QEMU that it binds (empty: it always
    did, it still does), `deviations` what known builds do otherwise, `unseen` why neither a
    recording nor the server suite can show it (empty: they can).
    """

    id: str
    level: Level
    binds: Party
    sentence: str
    source: str
    since: str = ""
    until: str = ""
    deviations: tuple[Deviation, ...] = ()
    unseen: str = ""

    def holds(self, version: tuple[int, ...]) -> bool:
        """Whether it binds a server of this version, which is () where it is unknown."""
        first, last = _numbers(self.since), _numbers(self.until)
        return not version or (
            version[: len(first)] >= first and (not last or version[: len(last)] <= last)
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def requirement(id_: str, level: Level, binds: Party, sentence: str, source: str) -> Requirement:
    """A rule, with what `qmpconf.protocol.deviations` knows of it."""
    since, until = HOLDS.get(id_, ("", ""))
    return Requirement(
        id_,
        level,
        binds,
        sentence,
        source,
        since,
        until,
        DEVIATIONS.get(id_, ()),
        UNSEEN.get(id_, ""),
    )


#: Every requirement of the wire protocol, by id, in the order of the register.
REQUIREMENTS: Mapping[str, Requirement] = MappingProxyType(
    {
        row[0]: requirement(row[0], Level(row[1]), Party(row[2]), *row[3:])
        for row in (*ROWS, *AGENT_ROWS)
    }
)
