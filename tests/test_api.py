"""The public names: all there, documented, and free to import."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qmpconf


@pytest.mark.parametrize("name", [name for name in qmpconf.__all__ if name != "__version__"])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(qmpconf, name)
    assert getattr(found, "__doc__", None) or name in {"Observe", "Side"}


FUNCTIONS = [name for name in qmpconf.__all__ if inspect.isfunction(getattr(qmpconf, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_says_what_it_raises_and_follows(name: str) -> None:
    text = inspect.getdoc(getattr(qmpconf, name)) or ""
    assert "Raises" in text
    assert re.search(r"qmpconf/\S*README\.md", text), "the document that it follows"
    assert ">>>" in text, "an example"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_example_is_true(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = getattr(qmpconf, name)
    (tmp_path / "traces").symlink_to(Path("traces").resolve())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    names = {"Item": qmpconf.Item, name: function}
    found = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert [test for test in found if test.examples]
    for test in found:
        assert doctest.DocTestRunner(verbose=False).run(test).failed == 0, capsys.readouterr().out


def test_pydoc_prints_the_public_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pydoc", "qmpconf"], capture_output=True, text=True, check=True
    )
    for name in FUNCTIONS:
        assert (
            re.search(rf"^    {name}\(", done.stdout, re.MULTILINE) or f"{name} = " in done.stdout
        )


def test_what_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = qmpconf.nothing


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, qmpconf; print([m for m in sys.modules if m.startswith('qmpconf.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['qmpconf.version']"


def test_a_recorded_session_is_opened_and_checked() -> None:
    path = "traces/qemu-7.2.22-libvirt.qmptrace.gz"
    items = [item for item in qmpconf.open_trace(path).items() if isinstance(item, qmpconf.Item)]
    assert items[0].frame.data.startswith(b'{"QMP"')
    outcome = qmpconf.check_trace(path)
    assert outcome.messages == len(items)
    assert {one.first.requirement for one in outcome.groups} == {"practice.failed"}
    assert not list(qmpconf.check_trace(path, ignore=["practice"]).groups)
    assert qmpconf.load_catalog("qemu-7.2.22").commands["stop"].name == "stop"


def test_a_trace_is_converted_and_summarized(tmp_path: Path) -> None:
    path, again = str(tmp_path / "s.pcapng"), str(tmp_path / "s.qmptrace")
    qmpconf.convert_trace("traces/qemu-7.2.22-libvirt.qmptrace.gz", path)
    qmpconf.convert_trace(path, again)
    told = [one.name for one in qmpconf.summarize(qmpconf.open_trace(again).items())]
    assert "qmp_capabilities" in told
