"""Where results go: one rule, and one way of writing, for every file that a verb makes.

**The rule** (`Outputs`).  No output destroys an input of the same call, another output of it, a
recording, or a file of another kind: each is a `UsageError`, raised before anything is read,
started or written.  A recording, and what else cannot be made again, is replaced only with
``--force``; a result, a catalog or a page replaces one of its own kind.  ``--force`` allows another
kind, too; it never allows an input, nor a trace that a recorder is writing.

**The way** (`written`).  A file is there as a whole or not at all: it is written beside its place
and moved there, so that a full disk loses no earlier one.  Recording, line by line, is
`qmpconf.trace.writer`, which holds `locked` while it writes.

Knows the first bytes of the project's formats; nothing else of them.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, Literal, cast

from qmpconf.errors import OutputError, UsageError
from qmpconf.packed import Pieces, zstd
from qmpconf.parts import name_of, numbers_of

#: What a verb writes.  ``list``: tables of known findings, masks and the like (TOML).
Kind = Literal["trace", "result", "catalog", "schema", "list", "page"]

#: Kinds of which a new one does not replace an old one without being told to.
_KEPT = frozenset({"trace"})

#: Bytes of a file that are looked at to find its kind: its beginning and its end.
_HEAD, _TAIL = 1 << 14, 1 << 10

#: How the files of each kind begin, in the order in which they are tried.
_BEGINS: tuple[tuple[Kind, re.Pattern[bytes]], ...] = (
    ("trace", re.compile(rb'\s*\{"qmptrace"')),
    ("result", re.compile(rb'\s*\{"qmpresult"')),
    ("catalog", re.compile(rb'\s*\{\s*"qmpconf-(?:catalog|properties)"')),
    ("schema", re.compile(rb'\s*\{\s*"\$schema"\s*:\s*"https?://json-schema\.org/')),
    # JSON of `coverage` and of `schema audit`, which has no room for a mark
    ("page", re.compile(rb'\s*(?:\{\s*"traces": \d|\[\s*\{\s*"document": )')),
    # a table's head, which has its line for itself; logs begin with [INFO] and the like
    (
        "list",
        re.compile(
            rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*\[\[?[A-Za-z][^\]\n]*\]\]?[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)"
        ),
    ),
)

#: What is in every page that is written to a file: as a word of it, or in its last line.
MARK = b"qmpconf"

_NAMES = {
    "trace": "a recording",
    "result": "a result",
    "catalog": "a catalog",
    "schema": "a JSON Schema",
    "list": "a list (TOML)",
    "page": "a page made by qmpconf",
}


class Outputs:
    """The files that one call is going to write.

    `inputs` are the files that it reads, `force` says that ``--force`` was given.  Each `add`
    raises UsageError for a file that must not be written, and names the option to change.
    """

    def __init__(
        self, inputs: Iterable[str | os.PathLike[str]] = (), *, force: bool = False
    ) -> None:
        self._inputs = [os.fspath(one) for one in inputs]
        for one in tuple(self._inputs):
            if not os.path.lexists(one):  # else it is a file, and does not stand for parts
                self._inputs += (name_of(one, number) for number in numbers_of(one))
        self._force = force
        self._outputs: list[tuple[str, str]] = []
        self._printed = ""  # the option that names standard output

    def add(
        self,
        path: str | os.PathLike[str] | None,
        kind: Kind,
        option: str,
        *,
        kept: bool = False,
    ) -> None:
        """One more file, of that kind, named by `option`; None is none, and ``-`` is standard output.

        With `kept` it replaces nothing without ``--force``, not even one of its kind: people write
        into it.
        """
        if path is None or not os.fspath(path):
            return
        path = os.fspath(path)
        if path == "-":
            if self._printed:
                raise UsageError(f"{self._printed} and {option} both write to standard output")
            self._printed = option
            return
        try:
            mode = os.stat(path).st_mode
        except OSError:
            mode = 0  # nothing is there; whether it can be made shows when it is
        if stat.S_ISCHR(mode):
            return  # a terminal or /dev/null: whatever is written there destroys nothing
        for other in self._inputs:
            if _same(path, other):
                raise UsageError(
                    f"{option} {path} would overwrite an input of this call ({other}); choose "
                    "another name"
                )
        for other, named in self._outputs:
            if _same(path, other):
                raise UsageError(f"{named} and {option} name the same file, {path}")
        self._outputs.append((path, option))
        if stat.S_ISDIR(mode):
            raise UsageError(f"{option} {path} is a folder; name a file")
        if stat.S_ISBLK(mode):
            raise UsageError(f"{option} {path} is a disk (a block device); name a file")
        if stat.S_ISREG(mode):
            self._replaceable(path, kind, option, kept=kept or kind in _KEPT)

    def _replaceable(self, path: str, kind: Kind, option: str, *, kept: bool) -> None:
        there = kind_of(path)
        if there == "trace" and is_locked(path):
            raise UsageError(
                f"{option} {path} is a trace that a recorder is writing; choose another name"
            )
        if self._force or there == "":
            return
        if there == kind and not kept:
            return
        what = f" and is not {_NAMES[kind]}" if there != kind else ""
        raise UsageError(
            f"{option} {path} exists{what}; choose another name, or overwrite it (--force)"
        )


def kind_of(path: str) -> Kind | Literal["", "other"]:
    """What a file holds, by how it begins (and a page by its mark); empty for an empty file."""
    try:
        with Pieces(path) as pieces:
            head = b"".join(islice(pieces, 1))[:_HEAD]
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            tail = file.read(_TAIL)
    except (OSError, zlib.error):
        return "other"
    if not head:
        return ""
    for kind, begins in _BEGINS:
        if begins.match(head):
            return kind
    script = head.startswith(b"#!")
    return "page" if MARK in head + tail and b"\0" not in head and not script else "other"


def takes_anything(path: str) -> bool:
    """Whether what is at `path` is written to and never replaced: a pipe, a terminal, ``/dev/null``."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _same(one: str, other: str) -> bool:
    """Whether two paths lead to the same file, also where it does not exist yet."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


# ── the lock of a recording ──────────────────────────────────────────────────────────────────


def lock(fd: int) -> bool:
    """Lock the open file `fd` as the one who writes it; False where somebody else does.

    The lock ends with the descriptor, also when its process is killed.  A file system without
    locks counts as nobody else.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def is_locked(path: str) -> bool:
    """Whether somebody is writing the recording at `path`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not lock(fd)
    finally:
        os.close(fd)


# ── writing ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def written(
    path: str, *, overwrite: bool = False, mode: int = 0o600, packs: bool = True
) -> Iterator[BinaryIO]:
    """A new file that is moved to its place when the block ends; after an error there is none.

    Compressed, without a time stamp, if the name ends in ``.gz`` or ``.zst`` and it `packs`.  What stands at `path` may be
    read meanwhile.  What is there and is not a file (a pipe, a terminal) is written to, never
    replaced; so is what a link leads to.  `mode` is that of a new file, but for the umask.  Raises
    `UsageError` for a file that exists, unless `overwrite`, and `OutputError`.  ``-`` is standard output.
    """
    if path == "-":
        with _printed() as file:
            yield file
        return
    if takes_anything(path):
        try:
            with open(path, "wb") as file:
                yield file
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        return
    keep(path, overwrite=overwrite)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"cannot write {path}: it is neither a file nor a pipe")
    if overwrite:
        path = os.path.realpath(path)
    temporary = f"{path}.new{os.getpid()}"
    try:
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(fd, "wb") as file:
                if packs and path.endswith(".gz"):
                    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                        yield cast("BinaryIO", packed)
                elif packs and path.endswith(".zst"):
                    compressor = zstd(path).ZstdCompressor()
                    with compressor.stream_writer(file, closefd=False) as packed:
                        yield cast("BinaryIO", packed)
                else:
                    yield file
            if overwrite:
                if os.path.exists(path):
                    shutil.copymode(path, temporary)
                os.replace(temporary, path)
            else:
                os.link(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
    except FileExistsError:
        raise existing(path) from None
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _printed() -> Iterator[BinaryIO]:
    """Standard output.  That its reader went away is not an error of ours."""
    try:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the output: {error.strerror}") from error


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file that anybody may read, in place of what is there.  Raises OutputError."""
    with written(os.fspath(path), overwrite=True, mode=0o666) as file:
        file.write(data)


def write_page(path: str | os.PathLike[str], text: str) -> None:
    """Write a page; plain text that does not say who made it gets a last line that does.

    So a later call can tell it from a file that somebody wrote by hand; JSON has no room for such a
    line.  Raises OutputError.
    """
    data = text.encode("utf-8", "backslashreplace")
    printed = os.fspath(path) == "-"
    if not printed and MARK not in data[:_HEAD] + data[-_TAIL:] and data[:1] not in (b"{", b"["):
        data += b"made by qmpconf\n"
    write_file(path, data)


def make_folder(path: str, option: str) -> None:
    """Make the folder that `option` names, and those above it, unless they are there.

    Raises UsageError where a file stands, and OutputError where it cannot be made.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{option} {path} is a file; name a folder") from None
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror}") from error


def keep(path: str, *, overwrite: bool) -> None:
    """Raise `UsageError` where something would be lost at `path`, unless it may be overwritten."""
    if not overwrite and path != "-" and os.path.exists(path) and not takes_anything(path):
        raise existing(path)


def existing(path: str) -> UsageError:
    """The error for a file that is there, and is not to be overwritten."""
    return UsageError(f"{path} exists; choose another name, or overwrite it (--force)")
