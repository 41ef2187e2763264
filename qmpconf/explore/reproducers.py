"""What shows a finding again: a trace, lines for qmp-shell, and a script that needs Python alone.

The script starts the server itself, in a folder of its own with the same files, or connects to a socket;
it sends the commands one by one, those of a burst at once, prints each answer, and exits with 1 when the server
ends or does not answer.  qmp-shell sends one after the other and nothing out of band: its lines say what
they cannot say.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from qmpconf.explore.bursts import commands_of
from qmpconf.explore.judging import CLOSED, CRASH, ENDED, HANG
from qmpconf.explore.life import FILES, LARGEST, Ground
from qmpconf.findings import Finding
from qmpconf.net.process import end
from qmpconf.outputs import write_file
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps, loads
from qmpconf.replay.reduce.shrink import NEGOTIATION
from qmpconf.text import counted
from qmpconf.trace.convert.shorthand import command_of
from qmpconf.trace.redaction.redactor import Redactor

#: What ends a server, or its session: a script sees it from outside.
SEEN_OUTSIDE = (CRASH, ENDED, HANG, CLOSED)


@dataclass(frozen=True, slots=True)
class Files:
    """The reproducers of one finding; `untyped` commands cannot be typed in qmp-shell, or not as they were sent."""

    trace: str
    lines: str
    script: str
    untyped: int = 0


def write(finding: Finding, trace: str, ground: Ground, name: str) -> Files:
    """Write ``NAME.qmp`` and ``NAME.py`` for the commands of `trace`.  Raises OutputError."""
    bursts = commands_of(trace)
    lines, untyped = typed(bursts)
    write_file(f"{name}.qmp", "".join(f"{line}\n" for line in lines).encode())
    write_file(f"{name}.py", _script(finding, bursts, ground).encode())
    return Files(trace, f"{name}.qmp", f"{name}.py", untyped)


def typed(bursts: Sequence[Sequence[Command]]) -> tuple[list[str], int]:
    """The lines for qmp-shell, and how many commands they cannot say as they were sent.

    What they cannot say is a comment, which qmp-shell refuses without sending anything.
    """
    lines: list[str] = []
    untyped = 0
    for burst in bursts:
        commands = [one for one in burst if one.name != NEGOTIATION]
        if len(commands) > 1:
            several = counted(len(commands), "command")
            lines.append(f"# was sent at once, which cannot be typed: the next {several}")
        for one in commands:
            line = None if one.oob else line_of(one.name, one.arguments)
            untyped += line is None or len(commands) > 1
            if line is None:
                text = dumps(_message(one, marked=one.oob)).decode("utf-8", "surrogateescape")
                lines.append(f"# cannot be typed: {text}")
            else:
                lines.append(line)
    return lines, untyped


def line_of(name: str, arguments: Mapping[str, Any]) -> str | None:
    """The line that means a command in qmp-shell; None where no line does."""
    words = [name, *(f"{key}={_word(value)}" for key, value in arguments.items())]
    line = " ".join(words)
    meant = command_of(line.encode("utf-8", "surrogatepass"))
    if meant is None:
        return None
    same = loads(meant) == loads(dumps({"execute": name, "arguments": dict(arguments)}))
    return line if same else None


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def verify(files: Files, ground: Ground, seconds: float) -> bool:
    """Whether the script shows the finding with a fresh server."""
    words = [sys.executable, files.script, ground.command]
    nowhere = subprocess.DEVNULL
    script = subprocess.Popen(words, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        return script.wait(seconds) == 1
    except subprocess.TimeoutExpired:
        return False
    finally:
        end(script)  # which ends its server


def _script(finding: Finding, bursts: Sequence[Sequence[Command]], ground: Ground) -> str:
    about = f"{finding.message} ({finding.subject})" if finding.subject else finding.message
    said = f"{finding.expected} was expected; seen: {finding.seen}"
    return Template(_SCRIPT).substitute(
        about=_comment(about),
        said=_comment(said),
        server=repr(Redactor().command_line(ground.command)),
        files=repr(FILES),
        limits=repr({"RLIMIT_AS": ground.memory, "RLIMIT_FSIZE": LARGEST, "RLIMIT_CORE": 0}),
        patience=repr(2 * ground.patience),
        steps="".join(map(_step, bursts)),
    )


def _step(burst: Sequence[Command]) -> str:
    """What is sent at once, as lines of the script."""
    texts = [repr(dumps(_message(one, marked=one.oob or len(burst) > 1)).decode()) for one in burst]
    if len(texts) == 1:
        return f"    [{texts[0]}],\n"
    return "    [\n" + "".join(f"        {text},\n" for text in texts) + "    ],\n"


def _message(command: Command, *, marked: bool) -> dict[str, Any]:
    """A command as it is sent again; with its id where it is `marked`."""
    message: dict[str, Any] = {"exec-oob" if command.oob else "execute": command.name}
    if command.arguments:
        message["arguments"] = command.arguments
    if marked and command.has_id:
        message["id"] = command.id
    return message


def _comment(text: str) -> str:
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode().replace('"""', "'''")


