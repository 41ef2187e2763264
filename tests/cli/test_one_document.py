"""What a verb prints as JSON is what ``report`` makes of its result, and results of all verbs merge."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from tests.check.scripts import OPENING, write
from tests.explore.test_exploring import spawned
from tests.schema.documents.samples import PLAIN

SERVE = f"{sys.executable} -m qmpconf serve --schema qemu-7.2.22 --listen {{socket}}"

#: A command that the catalog refuses, which the recorded server took.
BAD = [*OPENING, '> {"execute": "stop", "arguments": {"a": 1}}', '< {"return": {}}']

#: A client that ends well with a kind server.
CLIENT = """
import os, socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect(os.environ["QMPCONF_SOCKET"])
    f = s.makefile("rwb")
    f.readline()
    f.write(b'{"execute": "qmp_capabilities"}')
    f.flush()
    f.readline()
"""

#: Verb -> its call, and its exit code.
CALLS: dict[str, tuple[str, int]] = {
    "check": ("check {trace} --schema qemu-7.2.22", 1),
    "replay": ("replay {trace} --spawn {serve}", 1),
    "conform": ("conform --spawn {serve} -k negotiation --level MUST", 0),
    "conform-client": ("conform-client -k plain -q {options} -- {client}", 0),
    "schema diff": ("schema diff qemu-10.0.13 qemu-11.1.3 --level deprecated", 1),
    "schema audit": ("schema audit {document}", 1),
    "coverage": ("coverage {trace} --schema qemu-7.2.22 --fail-under 50", 1),
    "stats": ("stats {trace}", 0),
    "explore": (
        "explore --spawn {exits} --seed 1 --lives 1 --commands 60 --shrink 0.01 -q -o {found}",
        1,
    ),
}


def calls(verb: str, folder: Path, *options: str) -> list[str]:
    names = {
        "trace": str(write(folder / "t.qmptrace", BAD)),
        "serve": SERVE,
        "exits": spawned("Exits"),
        "found": str(folder / "found"),
        "document": str(folder / "lamps.txt"),
        "client": f"{sys.executable} {folder / 'client.py'}",
    }
    (folder / "lamps.txt").write_text(PLAIN)
    (folder / "client.py").write_text(CLIENT)
    words: list[str] = []
    for word in CALLS[verb][0].split():
        if word == "{options}":
            words += options
        elif word == "{client}":
            words += shlex.split(names["client"])
        else:
            words.append(word.format(**names))
    return words if "{options}" in CALLS[verb][0] else [*words, *options]


@pytest.mark.parametrize("verb", CALLS)
def test_a_verb_and_its_result_are_the_same_document(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = str(tmp_path / "r.qmpresult")
    code = main(calls(verb, tmp_path, "--format", "json", "--result", result))
    own = json.loads(capsys.readouterr().out)
    assert code == CALLS[verb][1]
    assert (own["exit_code"], own["failed"]) == (code, bool(code))
    assert main(["report", result, "--format", "json"]) == code
    assert json.loads(capsys.readouterr().out) == own
    assert own["subjects"]


def told(page: str) -> list[str]:
    """A page without what to do next, and the command that makes it again, which have a path in them."""
    ways = ("next: ", "      ", "Made by ")
    return [line for line in page.splitlines() if not line.startswith(ways)]


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize("verb", CALLS)
def test_a_verb_and_its_result_are_the_same_page(
    verb: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = str(tmp_path / "r.qmpresult")
    code = main(calls(verb, tmp_path, "--format", form, "--result", result))
    own = told(capsys.readouterr().out)
    assert main(["report", result, "--format", form]) == code
    assert told(capsys.readouterr().out) == own
    assert own


def test_results_of_all_verbs_are_one_report_in_any_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for number, verb in enumerate(CALLS):
        paths.append(str(tmp_path / f"{number}.qmpresult"))
        main(calls(verb, tmp_path, "--result", paths[-1]))
    capsys.readouterr()
    assert main(["report", *paths, "--format", "json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert main(["report", *reversed(paths), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == whole
    verbs = {run["verb"] for run in whole["runs"]}
    assert len(verbs) == len(CALLS)
    assert whole["figures"]["messages"] == len(BAD)
    assert {subject["kind"] for subject in whole["subjects"]} == {
        "trace",
        "server",
        "client",
        "document",
        "catalogs",
    }
    for form in ("text", "markdown", "html", "junit", "sarif", "github"):
        assert main(["report", *paths, "--format", form]) == 1
        assert capsys.readouterr().out
