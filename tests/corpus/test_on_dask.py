"""The workers of a Dask cluster do what one process does, also where one of them is killed."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qmpconf.cli.main import main
from qmpconf.corpus import on_dask
from qmpconf.corpus.gathered import Watch
from qmpconf.corpus.work import StatsPart, StatsTask
from qmpconf.errors import TargetError
from qmpconf.report.progress import Progress
from qmpconf.report.results.stream import write_result
from tests.report.results.samples import checked

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
pytest.importorskip("aiohttp", reason="the extra `dask` is not installed")

#: What Dask and its parts warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

SAMPLE = "traces/qemu-7.2.22-libvirtd.qmptrace.gz"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as made:
        yield made.scheduler_address


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    code = main([*words, "--format", "json"])
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if '"started"' not in line]
    return code, [line for line in lines if '"command"' not in line], err


def test_they_say_what_one_process_says(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also of files that no worker has, and of those that are named by a URL."""
    for number in range(3):
        shutil.copy(SAMPLE, tmp_path / f"{number}.qmptrace.gz")
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web = f"http://127.0.0.1:{server.server_port}"
        paths = [
            *(str(tmp_path / f"{number}.qmptrace.gz") for number in range(3)),
            str(tmp_path / "none"),
            f"file://{tmp_path}/1.qmptrace.gz",
            f"{web}/2.qmptrace.gz",
            f"{web}/none",
        ]
        for verb in ("check", "stats"):
            alone = _said(capsys, verb, *paths, "--jobs", "1")
            assert _said(capsys, verb, *paths, "--workers", f"dask:{cluster}") == alone
        for number in range(3):
            write_result(str(tmp_path / f"{number}.qmpresult"), checked(started=f"{number}"))
        shards = [f"{tmp_path}/0.qmpresult", f"file://{tmp_path}/1.qmpresult"]
        shards += [f"{web}/2.qmpresult", f"{web}/none"]
        alone = _said(capsys, "report", *shards, "--jobs", "1")
        assert alone[0] == 3
        assert _said(capsys, "report", *shards, "--workers", f"dask:{cluster}") == alone
        alone = _said(capsys, "stats", *paths, "--jobs", "1")
        server.shutdown()
    assert alone[0] == 3
    assert f"cannot read {tmp_path}/none" in alone[2]
    assert f"cannot read {web}/none" in alone[2]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@dataclass(frozen=True)
class Dying:
    """Ends its worker at one file: once, or each time."""

    folder: str
    once: bool

    def __call__(self, number: int, path: str, watch: Watch) -> tuple[StatsPart, list[str]]:
        mark = os.path.join(self.folder, "died")
        if number == 2 and not (self.once and os.path.exists(mark)):
            Path(mark).write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return StatsTask("")(number, path, watch)


@pytest.mark.parametrize("once", [True, pytest.param(False, marks=pytest.mark.whole)])
def test_a_worker_that_is_killed_changes_nothing(cluster: str, tmp_path: Path, once: bool) -> None:
    with Progress("testing", quiet=True) as progress:
        found = on_dask.run(Dying(str(tmp_path), once), [SAMPLE] * 5, cluster, progress)
    assert found.part is not None
    assert found.part.stats.figures().traces == (5 if once else 4)
    assert list(found.unread.values()) == (
        [] if once else [f"{SAMPLE}: each worker that read it was ended"]
    )


def test_another_version_is_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_dask, "__version__", "9.9")
    with pytest.raises(TargetError, match=r"has qmpconf .*, and this is 9\.9: install the same"):
        on_dask.run(StatsTask(""), [SAMPLE], cluster, Progress("testing", quiet=True))


def test_what_cannot_be_reached(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_dask, "_PATIENCE", 0.5)
    for address, code, said in (
        ("tcp://127.0.0.1:1", 4, "cannot reach the Dask scheduler at tcp://127.0.0.1:1"),
        ("nonsense", 2, "--workers dask:nonsense: missing port number"),
    ):
        assert main(["stats", SAMPLE, "--workers", f"dask:{address}"]) == code
        assert said in capsys.readouterr().err
    assert main(["stats", SAMPLE, "--workers", "dask:x:1", "--jobs", "2"]) == 2
    with pytest.raises(SystemExit):
        main(["stats", SAMPLE, "--workers", "ssh:x"])


def test_a_recording_in_a_bucket(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="the extra `dask` is not installed")
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    import boto3  # noqa: PLC0415 - comes with moto
    import fsspec  # noqa: PLC0415

    store = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    store.start()
    try:
        host, port = store.get_host_and_port()
        keys = {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s"}
        monkeypatch.setitem(fsspec.config.conf, "s3", keys)
        client = boto3.client(
            "s3",
            endpoint_url=keys["endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )
        client.create_bucket(Bucket="fleet")
        client.upload_file(SAMPLE, "fleet", "a.qmptrace.gz")
        assert main(["stats", "s3://fleet/a.qmptrace.gz"]) == 0
        assert main(["stats", "s3://fleet/none"]) == 3
    finally:
        store.stop()
    said = capsys.readouterr()
    assert " messages in " in said.out
    assert "qmpconf stats: cannot read s3://fleet/none" in said.err
