"""Cases: small functions with the requirement that they show, and what they need.

A case's id is an address: the requirement, a slash, and the corner that it looks into
(``response.id-echo/null``).  It stays for good, because known-failing lists name it.

::

    @case("response.id-echo", each={"null": None, "zero": 0})
    def success(probe: Probe, value: Value) -> None:
        \"\"\"The id of a command that succeeds comes back.\"\"\"

makes ``response.id-echo/success-null`` and ``response.id-echo/success-zero``.  Where one function
is enough for a requirement, ``name=""`` leaves its name out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qmpconf.protocol.dialect import QMP

if TYPE_CHECKING:
    from qmpconf.conform.probe import Probe

#: The modules with cases, in the order of the register; greetings go first, because nothing else
#: can be said of a server that does not greet.
MODULES = (
    "greeting",
    "framing",
    "malformed",
    "negotiation",
    "sessions",
    "requests",
    "responses",
    "events",
    "causes",
    "delivery",
    "oob",
    "recovery",
    "limits",
    "descriptors",
    "catalog",
    "agent",
)

#: Seconds that a case may take unless it says otherwise.
LIMIT = 30.0


@dataclass(frozen=True)
class Case:
    """One case.

    `id` is its address, `requirements` what it shows (the first one is the one that its own
    expectations are about), `title` one sentence.  `needs` names commands that the target must
    have, ``oob`` or ``fds``.  `owns_silence`: a missing response breaks the case's own requirement, and not
    ``response.exactly-one``.  `destructive` cases may end or change the target, `slow` ones take
    seconds on a server that reads byte by byte.  `limit` is in seconds.  `dialect` is the name of what
    the target has to speak.
    """

    id: str
    requirements: tuple[str, ...]
    title: str
    body: Callable[[Probe], None]
    needs: tuple[str, ...] = ()
    owns_silence: bool = False
    destructive: bool = False
    slow: bool = False
    limit: float = LIMIT
    dialect: str = QMP.name


_CASES: dict[str, Case] = {}

Body = Callable[..., None]


def case(
    *requirements: str,
    each: Mapping[str, Any] | None = None,
    name: str | None = None,
    needs: tuple[str, ...] = (),
    owns_silence: bool = False,
    destructive: bool = False,
    slow: bool = False,
    limit: float = LIMIT,
    dialect: str = QMP.name,
) -> Callable[[Body], Body]:
    """Make a function a case; with `each`, one case for each of its entries."""

    def register(function: Body) -> Body:
        own = function.__name__.strip("_").replace("_", "-") if name is None else name
        title = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        for key, value in ({"": None} if each is None else each).items():
            corner = "-".join(part for part in (own, key) if part)
            address = f"{requirements[0]}/{corner}"
            if address in _CASES:
                raise ValueError(f"two cases are called {address}")
            body = function if each is None else _bound(function, value)
            told = f"{title} ({key})" if key else title
            _CASES[address] = Case(
                address,
                requirements,
                told,
                body,
                needs,
                owns_silence,
                destructive,
                slow,
                limit,
                dialect,
            )
        return function

    return register


def _bound(function: Body, value: Any) -> Callable[[Probe], None]:
    return lambda probe: function(probe, value)


def server_cases() -> dict[str, Case]:
    """Every case of the server suite that does not come out of a catalog, by id."""
    for module in MODULES:
        importlib.import_module(f"qmpconf.conform.server.{module}")
    return dict(_CASES)
