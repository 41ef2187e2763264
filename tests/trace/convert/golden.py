"""What the golden files are read as: ``python -m tests.trace.convert.golden`` writes it anew.

Beside each input stands NAME.expected: the lines of the trace behind its header, the notes, and
whether the input is damaged.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from qmpconf.trace.convert.converting import convert

FOLDER = Path(__file__).parent / "golden"
INPUTS = sorted(path for path in FOLDER.iterdir() if path.suffix != ".expected")


def read_as(path: Path, folder: Path) -> str:
    """The text that NAME.expected holds."""
    target = folder / f"{path.name}.qmptrace"
    done = convert(str(path), str(target), overwrite=True)
    lines = target.read_text().splitlines()[1:]
    lines += ["", f"{done.source.name}, {'damaged' if done.notes.damaged else 'whole'}"]
    lines += [f"{line}: {text}" for _, line, text in done.notes.told()]
    lines += [f"{line}: not understood: {text}" for line, text in done.notes.missed_lines]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write all of them."""
    with tempfile.TemporaryDirectory() as folder:
        for path in INPUTS:
            path.with_name(f"{path.name}.expected").write_text(read_as(path, Path(folder)))


if __name__ == "__main__":
    main()
