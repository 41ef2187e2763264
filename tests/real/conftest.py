"""Fixtures for the tests that talk to real servers, and the rule for machines that have none.

Every test in this folder carries the marker `real`.  Where a build is missing, the tests that ask
for it are skipped.  ``QMPCONF_REQUIRE_REAL`` turns skips into failures, so that a green run proves
something: ``1`` requires the builds in `REQUIRED`, ``all`` requires every build of `RELEASES`.

Builds are only looked up here, never fetched: tests open no connection beyond the machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.real.builds import RELEASES, Build, BuildError, find
from tests.real.machines import Server, start, start_machine
from tests.real.proxies import Proxy
from tests.real.wire import Wire

HERE = Path(__file__).parent

#: What ``QMPCONF_REQUIRE_REAL=1`` requires: Debian stable's packages, one apt-get away.
REQUIRED = ("qemu-7.2", "qemu-storage-daemon-7.2", "qemu-img-7.2")


def require(name: str) -> Build:
    """The build `name`; skips the running test, or fails it, when it is missing."""
    try:
        return find(name)
    except BuildError as error:
        policy = os.environ.get("QMPCONF_REQUIRE_REAL", "")
        if policy == "all" or (policy and name in REQUIRED):
            pytest.fail(f"QMPCONF_REQUIRE_REAL={policy}: {error}", pytrace=False)
        pytest.skip(str(error))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)


class StartServer(Protocol):
    def __call__(self, build: str, *args: str, name: str = ...) -> Server: ...


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start any build by its name with a monitor; all of them end with the test."""
    yield from _starter(start, tmp_path)


@pytest.fixture
def start_rich(tmp_path: Path) -> Iterator[StartServer]:
    """Start an emulator by its name as the q35 machine of `machines.MACHINE`."""
    yield from _starter(start_machine, tmp_path)


def _starter(function: Callable[..., Server], folder: Path) -> Iterator[StartServer]:
    with ExitStack() as servers:

        def begin(build: str, *args: str, name: str = "qmp.sock") -> Server:
            return servers.enter_context(function(require(build), folder, *args, name=name))

        yield begin


@pytest.fixture
def qemu(start_server: StartServer) -> Server:
    """QEMU 7.2 without a machine."""
    return start_server("qemu-7.2")


@pytest.fixture
def storage_daemon(start_server: StartServer) -> Server:
    """The storage daemon of 7.2."""
    return start_server("qemu-storage-daemon-7.2")


@pytest.fixture(params=list(RELEASES))
def each_qemu(request: pytest.FixtureRequest, start_server: StartServer) -> Server:
    """QEMU without a machine, once for each release."""
    return start_server(f"qemu-{request.param}")


StartProxy = Callable[..., Proxy]


@pytest.fixture
def start_proxy(tmp_path: Path) -> Iterator[StartProxy]:
    """Start recorders in front of servers; all of them end with the test."""
    with ExitStack() as proxies:

        def begin(server: Server, name: str = "proxy", suffix: str = "") -> Proxy:
            proxy = Proxy(tmp_path, server.path, name, suffix=suffix)
            proxies.callback(proxy.stop)
            return proxy

        yield begin


@pytest.fixture
def wire(qemu: Server) -> Iterator[Wire]:
    """A negotiated connection to `qemu`."""
    with Wire(qemu.path) as connection:
        connection.negotiate()
        yield connection
