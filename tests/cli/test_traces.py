"""Folders of recordings: which files they stand for, also where they change or cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmpconf.cli.traces import traces_in
from qmpconf.errors import InputError, UsageError


def test_a_folder_stands_for_the_traces_in_it_and_below(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("b/c/2.qmptrace.gz", "b/1.qmptrace", "z.qmptrace", "b/notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.qmptrace").mkdir()
    found = [os.path.relpath(one, tmp_path) for one in traces_in([str(tmp_path)])]
    assert found == ["b/1.qmptrace", "b/c/2.qmptrace.gz", "z.qmptrace"]


def test_a_folder_without_any_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no trace"):
        list(traces_in([str(tmp_path)]))


@pytest.mark.parametrize("name", ["x" * 5000, "a\nb", "\udcff"])
def test_what_can_be_no_folder_is_taken_for_a_trace(name: str) -> None:
    assert list(traces_in([name])) == [name]


@pytest.mark.parametrize(("error", "told"), [(FileNotFoundError, False), (PermissionError, True)])
def test_a_folder_below_that_is_gone_is_passed_over_and_one_without_access_is_told(
    error: type[OSError], told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b.qmptrace").write_bytes(b"")
    scan = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("/a"):
            raise error(1, "no", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    if told:
        with pytest.raises(InputError, match=r"cannot read .*/a: no"):
            list(traces_in([str(tmp_path)]))
    else:
        assert list(traces_in([str(tmp_path)])) == [str(tmp_path / "b.qmptrace")]
