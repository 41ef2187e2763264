"""What a replay gave: differences, masks used, figures, and the verdict.  Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qmpconf.check.baseline import Baseline
from qmpconf.check.verdict import exit_code
from qmpconf.findings import Severity
from qmpconf.protocol.places import pointer
from qmpconf.replay import excerpt
from qmpconf.replay.bindings import Bindings
from qmpconf.replay.compare import Level, Masked
from qmpconf.replay.difference import Differences, Group
from qmpconf.replay.findings import severity_of
from qmpconf.replay.masks import Mask
from qmpconf.replay.said import Said
from qmpconf.replay.upgrade import Upgrade

#: Examples that are kept of each mask's use.
_EXAMPLES = 3
#: Characters of a value of an example.
_WIDTH = 60
#: Places that are told apart: a server can make up any number of member names.
_MOST_PLACES = 2000


@dataclass(slots=True)
class MaskUse:
    """How often one mask excused a difference at one place of one kind of message."""

    mask: Mask
    subject: str
    count: int = 0
    #: (pointer, recorded value, the target's value), as text
    examples: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class ReplayResult:
    """One replay.

    `trace` and `output` are paths (`output` empty: none was written), `target` says against what.
    `failure` says why the replay did not go to its end; empty, it did.  `seconds` is the whole
    time, `warnings` what the user must know besides.
    """

    trace: str
    output: str
    target: str
    level: Level
    differences: Differences = field(default_factory=Differences)
    masks: dict[tuple[str, str, str], MaskUse] = field(default_factory=dict)
    #: The masks that were used at all, and the configured ones.
    used: set[Mask] = field(default_factory=set)
    configured: tuple[Mask, ...] = ()
    bindings: Bindings = field(default_factory=Bindings)
    #: Set where the target is of another release than the recorded server.
    upgrade: Upgrade | None = None
    #: Reasons of known differences, by fingerprint.
    known: Mapping[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failure: str = ""
    interrupted: bool = False
    sessions: int = 0
    sent: int = 0
    greetings: int = 0
    replies: int = 0
    events: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0: the same; 1: differences, known ones that are gone, or nothing to judge; 4: the target did not last; 130: interrupted."""
        if self.interrupted:
            return 130
        if self.failure:
            return 4
        dropped: list[Severity] = ["error"] * bool(self.differences.dropped)
        new = (severity_of(group.first) for group in self.new)
        return exit_code([*new, *dropped], gone=bool(self.gone), judged=not self.hollow)

    @property
    def hollow(self) -> bool:
        """Whether there was nothing to judge: no message was sent, and none was waited for."""
        matched = (self.greetings, self.replies, self.events)
        return not (self.sent or any(matched) or self.differences.count)

    @property
    def new(self) -> list[Group]:
        """The differences that count and are not known."""
        return [
            group
            for group in self.differences
            if severity_of(group.first) != "note" and group.first.digest not in self.known
        ]

    @property
    def gone(self) -> list[str]:
        """Known differences that did not show, although the replay went to its end."""
        if self.failure:
            return []
        return Baseline(self.known).gone({group.first.digest for group in self.differences})

    @property
    def unused(self) -> list[Mask]:
        """Configured masks that excused nothing, although the replay went to its end."""
        if self.level is not Level.VALUE or self.failure:
            return []
        return [mask for mask in self.configured if mask not in self.used]

    def warn(self, text: str) -> None:
        """Add a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def use(self, said: Said, masked: Masked) -> None:
        """Count the use of a mask."""
        self.use_in(said.subject, masked)

    def use_in(self, subject: str, masked: Masked) -> None:
        """The same in a message that people call `subject`."""
        self.used.add(masked.mask)
        place = pointer("*" if isinstance(part, int) else part for part in masked.path)
        if len(self.masks) >= _MOST_PLACES:
            place = "/**"
        key = (masked.mask.name, subject, place)
        found = self.masks.get(key)
        if found is None:
            found = self.masks[key] = MaskUse(masked.mask, subject)
        found.count += 1
        if len(found.examples) < _EXAMPLES:
            texts = excerpt.of_values(masked.expected, masked.got, _WIDTH)
            found.examples.append((pointer(masked.path), *texts))
