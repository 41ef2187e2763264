"""The conformance suite on real servers: no failure that is not known, and everything around it.

The default run takes QEMU 7.2 and its storage daemon, and with ``QMPCONF_REQUIRE_REAL=all`` QEMU
11.1.  A whole run (`tests.usual`) puts every build to the test, as
``qmpconf conform --matrix reports/conformance.toml`` does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.conform.outcome import Outcome
from qmpconf.conform.suite import Options, Suite
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Verdict
from qmpconf.net.address import UnixAddress
from qmpconf.net.process import Server as SpawnedServer
from qmpconf.report.results.merge import merged
from qmpconf.report.results.of_conform import of_conform
from qmpconf.report.results.stream import header, read_result
from qmpconf.report.views import text
from tests.real.builds import RELEASES, Build
from tests.real.conftest import StartServer, require
from tests.real.machines import BARE, Server
from tests.usual import WHOLE, share

EVERYTHING = os.environ.get("QMPCONF_REQUIRE_REAL") == "all"
if WHOLE:
    BUILDS = [
        f"{product}-{release}"
        for product in ("qemu", "qemu-storage-daemon")
        for release in RELEASES
    ]
elif EVERYTHING:
    BUILDS = ["qemu-11.1"]
else:
    BUILDS = ["qemu-7.2", "qemu-storage-daemon-7.2"]


def conform(server: Server, folder: Path, *patterns: str, shipped: bool = True) -> Outcome:
    options = Options(patterns=patterns, slow=EVERYTHING, folder=str(folder), shipped=shipped)
    # From inside its folder: a socket's address may have 107 bytes.
    with Suite(Target(UnixAddress(os.path.relpath(server.path))), options) as suite:
        return suite.run_all()


def spawn(build: Build) -> str:
    """A command line that starts a build, as users of --spawn write it."""
    words: Sequence[str] = (
        ("--chardev", "socket,id=qmp,path={socket},server=on,wait=off", "--monitor", "chardev=qmp")
        if build.product == "qemu-storage-daemon"
        else (*BARE, "-qmp", "unix:{socket},server=on,wait=off")
    )
    environment = [f"{name}={value}" for name, value in build.env.items()]
    return shlex.join(["env", *environment, *build.command(*words)])


def closing(found: Outcome) -> str:
    return text.page(merged([of_conform(header("conform"), found)]))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BUILDS)
def test_real_server_conforms(
    name: str, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "qemu-storage-daemon-5.2":
        # It aborts on query-events: only whoever has started it can start it again.
        with SpawnedServer(spawn(require(name))) as server:
            server.start()
            server.wait_until_bound()
            options = Options(slow=EVERYTHING, folder=str(tmp_path / "out"))
            with Suite(Target(server.address, server=server), options) as suite:
                found = suite.run_all()
    else:
        found = conform(start_server(name), tmp_path / "out")
    assert found.exit_code == 0, closing(found)
    assert found.unexpected == [], closing(found)
    assert found.counts[Verdict.PASS] > 350
    assert found.counts[Verdict.INCONCLUSIVE] <= (1 if "5.2" not in name else 3), closing(found)


def test_known_deviations_are_real(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the shipped list just what it lists fails."""
    monkeypatch.chdir(tmp_path)
    groups = ("framing.valid-json", "framing.utf8-in", "response.id-echo/success")
    found = conform(start_server("qemu-7.2"), tmp_path / "out", *groups, shipped=False)
    assert found.exit_code == 1
    assert {one.case for one in found.unexpected} == {
        "framing.valid-json/numbers-huge",
        "framing.valid-json/numbers-minus-huge",
        "framing.utf8-in/overlong-zero",
    }
    first = found.unexpected[0]
    assert re.search(r"^>.* <- .*\"id\": inf", first.excerpt, re.MULTILINE)


