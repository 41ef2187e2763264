"""The errors that a user can meet, drawn as a tree.

::

    QmpconfError                  never raised itself
    ├── UsageError                exit code 2: the call is wrong
    ├── InputError                exit code 3: a file cannot be read, or is not what it should be: a
    │   │                         configuration with an unknown key, too
    │   └── OutputError           exit code 3: a file cannot be written (full disk, no permission)
    └── TargetError               exit code 4: the peer cannot be reached, or went away

Every message says what is wrong, where, and what to do.  `exit_code` is the process's exit code
when the error reaches the command line (qmpconf/README.md, Exit codes).
"""

from __future__ import annotations


class QmpconfError(Exception):
    """Base of all errors that are shown to the user without a traceback."""

    exit_code = 2


class UsageError(QmpconfError):
    """The call is wrong."""


class InputError(QmpconfError):
    """A file cannot be read, or is not what it should be."""

    exit_code = 3


class OutputError(InputError):
    """A file cannot be written."""


class TargetError(QmpconfError):
    """The peer cannot be reached, or went away."""

    exit_code = 4
