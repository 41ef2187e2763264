"""The shipped catalogs are what the real builds tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.schema import store
from tests.real.conftest import StartServer

BUILDS = {
    "qemu-5.2": "qemu-5.2.0",
    "qemu-7.2": "qemu-7.2.22",
    "qemu-10.0": "qemu-10.0.13",
    "qemu-11.1": "qemu-11.1.3",
    "qemu-storage-daemon-5.2": "qemu-storage-daemon-5.2.0",
    "qemu-storage-daemon-7.2": "qemu-storage-daemon-7.2.22",
    "qemu-storage-daemon-10.0": "qemu-storage-daemon-10.0.13",
    "qemu-storage-daemon-11.1": "qemu-storage-daemon-11.1.3",
}


@pytest.mark.parametrize("build", BUILDS)
def test_a_shipped_catalog_is_made_again(
    build: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(build)
    out = tmp_path / "fetched.json.gz"
    assert main(["schema", "fetch", "--target", str(server.path), "-o", str(out)]) == 0
    fetched, shipped = store.read(out), store.load_shipped(BUILDS[build])
    if fetched.source.package != shipped.source.package:
        pytest.skip(f"another build: {fetched.source.package}")
    assert store.encode(fetched) == store.encode(shipped)
