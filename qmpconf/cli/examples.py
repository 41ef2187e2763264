"""The end of a verb's help: examples that can be typed as they stand, and what else is to be said."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys


def explain(parser: argparse.ArgumentParser, epilog: str) -> None:
    """Show `epilog` below the verb's options, with its own line breaks."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = epilog


def sentence(text: str) -> str:
    """`text`, which has neither a capital nor a full stop, as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def program() -> str:
    """What a shell calls this program by, from the folder and with the path of this call."""
    called = sys.argv[0]
    folder, name = os.path.split(called)
    if name == "__main__.py" and os.path.basename(folder) == "qmpconf":
        return shlex.join([sys.executable, "-m", "qmpconf"])
    found = shutil.which("qmpconf")
    if name != "qmpconf" or (found and os.path.exists(called) and os.path.samefile(found, called)):
        return "qmpconf"
    return shlex.quote(called)
