"""``python -m tests.conform.freeze NAME``: write the register of today as a set of requirements.

A set that was released is not written again: its name is taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from qmpconf.check.requirements import ALL_REQUIREMENTS
from qmpconf.conform.frozen import frozen, set_names

SETS = Path(__file__).parents[2] / "qmpconf" / "conform" / "sets"


def main() -> int:
    """Write the set, and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="year and month, as 2026-12")
    name = parser.parse_args().name
    if name in set_names():
        parser.error(f"{name} is there already")
    path = SETS / f"{name}.toml"
    path.write_text(frozen(ALL_REQUIREMENTS.values()))
    print(f"wrote {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
