"""The documents that the shipped catalogs were compiled from, where whoever runs the tests has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

#: The environment variable that names their folder.
VARIABLE = "QMPCONF_DOCUMENTS"


def document(name: str) -> Path:
    """The document's file; the test is skipped where there is none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} does not name the folder that holds {name}")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"there is no {name} in {folder}, the folder of {VARIABLE}")
    return path
