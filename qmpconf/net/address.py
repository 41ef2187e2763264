"""Addresses as users write them: ``unix:PATH``, a bare path, ``tcp:HOST:PORT``, ``fd:N``.

``fd:NAME`` is one that systemd has passed by that name (systemd.socket(5), FileDescriptorName=).
``unix:@NAME`` is a name in Linux' abstract namespace (unix(7)), as socat and ss write it; QEMU
takes it as ``path=NAME,abstract=on,tight=on``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from qmpconf.errors import UsageError

#: What an address looks like, for messages and help.
FORMS = "unix:PATH, a bare path, tcp:HOST:PORT or fd:N"

#: The first descriptor that a service manager passes (SD_LISTEN_FDS_START).
_FIRST_PASSED = 3

#: Bytes that the path of a UNIX socket may have on Linux (unix(7): sun_path, less its end mark).
LONGEST_PATH = 107

#: What looks like a scheme, or like a host with its port.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*|\[[^\[\]/]+\]|[0-9.]+):(.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}")
_TCP = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]*)):([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a UNIX socket; one that begins with ``@`` is abstract, and not a file."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"

    @property
    def bare(self) -> str:
        """As clients take it on their command line: the path."""
        return self.path

    @property
    def abstract(self) -> bool:
        """Whether it is a name without a file."""
        return self.path.startswith("@")

    @property
    def name(self) -> str:
        """As the system takes it."""
        return f"\0{self.path[1:]}" if self.abstract else self.path


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a TCP port (0: any free one, for listening)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.bare}"

    @property
    def bare(self) -> str:
        """As clients take it on their command line: HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FdAddress:
    """A socket that this process has inherited: connected or listening."""

    number: int

    def __str__(self) -> str:
        return f"fd:{self.number}"

    @property
    def bare(self) -> str:
        """The number."""
        return str(self.number)


Address = UnixAddress | TcpAddress | FdAddress


def parse_address(text: str) -> Address:
    """Read an address.  Raises `UsageError` that says what is wrong and what it may be."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "tcp":
        found = _TCP.fullmatch(rest)
        if not found or int(found.group(3)) > 65535:
            raise UsageError(
                f"{text!r} is not a TCP address: write tcp:HOST:PORT with a port up to 65535, "
                "and an IPv6 host in brackets"
            )
        return TcpAddress(found.group(1) or found.group(2) or "localhost", int(found.group(3)))
    if colon and scheme == "fd":
        return FdAddress(int(rest) if _NUMBER.fullmatch(rest) else _passed(rest))
    scheme_like = None if scheme == "unix" else _SCHEME.fullmatch(text)
    if scheme_like:
        raise _unknown(text, *scheme_like.groups())
    path = rest if colon and scheme == "unix" else text
    if not path:
        raise UsageError(f"{text!r} is not an address: write {FORMS}")
    size = len(os.fsencode(path))
    if "\0" in path:
        raise UsageError(f"the socket path {path!r} holds a NUL character")
    if size > LONGEST_PATH:
        raise UsageError(
            f"the socket path {path!r} is {size} bytes long; a UNIX socket's may "
            f"have {LONGEST_PATH}: use a shorter one, or a relative one"
        )
    return UnixAddress(path)


def _passed(name: str) -> int:
    """The descriptor of that name which a service manager has passed (sd_listen_fds_with_names(3))."""
    ours = os.environ.get("LISTEN_PID") == str(os.getpid())
    count = os.environ.get("LISTEN_FDS", "")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if ours and _NUMBER.fullmatch(count):
        for number, one in enumerate(names[: int(count)]):
            if one == name:
                return _FIRST_PASSED + number
    there = ", ".join(filter(None, names)) if ours else "none"
    raise UsageError(
        f"fd:{name}: no descriptor of that name was passed by a service manager (LISTEN_FDNAMES: "
        f"{there or 'none'}); write fd:N with a number, or give the socket that name "
        "(FileDescriptorName=)"
    )


def _unknown(text: str, scheme: str, rest: str) -> UsageError:
    """The error for an address that begins as none of ours does."""
    if _NUMBER.fullmatch(rest):
        return UsageError(f"{text!r} is not an address; did you mean tcp:{text}?")
    return UsageError(
        f"there are no addresses of the kind {scheme + ':'!r}; write {FORMS} (a path with a colon "
        f"in it: unix:{text})"
    )
