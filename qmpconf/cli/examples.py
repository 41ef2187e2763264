"""The end of a verb's help: examples that can be typed as they stand, and what else is to be said."""

from __future__ import annotations

import argparse


def explain(parser: argparse.ArgumentParser, epilog: str) -> None:
    """Show `epilog` below the verb's options, with its own line breaks."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = epilog


def sentence(text: str) -> str:
    """`text`, which has neither a capital nor a full stop, as a sentence."""
    return f"{text[0].upper()}{text[1:]}."
