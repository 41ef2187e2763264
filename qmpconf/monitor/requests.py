"""From a client's frame to a command that may be carried out, or a refusal.

The checks stand in the order in which a QEMU server makes them: the text is JSON, it is an object,
its members are those of a command, the command exists here and now, it may be called in this way,
its arguments fit the catalog.  Nothing has an effect before all of them have passed
(qmpconf/protocol/README.md, Requests).
"""

from __future__ import annotations

import math
from typing import Any

from qmpconf.monitor.refusal import NOT_FOUND, Refusal
from qmpconf.protocol.framing import Frame, Kind
from qmpconf.protocol.messages import Command, Unknown, from_client
from qmpconf.protocol.places import pointer
from qmpconf.protocol.values import Float, Object, Value, parts
from qmpconf.schema.problems import Problem
from qmpconf.schema.validator import Validator

#: The one command of negotiation mode.
NEGOTIATE = "qmp_capabilities"

#: Integers outside of these become doubles in a server (qmpconf/protocol/README.md, Responses).
_INTEGERS = range(-(2**63), 2**64)

#: U+0000 in two bytes, which QEMU takes, and UTF-8 does not have (qmpconf/protocol/README.md,
#: Framing and encoding).
_OVERLONG_ZERO = b"\xc0\x80"


def read(frame: Frame) -> Command:
    """The command in `frame`, perhaps with problems.  Raises Refusal where there is none.

    What is refused here gets no id in its error: the text could not be read.
    """
    if frame.kind is not Kind.VALUE:
        raise Refusal(f"invalid JSON: the input is broken at {_tail(frame.data)}")
    if _OVERLONG_ZERO in frame.data:
        raise Refusal("invalid JSON: the bytes C0 80 are not UTF-8")
    command = from_client(frame.data)
    if isinstance(command, Unknown):
        problem = command.problems[0]
        if command.well_formed:
            raise Refusal(f"a command must be a JSON object, not {problem.seen}")
        raise Refusal(f"invalid JSON: {problem.seen}")
    _refuse_unreadable(command.value)
    return command


def normal(value: Value) -> Value:
    """`value` as a server keeps it: an integer beyond 64 bits is a double.

    Containers are changed in place; they may be nested a thousand levels deep.
    """
    holder = [value]
    waiting: list[Any] = [holder]
    while waiting:
        one = waiting.pop()
        for place, item in one.items() if isinstance(one, dict) else enumerate(one):
            if isinstance(item, int) and not isinstance(item, bool) and item not in _INTEGERS:
                one[place] = float(item)
            elif isinstance(item, dict | list):
                waiting.append(item)
    return holder[0]


def check_shape(command: Command, *, oob: bool) -> None:
    """Raise Refusal where the members are not those of a command (qmp-spec section 2.3).

    `oob` says whether out-of-band execution was negotiated.
    """
    for problem in command.problems:
        where = f" at {problem.pointer}" if problem.pointer else ""
        raise Refusal(f"not a command{where}: expected {problem.expected}, not {problem.seen}")
    if command.oob and not oob:
        raise Refusal("not a command at /exec-oob: out-of-band execution was not negotiated")


def check_known(command: Command, validator: Validator, *, negotiating: bool) -> None:
    """Raise Refusal where the command does not exist in this phase, or not out of band."""
    if negotiating and command.name != NEGOTIATE:
        raise Refusal(f"capabilities are to be negotiated first, with {NEGOTIATE}", NOT_FOUND)
    known = validator.catalog.commands.get(command.name)
    if known is None or (command.name == NEGOTIATE and not negotiating):
        raise Refusal(f"there is no command {command.name!r}", NOT_FOUND)
    if command.oob and not known.allow_oob:
        raise Refusal(f"the command {command.name!r} cannot be executed out of band")


def check_arguments(command: Command, validator: Validator) -> None:
    """Raise Refusal for the first argument that does not fit the catalog."""
    problems = validator.arguments(command.name, command.arguments)
    if problems:
        raise Refusal(_sentence(problems[0]))


def _sentence(problem: Problem) -> str:
    where = f"at {pointer(problem.path)}: " if problem.path else ""
    hint = f"; did you mean {problem.hint!r}?" if problem.hint else ""
    return f"the arguments do not fit: {where}{problem.message}{hint}"


def _refuse_unreadable(value: Value) -> None:
    """Raise Refusal for what a server's reader does not take: duplicates, numbers out of range."""
    for one in parts(value):
        if isinstance(one, Object):
            raise Refusal(f"invalid JSON: the member {one.duplicates[0][0]!r} stands twice")
        if isinstance(one, Float) and math.isinf(one):
            raise Refusal(f"invalid JSON: the number {one.text} is out of range")
        if isinstance(one, int) and one.bit_length() > 1024:
            raise Refusal("invalid JSON: an integer is out of range")


def _tail(data: bytes) -> str:
    return repr(data[-20:])[1:]
