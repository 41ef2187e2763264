"""The image that the container file makes: built by an engine, and run as its users run it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from qemu.qmp.legacy import QEMUMonitorProtocol

from tests.adoption import images
from tests.adoption.offline import GOOD, ROOT, environment
from tests.real.builds import BuildError

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1800)]

#: A user that the image knows nothing of.
NOBODY = "12345:12345"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Image:
    engine: images.Engine
    name: str

    def run(self, *words: str, mount: dict[Path, str] | None = None) -> str:
        """What qmpconf prints in a fresh container, as a user without a name, with its own command line."""
        container = self.engine.container(self.name)
        config = self.engine.config(self.name)
        mounts = [f"--volume={path}:{target}" for path, target in (mount or {}).items()]
        call = ["--isolation", "chroot", "--user", NOBODY, *mounts, container, "--"]
        return self.engine.run("run", *call, *config["Entrypoint"], *words).stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("engine")
    try:
        with images.engine(folder / "store") as engine:
            for what, name in images.names().items():
                engine.image(images.base(what), name)
            done = engine.build("qmpconf", *images.pip_options(folder))
            assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
            yield Image(engine, "qmpconf")
    except (images.NoEngineError, BuildError) as error:
        pytest.skip(str(error))


def test_it_says_its_version_and_has_the_compiled_core(image: Image) -> None:
    assert image.run("--version").rstrip().endswith("(compiled core)")


def test_it_stops_at_once_and_shows_the_help(image: Image) -> None:
    config = image.engine.config(image.name)
    assert (config["StopSignal"], config["WorkingDir"]) == ("SIGINT", "/data")
    assert image.run(*config["Cmd"]).startswith("usage: qmpconf")


def test_any_user_has_the_demo(image: Image) -> None:
    assert "no differences" in image.run("demo")


def test_a_mounted_trace_is_checked(image: Image, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "s.qmptrace").write_text(GOOD)
    told = image.run("check", "s.qmptrace", mount={tmp_path: "/data:ro"})
    assert "5 messages in 1 session checked: no findings" in told


def test_a_monitor_in_a_mounted_folder_is_recorded(image: Image, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    monitor, proxy, trace = (tmp_path / name for name in ("qmp.sock", "proxy.sock", "s.qmptrace"))
    serve = [sys.executable, "-m", "qmpconf", "serve", "--listen", str(monitor)]
    with subprocess.Popen(serve, stderr=subprocess.DEVNULL, env=environment()) as server:
        try:
            appears(monitor)
            monitor.chmod(0o777)
            words = ["record", "--server", "/vm/qmp.sock", "--listen", "/vm/proxy.sock"]
            client = f"{sys.executable} -m tests.adoption.test_image {proxy}"
            with subprocess.Popen(client.split(), cwd=ROOT) as asking:
                image.run(*words, "--once", "-o", "/vm/s.qmptrace", mount={tmp_path: "/vm"})
                assert asking.wait() == 0
        finally:
            server.terminate()
    assert json.loads(trace.read_text().splitlines()[-1])["finish"]["sessions"] == 1
    assert '"execute":"query-status"' in trace.read_text()


def appears(path: Path) -> None:
    """Wait for a socket."""
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.05)


if __name__ == "__main__":  # the client of the recorder
    appears(Path(sys.argv[1]))
    with QEMUMonitorProtocol(sys.argv[1]) as talking:
        talking.connect()
        talking.cmd("query-status")
