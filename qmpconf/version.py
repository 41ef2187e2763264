"""The package's version, and nothing else: the command line reads it without importing more."""

__version__ = "0.1.0"
