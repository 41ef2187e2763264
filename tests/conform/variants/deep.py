"""Defects of arguments at depth: in branches, in elements, at tags, and in what a refusal leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qmpconf.monitor.core import Session
from qmpconf.monitor.offer import restrict
from qmpconf.monitor.refusal import Refusal
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import Value
from tests.conform.variants.base import COMMANDS, EVENTS, FULL, Broken, defect

#: One with unions of records, and one with an array of them.
DEEP = ("chardev-add", "send-key")

_CASES = ("request.strict-arguments/*deep",)


class DeepTolerant(Broken):
    """Some wrong arguments are taken, where they stand deep enough."""

    catalog = restrict(FULL, (*COMMANDS, *DEEP), EVENTS)
    is_taken: Callable[[Any], bool]

    def refused(self, _session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name in DEEP:
            problems = self._validator.arguments(command.name, command.arguments)
            if problems and all(map(self.is_taken, problems)):
                return {}
        raise refusal


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class UnknownInABranch(DeepTolerant):
    """A member that a union's branch does not have is passed over."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind == "unknown" and problem.path[:2] == ("backend", "data")


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class UnknownInAnElement(DeepTolerant):
    """A member that an array's element does not have is passed over."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind == "unknown" and any(isinstance(one, int) for one in problem.path)


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class WrongTypeAtDepth(DeepTolerant):
    """A member of a wrong type is taken, three levels below the arguments."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind == "type" and len(problem.path) >= 3


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class MissingAtDepth(DeepTolerant):
    """A member that must be there may be missing, two levels below the arguments."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind == "missing" and len(problem.path) >= 2


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class UnknownTag(DeepTolerant):
    """A tag that names no branch is taken for a branch without members."""

    def is_taken(self, problem: Any) -> bool:
        return problem.kind == "value" and problem.path[-1] == "type"


class Leaves(Broken):
    """What is refused leaves something behind, which a query shows."""

    catalog = restrict(FULL, (*COMMANDS, *DEEP), EVENTS)
    query = ""
    left: dict[str, Any]

    def refused(self, _session: Session, command: Command, refusal: Refusal) -> Value:
        if command.name in DEEP and "do not fit" in refusal.description:
            self.memory["left"] = [self.left]
        raise refusal

    def results(self, name: str, value: Any) -> Any:
        return value + self.memory.get("left", []) if name == self.query else value


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class LeavesADevice(Leaves):
    """A character device that is refused is there all the same."""

    query = "query-chardev"
    left = {"label": "half", "filename": "null", "frontend-open": False}  # noqa: RUF012


@defect("request.strict-arguments", cases=_CASES, smoke=False)
class LeavesAJob(Leaves):
    """A job that was refused its arguments stands in the list of jobs."""

    query = "query-jobs"
    left = {  # noqa: RUF012
        "id": "half",
        "type": "create",
        "status": "created",
        "current-progress": 0,
        "total-progress": 0,
    }
