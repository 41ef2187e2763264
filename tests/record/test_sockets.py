"""A folder of sockets: that something has changed in it is told."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from qmpconf.errors import UsageError
from qmpconf.record.sockets import watching


def test_a_folder_is_watched(tmp_path: Path) -> None:
    changed = threading.Event()
    with watching(str(tmp_path), changed.set, lambda _: None):
        for number in range(1000):  # it takes a moment until it looks
            (tmp_path / str(number)).touch()
            if changed.wait(0.05):
                break
    assert changed.is_set()


def test_without_what_watches_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with (
        pytest.raises(UsageError, match=r"another package: .*qmpconf\[hosts\]"),
        watching(str(tmp_path), lambda: None, lambda _: None),
    ):
        pass
