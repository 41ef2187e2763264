"""Practice: what people look for when they read a log, beyond what protocol and schema forbid.

A command that was never answered, a call that failed, an error that `human-monitor-command` gives as
text, a device that is added again before it is gone: none of them breaks a rule of the protocol, and
each is what a log is read for.  The requirements ``practice.*`` (`qmpconf.check.requirements`) name
them; each is a warning or a note, but for the limit of time that a user sets, and each can be turned
off.

====================  ==================================================================================
`watch`               one session, and the calls that wait in it: brings what happens to the habits
`waiting`             answers that never came, that came late, that were asked for over and over
`refusals`            calls that the server refused
`human`               errors in the text of ``human-monitor-command``
`holders`             who holds what: devices, nodes, jobs, exports and objects that a client made
`early`               what is used again or removed before the event that frees it; unplugs without end
`work`                jobs, migrations and guests that failed after their command had succeeded
====================  ==================================================================================

Times are those of the trace; there is no clock here, and where a trace has no times nothing is said
about them.  What is kept is bounded, whatever the trace.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qmpconf.check.practice.early import Early
from qmpconf.check.practice.human import Words
from qmpconf.check.practice.refusals import Refused
from qmpconf.check.practice.waiting import Late, Limits, Slowness, Storm, Unanswered
from qmpconf.check.practice.watch import Habit, Interests, Watch
from qmpconf.check.practice.work import Failures
from qmpconf.check.requirements import ALL_REQUIREMENTS, PRACTICE_REQUIREMENTS
from qmpconf.errors import UsageError
from qmpconf.trace.order import Where

if TYPE_CHECKING:
    from qmpconf.check.reporter import Reporter
    from qmpconf.findings import Finding

_PREFIX = "practice."


@dataclass(slots=True)
class Practice:
    """Which habits are looked for in one trace or several.

    `ignored` are requirements ``practice.*`` that are turned off, `limits` how long answers may take
    (without any, that is not judged).
    """

    ignored: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    def judges(self, requirement: str) -> bool:
        """Whether findings of a requirement can come; true of all that are not ``practice.*``."""
        if requirement == "practice.latency" and not self.limits:
            return False
        return requirement not in self.ignored

    def begin(self, where: Where | None = None) -> Trace:
        """Watch one trace; `where` says where it is looked."""
        return Trace(self, where or Where())


class Trace:
    """What is watched in one trace."""

    def __init__(self, practice: Practice, where: Where) -> None:
        self._practice = practice
        #: What took too long, and the errors that were found, by command.
        self.slowness = Slowness(where)
        self.refused: set[tuple[str, str]] = set()
        self._interests: Interests | None = None

    @property
    def lacks_times(self) -> bool:
        """Whether answers were to be held against a limit, and came without times."""
        return self.slowness.untimed

    def watch(self, reporter: Reporter) -> Watch:
        """Watch one session."""
        habits = list(self._habits(reporter))
        self._interests = self._interests or Interests(habits)
        return Watch(habits, self._interests)

    def finish(self) -> Iterator[Finding]:
        """What shows only at the end of the trace."""
        yield from self.slowness.finish()

    def _habits(self, reporter: Reporter) -> Iterator[Habit]:
        """The habits that are looked for; of a refused call, the last one says what none explains."""
        judges = self._practice.judges
        if judges("practice.unanswered"):
            yield Unanswered(reporter)
        if judges("practice.latency"):
            yield Late(reporter, self._practice.limits, self.slowness)
        if judges("practice.polling"):
            yield Storm(reporter)
        if judges("practice.hmp-error"):
            yield Words(reporter)
        early, unplug = judges("practice.too-early"), judges("practice.unplug")
        if early or unplug:
            yield Early(reporter, early=early, unplug=unplug)
        if judges("practice.work-failed"):
            yield Failures(reporter)
        if judges("practice.failed"):
            yield Refused(reporter, self.refused)


#: Nothing of practice is looked for.
NOTHING = Practice(frozenset(PRACTICE_REQUIREMENTS))


def ignoring(names: Iterable[str]) -> frozenset[str]:
    """The requirements that `names` stand for: each an id, or ``practice`` for all of them.

    All but the limit of time, which is judged only where somebody sets one: that is not a habit.  It
    is turned off by its own id.  Raises UsageError for any other name.
    """
    found: set[str] = set()
    for name in names:
        if name == _PREFIX.rstrip("."):
            found.update(one for one in PRACTICE_REQUIREMENTS if one != "practice.latency")
        elif name in PRACTICE_REQUIREMENTS:
            found.add(name)
        elif name in ALL_REQUIREMENTS:
            raise UsageError(
                f"{name} cannot be ignored: it is a rule, and no practice; what is known of it belongs "
                "in a baseline (check --baseline)"
            )
        else:
            known = (_PREFIX.rstrip("."), *PRACTICE_REQUIREMENTS)
            near = difflib.get_close_matches(name, known, 1, 0.5)
            if not near:
                near = [one for one in PRACTICE_REQUIREMENTS if name and one.endswith(f".{name}")]
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
            raise UsageError(f"{name!r} is not a requirement that can be ignored{hint}")
    return frozenset(found)


#: A limit of time, for all commands or for one.
_LIMIT = re.compile(
    r"(?:(?P<command>[^=\s]+)=)?(?P<number>\d+(?:\.\d*)?|\.\d+) ?(?P<unit>us|µs|ms|s|min)?"
)
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, None: 1.0}


def limits(texts: Iterable[str]) -> Limits:
    """The limits that texts give: ``2s``, ``500ms``, or ``migrate=30s`` for one command.

    Without a unit a number means seconds; of several for the same, the last one counts.  Raises
    UsageError for any other text.
    """
    found = Limits()
    for text in texts:
        match = _LIMIT.fullmatch(text.strip())
        seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
        if match is None or not 0 < seconds < float("inf"):
            raise UsageError(
                f"{text!r} is not a limit of time: write 2s, 500ms or COMMAND=30s (us, ms, s, min)"
            )
        if match["command"]:
            found = replace(found, of={**found.of, match["command"]: seconds})
        else:
            found = replace(found, every=seconds)
    return found
