"""npm's packages that the tests of the JSON Schema bundle ask: installed into the cache of `tests.real.builds`.

Run it to install them, from the registry that the machine's npm is set to::

    python -m tests.schema.bundles.node

It imports nothing that Python does not bring along.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.real.builds import cache_folder

#: Validators of JSON Schema 2020-12, in major versions that were tried.
PACKAGES = ("ajv@8", "@hyperjump/json-schema@1", "@cfworker/json-schema@4")


def packages_folder() -> Path:
    """Where the packages are, or would be."""
    return cache_folder() / "node"


def lacking() -> str:
    """Why they cannot be asked; nothing where they can."""
    if not shutil.which("node"):
        return "there is no node"
    if not all(
        (packages_folder() / "node_modules" / one.rpartition("@")[0]).exists() for one in PACKAGES
    ):
        return "npm's packages are not in the cache; get them with: python -m tests.schema.bundles.node"
    return ""


def main() -> int:
    """Install them; gives npm's exit code, or 1 where there is no npm."""
    npm = shutil.which("npm")
    if not npm:
        print("there is no npm", file=sys.stderr)
        return 1
    folder = packages_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    options = ("--no-fund", "--no-audit", "--ignore-scripts", "--no-save")
    return subprocess.run([npm, "install", *options, *PACKAGES], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
