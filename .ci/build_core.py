"""Builds the recorder's compiled core along with the package, where there is a C compiler.

It is optional: where it cannot be compiled, or with ``QMPCONF_CORE=python`` in the environment, the package is
pure Python, and ``qmpconf --version`` says so.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "qmpconf/record/_core.c"
MODULE = "qmpconf/record/_core" + sysconfig.get_config_var("EXT_SUFFIX")


class CoreHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the core into a wheel; for an editable install, beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile it, and say what the wheel holds."""
        editable = version == "editable"
        self._folder = None if editable else tempfile.TemporaryDirectory()
        target = os.path.join(self._folder.name if self._folder else self.root, MODULE)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        why = compiled(os.path.join(self.root, SOURCE), target)
        if why:
            print(f"without a compiled core: {why}", file=sys.stderr)
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if not editable:
            build_data["force_include"][target] = MODULE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is there."""
        del version, build_data, artifact_path
        if self._folder is not None:
            self._folder.cleanup()


def compiled(source: str, target: str) -> str:
    """Compile `source` into `target`; gives why that is not possible, or nothing."""
    if os.environ.get("QMPCONF_CORE") == "python":
        return "QMPCONF_CORE is python"
    if not sys.platform.startswith("linux"):
        return "it is for Linux"
    words = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    include = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    words += [*shlex.split(os.environ.get("CFLAGS", "-O2")), *(f"-I{one}" for one in include)]
    try:
        subprocess.run(
            [*words, "-shared", "-fPIC", source, "-o", target, "-lm"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        return said.decode(errors="replace").strip().partition("\n")[0] or "the compiler failed"
    return ""