_SCRIPT = '''#!/usr/bin/env python3
# $about
# $said
#
# usage: python3 THIS [COMMAND | SOCKET]
# COMMAND starts the server, with {socket} for the path of its monitor's socket; it runs in a folder of
# its own, with limits.  Exit codes: 1 the server ended or does not answer, 0 it has answered everything,
# 2 it cannot be reached at all.
# Made by qmpconf explore.
import json
import os
import resource
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

SERVER = $server
FILES = $files
LIMITS = $limits
PATIENCE = $patience
#: What is sent at once stands in one list; then all of it has to be answered.
STEPS = [
$steps]


def lines(sock):
    held = b""
    while True:
        line, end, rest = held.partition(b"\\n")
        if end:
            held = rest
            yield json.loads(line)
        else:
            data = sock.recv(65536)
            if not data:
                return
            held += data


def talk(sock):
    """What went wrong; empty where everything was answered."""
    sock.settimeout(PATIENCE)
    heard = lines(sock)
    try:
        next(heard)  # the greeting
        for step in STEPS:
            for text in step:
                print("->", text, flush=True)
            sock.sendall("".join(text + "\\r\\n" for text in step).encode())
            unanswered = len(step)
            for said in heard:
                print("<-", json.dumps(said)[:2000], flush=True)
                unanswered -= "return" in said or "error" in said
                if not unanswered:
                    break
            else:
                return "the server has closed the connection"
        sock.settimeout(1.0)
        for said in heard:
            print("<-", json.dumps(said)[:2000], flush=True)
        return "the server has closed the connection"
    except StopIteration:
        return "the server has closed the connection"
    except TimeoutError:
        return "no answer in time" if sock.gettimeout() != 1.0 else ""
    except OSError as error:
        return f"the connection is lost: {error}"


def connected(path, server=None):
    until = time.monotonic() + 60
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            if time.monotonic() > until or (server and server.poll() is not None):
                print(f"cannot connect to {path}", file=sys.stderr)
                sys.exit(2)
            time.sleep(0.05)


def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, most in LIMITS.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        resource.setrlimit(number, (most if hard < 0 else min(most, hard), hard))


def run(command):
    with tempfile.TemporaryDirectory() as folder:
        for name, size in FILES.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.truncate(size)
        path = os.path.join(folder, "qmp.sock")
        words = [word.replace("{socket}", path) for word in shlex.split(command)]
        server = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=limit
        )
        try:
            problem = talk(connected(path, server))
            quits = json.loads(STEPS[-1][-1]).get("execute") == "quit"
            if problem and problem != "no answer in time":
                try:
                    code = server.wait(20)
                    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                    problem = "" if quits and code == 0 else f"the server ended: {name}"
                except subprocess.TimeoutExpired:
                    pass
            return problem
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends, too
    given = sys.argv[1] if len(sys.argv) > 1 else SERVER
    if os.path.exists(given) and stat.S_ISSOCK(os.stat(given).st_mode):
        problem = talk(connected(given))
    else:
        problem = run(given)
    print(problem or "everything was answered")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
'''
