"""What is recorded on a host, and how: the monitors that are named, and those below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from qmpconf.errors import UsageError
from qmpconf.record.recorder import ignore
from qmpconf.record.sockets import Below, Found
from qmpconf.trace.rotation import Rotation

#: Why an agent is not shared.
NO_AGENT = (
    "a guest agent cannot be shared: it does not greet, and some of its commands are never answered, so that "
    "nobody can say whose turn is next; its clients take turns at a recording without --share"
)


@dataclass(frozen=True, slots=True)
class Share:
    """How several clients share one session with the server (`qmpconf.record.sharing`).

    At the address `observe`, if there is one, clients connect that only observe.  Of the others the first may send, and
    those beside it observe, unless with `all_write` all may.
    """

    observe: str = ""
    all_write: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor: its `name`, where it is, and where its clients connect (addresses).

    `protocol` is what it speaks, where the plan's is not it; with `share`, its clients share one session.
    """

    name: str
    server: str
    listen: str
    server_dials: bool = False
    protocol: str = ""
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recorded on a host, and how.

    `output` is the folder of the recordings, `compress` ``gz``, ``zst`` or an empty string.  Of the
    sockets below the folder `directory` those whose path in it matches `match` are monitors; their
    clients connect below the folder `listen`.  `rotation` is that of each recording; as many parts as it
    keeps are kept of each monitor.  `pass_on_error`, `redact`, `secrets` and `protocol` are those of `record_trace`;
    `share` is that of the monitors below the folder, where its ``observe`` is a folder, too.
    """

    output: str
    monitors: tuple[Monitor, ...] = ()
    directory: str = ""
    listen: str = ""
    match: str = "*"
    compress: str = "gz"
    rotation: Rotation | None = None
    pass_on_error: bool = False
    redact: bool = True
    secrets: tuple[str, ...] = field(default=())
    protocol: str = ""
    share: Share | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those of `monitors`."""
        return tuple(one.name for one in self.monitors)


def monitors_of(plan: Plan, complain: Callable[[str], None] = ignore) -> list[Monitor]:
    """The monitors that would be recorded now.  Raises `UsageError` for a plan that cannot be."""
    check(plan)
    found = list(plan.monitors)
    if plan.directory:
        sockets = Below(plan.directory, plan.match)
        there = sockets.monitors(lambda name, text: complain(f"{name}: {text}"), plan.names)
        found += (below(plan, name, one) for name, one in there.items())
    return found


def below(plan: Plan, name: str, found: Found) -> Monitor:
    """The monitor that a socket below the folder is."""
    listen = os.path.join(plan.listen, f"{name}.sock")
    return Monitor(name, f"unix:{found.path}", f"unix:{listen}", share=shared(plan.share, name))


def shared(share: Share | None, name: str) -> Share | None:
    """How the monitor `name` is shared, where `share` has a folder for the sockets of observers."""
    if share is None or not share.observe:
        return share
    return Share(f"unix:{os.path.join(share.observe, name)}.sock", all_write=share.all_write)


def check(plan: Plan) -> None:
    """Raise UsageError for what cannot be."""
    if not plan.monitors and not plan.directory:
        raise UsageError("say which monitors are recorded: a folder of sockets, or one by one")
    names = plan.names
    for name in names:
        if not name or "/" in name or name.startswith("."):
            raise UsageError(f"{name!r} cannot be a monitor's name: recordings are called after it")
        if names.count(name) > 1:
            raise UsageError(f"two monitors are called {name}")
    for one in plan.monitors:
        if one.server == one.listen:
            raise UsageError(
                f"{one.name}: server and listen are one address; name another for listen"
            )
        if one.share is not None and (one.protocol or plan.protocol) == "qga":
            raise UsageError(f"{one.name}: {NO_AGENT}")
    if plan.share is not None and plan.directory and plan.protocol == "qga":
        raise UsageError(NO_AGENT)
    if plan.share is not None and plan.share.observe and plan.share.observe == plan.listen:
        raise UsageError("the sockets of observers need another folder than those of other clients")
    if not plan.directory:
        return
    if not plan.listen:
        raise UsageError("say in which folder the sockets for clients are made (--listen)")
    if not os.path.isdir(plan.directory):
        raise UsageError(f"there is no folder {plan.directory}")
    above = os.path.realpath(plan.directory)
    for folder in filter(None, (plan.listen, plan.share.observe if plan.share else "")):
        if "\0" in folder:
            raise UsageError(f"{folder!r} cannot be a folder: no name has a zero byte in it")
        if os.path.commonpath([above, os.path.realpath(folder)]) == above:
            raise UsageError(
                f"the sockets for clients would be below {plan.directory}, and be taken for monitors; "
                "name another folder"
            )