def test_list_of_known_failures_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written once, it makes the run pass; with a lie in it, it does not."""
    command = spawn(require("qemu-storage-daemon-7.2"))
    path = tmp_path / "known.toml"
    words = ["conform", "--spawn", command, "-q", "--no-known-failing", "-k", "framing.valid-json"]
    words += ["--baseline", str(path)]
    assert main([*words, "--update"]) == 0
    assert 'case = "framing.valid-json/numbers-huge"' in path.read_text()
    assert main(words) == 0
    lie = '\n[[known]]\ncase = "framing.valid-json/strings"\nreason = "I think so"\n'
    path.write_text(path.read_text() + lie)
    assert main(words) == 1
    assert "HEALED framing.valid-json/strings" in capsys.readouterr().out


def test_dry_run_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = spawn(require("qemu-storage-daemon-7.2"))
    words = ["conform", "--spawn", command, "-q", "-k", "fds.pass", "-k", "schema.return/query-v"]
    assert main([*words, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "fds.pass/add-fd: skip: the target has no add-fd" in out
    assert "schema.return/query-version: run" in out
    report = tmp_path / "report"
    assert main([*words, "-v", "--report", str(report)]) == 0
    assert "not-applicable fds.pass/add-fd" in capsys.readouterr().out
    data = json.loads((report / "results.json").read_text())
    assert data["requirements"]["schema.return"] == "pass"
    assert "`schema.return`" in (report / "report.md").read_text()
    assert "schema.return" in (report / "report.html").read_text()
    trace = report / "traces" / "schema.return__query-version.qmptrace"
    assert main(["check", "-q", "-s", str(trace)]) == 0


def test_a_matrix_is_a_table_a_page_and_a_result(tmp_path: Path) -> None:
    command = json.dumps(f"{sys.executable} -m qmpconf serve --listen {{socket}}")
    listed = tmp_path / "servers.toml"
    servers = [f'[[server]]\nname = "daemon <{n}>"\nspawn = {command}\n' for n in (10, 9)]
    gone = '[[server]]\nname = "gone"\ntarget = "unix:/nowhere/qmp.sock"\n'
    listed.write_text("".join([*servers, gone]))
    words = ["conform", "--matrix", str(listed), "-q", "-k", "schema.return/query-v"]
    assert main([*words, "--result", str(tmp_path / "result.jsonl")]) == 4
    assert "`schema.return`" in (tmp_path / "servers.md").read_text()
    page = (tmp_path / "servers.html").read_text()
    assert "daemon &lt;9&gt;" in page
    report = merged([read_result(str(tmp_path / "result.jsonl"))])
    assert [one.name for one in report.subjects] == ["daemon <9>", "daemon <10>"]
    assert {one.verdict for one in report.cases} == {"pass"}, [
        one for one in report.cases if one.verdict != "pass"
    ]
    assert report.exit_code == 4
    assert "gone" in report.notes[0].text


@pytest.mark.parametrize("schema", share(["qemu-1.6.2-doc", "qemu-11.1.3"], 2))
def test_schema_of_another_build_makes_no_alarm(schema: str, tmp_path: Path) -> None:
    command = spawn(require("qemu-7.2"))
    words = ["-q", "--schema", schema, "-k", "schema.", "-k", "request.strict"]
    report = ["--report", str(tmp_path / "report")]
    assert main(["conform", "--spawn", command, *words, *report]) == 0
    data = json.loads((tmp_path / "report" / "results.json").read_text())
    assert data["requirements"]["schema.return"] == "pass"
    doubts = [one["reason"] for one in data["results"] if one["verdict"] == "inconclusive"]
    assert doubts
    assert all(schema in one for one in doubts)


def test_destructive_cases_are_survived(tmp_path: Path) -> None:
    command = spawn(require("qemu-7.2"))
    words = ["-q", "-k", "response.exactly-one", "-k", "event.shape", "-k", "arguments/quit"]
    report = ["--report", str(tmp_path / "report")]
    assert main(["conform", "--spawn", command, "--destructive", *words, *report]) == 0
    data = json.loads((tmp_path / "report" / "results.json").read_text())
    verdicts = {one["case"]: one["verdict"] for one in data["results"]}
    assert verdicts["response.exactly-one/quit"] == "pass"
    assert verdicts["event.shape/reset"] == "pass"
    assert verdicts["request.strict-arguments/quit"] == "pass"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_plain_pytest(workers: list[str], tmp_path: Path) -> None:
    command = spawn(require("qemu-storage-daemon-7.2"))
    done = run_pytest(
        *(tmp_path, "--qmp-spawn", command, "-k", "valid-json or session or oob", *workers),
        *("--qmp-requirements", "2026-12"),
    )
    assert done.returncode == 0, done.stdout
    assert "held to the requirements of 2026-12" in done.stdout
    assert re.search(r"\d+ passed, \d+ skipped, .*2 xfailed", done.stdout)


def test_plain_pytest_takes_turns_on_one_target(start_server: StartServer, tmp_path: Path) -> None:
    path = os.path.relpath(start_server("qemu-7.2").path, tmp_path)
    words = ["-k", "valid-json or session or greeting", "-n", "2", "--qmp-no-known-failing"]
    done = run_pytest(tmp_path, "--qmp-target", path, *words)
    assert done.returncode == 1, done.stdout
    assert re.search(r"2 failed, \d+ passed", done.stdout)
    assert "FAIL framing.valid-json/numbers-huge" in done.stdout
    assert "repeat     qmpconf conform --target" in done.stdout


def test_plain_pytest_without_a_target_has_nothing_to_do(tmp_path: Path) -> None:
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    done = run_pytest(tmp_path, "--qmp-target", "none.sock", "--qmp-requirements", "2026-11")
    assert done.returncode == 2, done.stdout
    assert "did you mean 2026-12?" in done.stdout
    assert "load_set" not in done.stdout  # no traceback


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q"]
    command += ["-p", "no:cacheprovider", "--pyargs", "qmpconf.conform", *words]
    return subprocess.run(
        command, cwd=folder, check=False, text=True, timeout=100, stdout=-1, stderr=-2
    )
