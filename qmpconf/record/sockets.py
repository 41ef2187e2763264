"""The sockets below a folder, as they come and go."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from qmpconf.errors import UsageError
from qmpconf.net.endpoint import is_bound, reason

#: What the name of a socket may end in, which says nothing.
_ENDING = re.compile(r"\.(?:sock|socket|qmp|monitor)\Z")
#: Sockets that are looked at, at most.
_MOST = 4096
#: Milliseconds between two looks for news, and for which news is collected.
_STEP, _COLLECT = 20, 100


class Found(NamedTuple):
    """A socket: its path, and which file that is."""

    path: str
    device: int
    inode: int
    made: int


class Below:
    """The sockets below `folder` whose path in it matches the glob `match`, and that somebody serves."""

    def __init__(self, folder: str, match: str) -> None:
        self._folder = folder
        self._match = match

    def monitors(
        self, tell: Callable[[str, str], None], taken: Collection[str] = ()
    ) -> dict[str, Found]:
        """Those that are there, by the names of their monitors, of which none is `taken`.

        `tell` is called with a name, and with what is wrong with a socket of that name.
        """
        found: dict[str, Found] = {}
        for path in sorted(self._sockets()):
            inner = os.path.relpath(path, self._folder)
            name = _ENDING.sub("", inner).replace("/", "-").lstrip(".")
            one = _served(path) if name and fnmatchcase(inner, self._match) else None
            if one is None:
                continue
            if name in taken:
                tell(
                    name,
                    f"{path} is not recorded: a monitor of the configuration has the same name",
                )
            elif name in found:
                tell(name, f"{path} is not recorded: {found[name].path} has the same name here")
            elif len(found) < _MOST:
                found[name] = one
        return found

    def _sockets(self) -> Iterator[str]:
        for place, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(place, name)
                with contextlib.suppress(OSError):
                    if stat.S_ISSOCK(os.lstat(path).st_mode):
                        yield path


def _served(path: str) -> Found | None:
    """Which socket it is; None for one that nobody serves any more."""
    try:
        if not is_bound(path):
            return None
        seen = os.lstat(path)
    except OSError:  # it has just gone, or its path is too long for a socket
        return None
    return Found(path, seen.st_dev, seen.st_ino, seen.st_ctime_ns)


@contextlib.contextmanager
def watching(
    folder: str, changed: Callable[[], None], complain: Callable[[str], None]
) -> Iterator[None]:
    """Meanwhile call `changed`, from another thread, when something below the folder has changed.

    `complain` is called when that cannot be seen any more.  Raises UsageError where watchfiles is not
    installed.
    """
    try:
        import watchfiles  # noqa: PLC0415 - not everybody has it, or needs it
    except ImportError:
        raise UsageError(
            "watching a folder needs another package: pip install 'qmpconf[hosts]'"
        ) from None
    over = threading.Event()

    def look() -> None:
        try:
            for _ in watchfiles.watch(
                folder,
                watch_filter=None,
                debounce=_COLLECT,
                step=_STEP,
                stop_event=over,
                rust_timeout=1000,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                changed()
        except (OSError, RuntimeError) as error:
            complain(f"{folder} cannot be watched any more: {reason(error)}; it is looked at only")

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
