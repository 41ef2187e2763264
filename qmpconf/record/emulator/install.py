"""Writing the program to be named in ``<emulator>``.

libvirt clears the environment and passes no arguments of a user's, so all settings are in the file.
It is a script for ``sh`` and for Python at once: where the Python that it names has gone, the shell
becomes QEMU; where qmpconf has, Python does.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
from contextlib import suppress

from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.net.address import LONGEST_PATH
from qmpconf.net.endpoint import reason
from qmpconf.outputs import make_folder, write_file
from qmpconf.record.emulator.log import NAME as LOG_NAME

#: How a wrapper is known again.
MARK = "qmpconf emulator install"

#: What the names of sockets need in the folder of the traces: ``/.4194304-9.sock``.
_SOCKET_NAME = 16

_SCRIPT = """\
#!/bin/sh
# Made by '{mark}': name this file in <emulator> of a libvirt domain.  It records the
# domain's QMP monitor, and becomes QEMU; where it cannot record, QEMU starts as it was called, and
# the log says why.  To end it, name QEMU itself again, and remove this file.
''':'
if [ -x {python} ]; then exec {python} -I "$0" "$@"; fi
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $$: not recorded, QEMU starts as it was called: there is no "{python} >> {log} 2>/dev/null
exec {qemu_word} "$@"
'''
QEMU = {qemu!r}
OUTPUT = {output!r}
REDACT = {redact!r}

import os
import signal
import sys


def become(words):
    \"\"\"Be QEMU: what the shell and Python have set is as it was before.\"\"\"
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    with open("/proc/self/environ", "rb") as file:
        pairs = [one.partition(b"=") for one in file.read().split(b"\\0") if one]
    of_the_shell = (b"PWD", b"OLDPWD", b"SHLVL", b"_")
    environment = {{name: value for name, _, value in pairs if name not in of_the_shell}}
    try:
        os.execve(QEMU, [QEMU, *words], environment)
    except OSError as error:
        sys.exit(f"{{sys.argv[0]}}: cannot start {{QEMU}}: {{error.strerror}}")


words = sys.argv[1:]
try:
    from qmpconf.record.emulator.stand_in import prepare

    words = prepare(words, qemu=QEMU, output=OUTPUT, redact=REDACT)
except BaseException as error:
    line = f"{{os.getpid()}}: not recorded, QEMU starts as it was called: {{error!r}}\\n"
    try:
        with open({log_name!r}, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(line)
    except OSError:
        sys.stderr.write(line)
become(words)
"""


def install(
    path: str, *, qemu: str, output: str, user: str = "", redact: bool = True, force: bool = False
) -> list[str]:
    """Write a wrapper for `qemu` to `path`; its traces go to the folder `output`.

    `user` is who runs QEMU, if that is somebody else: the folder is given to that user.  `force`
    replaces a file that is not a wrapper.  Gives what the user should know besides.

    Raises `UsageError` for what does not fit together, `InputError` for files that the wrapper needs
    and cannot have, `OutputError` for what cannot be written.
    """
    account = _account(user)
    path, qemu, output = (os.path.abspath(one) for one in (path, _found(qemu), output))
    for what in (path, qemu, output, sys.executable):
        if not what.isprintable() or set(what) & set("'\"\\"):
            raise UsageError(f"{what!r}: a path with quotes cannot be written into a script")
    if os.path.realpath(path) == os.path.realpath(qemu):
        raise UsageError(f"{path} is QEMU itself: write the wrapper to another file")
    if is_wrapper(qemu):
        raise UsageError(f"--qemu {qemu} is a wrapper itself: name QEMU's own file")
    if len(os.fsencode(output)) + _SOCKET_NAME > LONGEST_PATH:
        raise UsageError(
            f"--output {output} is too long: the paths of its sockets may have {LONGEST_PATH} bytes"
        )
    if os.path.lexists(path) and not force and not is_wrapper(path):
        raise UsageError(
            f"{path} exists, and is not a wrapper; choose another name, or overwrite it (--force)"
        )
    is_new = not os.path.exists(output)
    make_folder(output, "--output")
    if is_new:  # what is said over the sockets in it is for its user alone
        os.chmod(output, 0o700)
    log = os.path.join(output, LOG_NAME)
    if account is not None:
        _give(output, account)
    _try_python(account)
    script = _SCRIPT.format(
        mark=MARK,
        python=shlex.quote(sys.executable),
        log=shlex.quote(log),
        log_name=log,
        qemu_word=shlex.quote(qemu),
        qemu=qemu,
        output=output,
        redact=redact,
    )
    write_file(path, script.encode())
    with suppress(OSError):  # a file system without modes says so when it is started
        os.chmod(path, 0o755)  # noqa: S103 - whoever runs QEMU starts it
    return _advice(path, output)


def is_wrapper(path: str) -> bool:
    """Whether a wrapper is at `path`."""
    try:
        with open(path, "rb") as file:
            return MARK.encode() in file.read(200)
    except OSError:
        return False


def _found(qemu: str) -> str:
    """QEMU's path.  Raises `UsageError` if it cannot be started."""
    found = shutil.which(qemu)
    if found is None:
        raise UsageError(f"--qemu {qemu}: there is no such program, or it cannot be executed")
    return found


def _account(user: str) -> pwd.struct_passwd | None:
    if not user:
        return None
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise UsageError(f"--user {user}: there is no such user here") from error
    if account.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise UsageError(f"--user {user}: only root can give the folder to somebody else")
    return account


def _give(folder: str, account: pwd.struct_passwd) -> None:
    """Let the user who runs QEMU write into the folder."""
    try:
        status = os.stat(folder)
        if status.st_uid != account.pw_uid:
            os.chown(folder, account.pw_uid, account.pw_gid)
        os.chmod(folder, stat.S_IMODE(status.st_mode) | 0o700)
    except OSError as error:
        raise OutputError(f"cannot give {folder} to {account.pw_name}: {reason(error)}") from error


def _try_python(account: pwd.struct_passwd | None) -> None:
    """Raises `InputError` if the recorder could not be started as libvirt starts QEMU."""
    who = f"the user {account.pw_name}" if account else "a program without an environment"
    try:
        subprocess.run(
            [sys.executable, "-I", "-c", "import qmpconf.record.emulator.beside"],
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        raise InputError(f"{who} cannot start {sys.executable}: {reason(error)}") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise InputError(
            f"{who} cannot import qmpconf with {sys.executable} -I: {last}; install it where "
            "everybody can read it, for instance in a virtual environment below /opt"
        ) from error


def _advice(path: str, output: str) -> list[str]:
    """What security modules of this host need, as far as they are there."""
    found = []
    if os.path.isdir("/sys/kernel/security/apparmor"):
        found.append(
            "AppArmor confines QEMU here: allow the wrapper what qmpconf/record/README.md lists, "
            f"in /etc/apparmor.d/local/abstractions/libvirt-qemu (for {path} and {output})"
        )
    if os.path.isdir("/sys/fs/selinux/booleans"):
        found.append(
            "SELinux confines QEMU here: label the wrapper and the folder as "
            f"qmpconf/record/README.md says (for {path} and {output})"
        )
    return found
