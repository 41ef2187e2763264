"""What is installed stays small: the catalogs are most of it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import qmpconf

#: Bytes of a wheel at most.
MOST = 3_000_000


def test_a_wheel_is_small() -> None:
    """Packed as a wheel is; `.ci/run` holds the wheel itself to the same."""
    folder = Path(qmpconf.__file__).parent
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                packed.write(path, path.relative_to(folder.parent))
    assert len(wheel.getvalue()) < MOST
