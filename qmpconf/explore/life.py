"""One server from its start to its end, in a folder of its own, with limits; all that is said on tape.

The server runs in an empty folder that has a few files for it (`FILES`), with limits on memory and on the
size of files, without core dumps, and what it prints goes to a log beside the folder.  How it ended is
said by its process, never guessed from the socket: by a signal, with an exit code, or not at all.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qmpconf.closing import Closing
from qmpconf.conform.patience import Patience
from qmpconf.conform.said import Said
from qmpconf.conform.talk import Talk
from qmpconf.conform.tape import Tape
from qmpconf.conform.target import Target
from qmpconf.conform.verdicts import Stop
from qmpconf.errors import TargetError, UsageError
from qmpconf.net.process import Folder, Server, end
from qmpconf.protocol.framing import Frame
from qmpconf.protocol.messages import Greeting
from qmpconf.protocol.values import Value
from qmpconf.trace.records import Side
from qmpconf.trace.redaction.redactor import Redactor

#: The files that a server finds in its folder: name and size in bytes, all zeros.
FILES = {"a.img": 1 << 20, "b.img": 4 << 20, "small": 512}

#: Bytes that a file of the server may have: a server that writes for ever does not fill the disk.
LARGEST = 64 << 20
#: Seconds that a server may take to end once it has closed its session, or was asked to quit.
_ENDING = 20.0
#: Seconds that a life may last at most.
_LIFE = 3600.0
#: Bytes that a server may have said in one life, after which it gets no further command.
_MOST_SAID = 16 << 20
#: Bytes of the log's end that are kept.
_LOG = 8192

#: $0 is the folder, then the log, the limits of memory in KiB and of files in blocks; then the command.
_START = (
    'cd "$0" && log=$1 && ulimit -c 0 && ulimit -v "$2" && ulimit -f "$3" && trap "" XFSZ && shift 3 '
    '&& exec "$@" >"$log" 2>&1'
)


@dataclass(frozen=True, slots=True)
class Ground:
    """How servers are started: the command line, bytes of memory, seconds for an answer."""

    command: str
    memory: int = 4 << 30
    patience: float = 20.0

    def words(self) -> list[str]:
        """The command line, with the whole path of its program.  Raises UsageError for what cannot be started."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise UsageError(f"cannot read the server's command line: {error}") from error
        if not words:
            raise UsageError("the server's command line is empty")
        if "{socket}" not in self.command:
            raise UsageError(
                "the server's command line has no {socket}: write it where the path of the monitor's "
                "socket goes"
            )
        program = shutil.which(words[0])
        if program is None:
            raise UsageError(f"cannot start {words[0]}: it was not found, or is not a program")
        return [os.path.abspath(program), *words[1:]]  # the server runs in another folder

    def patient(self, factor: float) -> Ground:
        """The same, with more time for answers."""
        return replace(self, patience=self.patience * factor)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server ended.

    `how` is ``""`` (we ended it, in order), ``signal SIGSEGV``, ``exit code 1``, ``hang`` or ``closed``
    (it closed the session and runs on); `line` that of the first command without an answer, or of the last
    one; `words` what it had printed.
    """

    how: str
    line: int = 0
    words: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether it ended as it should."""
        return not self.how


class _OfServers(Redactor):
    """Redacts what servers say that is secret by its place; what we say we have made up."""

    def __call__(self, conn: int, sender: Side, frame: Frame) -> tuple[Frame, tuple[str, ...]]:
        """What is written of a frame."""
        return (frame, ()) if sender == "client" else super().__call__(conn, sender, frame)

    def may_hide(self, conn: int, sender: Side, frame: Frame) -> bool:
        """Whether there may be something to replace in a message."""
        return sender == "server" and super().may_hide(conn, sender, frame)


class Life(Closing):
    """A server that runs, and one session with it.

    Raises UsageError for a command line that cannot be used, and TargetError for a server that cannot be
    started or reached, with what it printed.
    """

    def __init__(self, ground: Ground, path: str) -> None:
        self.path = path
        self.target: Target
        self.talk: Talk
        self._folder = Folder()
        self._log = os.path.join(self._folder.path, "log")
        self._files = os.path.join(self._folder.path, "files")
        self._ended: Ending | None = None
        self._unanswered: list[int] = []  # lines of the latest commands
        self._quits = False
        self._yanks = False  # what is asked to let go of connections may let go of ours
        self._shutting_down = False
        self._patience = ground.patience
        self._server: Server | None = None
        self._tape: Tape | None = None
        try:
            _prepare(self._files)
            self._server = _started(ground, self._files, self._log)
            self._reach(ground, self._server)
        except BaseException:
            self.close()
            raise

    def _reach(self, ground: Ground, server: Server) -> None:
        try:
            server.wait_until_bound()
            self.target = Target(server.address, server=server)
            meta = {"spawn": Redactor().command_line(ground.command)}
            tape = self._tape = Tape(self.path, meta, client="exploration", redact=_OfServers())
            self.talk = self._open(tape)
            if self.talk.greeting is None and self.talk.ended and not self.talk.received:
                # A storage daemon may close its first connection while it starts.
                self.talk = self._open(tape)
        except TargetError as error:
            raise TargetError(f"{error}{_printed(self.words())}") from error
        if self.talk.greeting is None:
            told = _printed(self.words())
            raise TargetError(f"the server did not greet on {server.address}{told}")

    def _open(self, tape: Tape) -> Talk:
        talk = self.target.talk(tape, Patience(self._patience), time.monotonic() + _LIFE)
        talk.hear(self._patience)
        return talk

    # --- what is said ------------------------------------------------------------------------

    @property
    def offers_oob(self) -> bool:
        """Whether the server offers to execute commands out of band."""
        greeting = self.talk.greeting.message if self.talk.greeting else None
        return isinstance(greeting, Greeting) and "oob" in greeting.capabilities

    def negotiate(self, *, oob: bool = False) -> None:
        """Enter command mode, with out-of-band execution if `oob`.  Raises TargetError where that is refused."""
        command: dict[str, Value] = {"execute": "qmp_capabilities", "id": "negotiate"}
        if oob:
            command["arguments"] = {"enable": ["oob"]}
        said = self.say(command)
        if said is None or not said.ok:
            raise TargetError(f"the server does not take qmp_capabilities: {said or 'no answer'}")

    def say(self, command: dict[str, Value] | str) -> Said | None:
        """Send a command and give its answer; None when the server has ended, or hangs (`over`)."""
        return next(iter(self.say_all([command])), None)

    def say_all(self, commands: Sequence[dict[str, Value] | str]) -> list[Said | None]:
        """Send commands in one write, and give the answer of each; None where none came (`over`)."""
        names = {_name_of(one) for one in commands}
        self._quits = self._quits or "quit" in names
        self._yanks = "yank" in names
        answers: dict[int, Said] = {}
        lines: list[int] = []
        try:
            lines = self.talk.say_all(commands)
            self._unanswered = list(lines)
            for said in self.talk.replies(lines):
                answers[said.answers] = said
                if len(self._unanswered) > 1:  # the last one stays: it may be to blame all the same
                    self._unanswered.remove(said.answers)
        except Stop:
            self._over()
        return [answers.get(line) for line in lines]

    @property
    def over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self._ended is not None or self.talk.ended or self.talk.received > _MOST_SAID

    def events(self) -> list[Said]:
        """The events that came since the last call."""
        found, self.talk.events = self.talk.events, []
        self._shutting_down = self._shutting_down or any(
            getattr(one.message, "name", "") == "SHUTDOWN" for one in found
        )
        return found

    def words(self) -> str:
        """The end of what the server has printed."""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    # --- the end -----------------------------------------------------------------------------

    def finish(self) -> Ending:
        """Ask the server to quit, where it still runs, and say how it ended; the trace is whole then."""
        if self._ended is None and not self.talk.ended:
            self.say({"execute": "quit", "id": "quit"})
        ending = self._ended or self._over()
        self.close()
        return ending

    def leave(self, settle: float) -> Ending:
        """End it without asking, once it was silent for `settle` seconds; say how it had ended by then."""
        if self._ended is None and not self.talk.ended:
            self.talk.quiet(settle)
        ending = self._over() if self._ended or self.talk.ended else Ending("")
        self.close()
        return ending

    def close(self) -> None:
        """End the server, and remove its folder."""
        if self._tape is not None:
            if hasattr(self, "talk"):
                self.talk.close()
            self._tape.finish()
            self._tape = None
        if self._server is not None:
            if self._server.child is not None:
                end(self._server.child, grace=0.5)
            self._server.close()
        self._folder.close()

    def _over(self) -> Ending:
        """Find out how the server ended."""
        if self._ended is None:
            self.talk.quiet(0.0)
            self.events()
            line = self._unanswered[0] if self._unanswered else 0
            self._ended = Ending(self._how(), line, self.words())
        return self._ended

    def _how(self) -> str:
        if self.talk.stalled and not self.talk.ended:
            return "hang"
        if not self.talk.ended:
            return ""  # it says more than we keep: that is no fault
        child = self._server.child if self._server else None
        code = _code(child, _ENDING)
        asked = self._quits or self._shutting_down
        if code is None and self._yanks:
            return ""
        if code is None:
            return "hang" if asked else "closed"
        return "" if code == 0 and asked else _how(code)


def _prepare(folder: str) -> None:
    os.mkdir(folder)
    for name, size in FILES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.truncate(size)


def _started(ground: Ground, folder: str, log: str) -> Server:
    limits = (str(ground.memory >> 10), str(LARGEST >> 9))
    server = Server(shlex.join(["sh", "-c", _START, folder, log, *limits, *ground.words()]))
    server.start()
    return server


def _code(child: subprocess.Popen[bytes] | None, seconds: float) -> int | None:
    if child is None:
        return None
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _how(code: int) -> str:
    """How a process ended; a shell gives the signal of its child as 128 and more."""
    number = -code if code < 0 else code - 128
    try:
        return f"signal {signal.Signals(number).name}"
    except ValueError:
        return f"exit code {code}"


def _name_of(command: dict[str, Value] | str) -> Value:
    """The name of a command, also where it is only nearly one."""
    if isinstance(command, dict):
        return command.get("execute", command.get("exec-oob"))
    found = re.search(r'"(?:execute|exec-oob)"\s*:\s*"([^"]*)"', command)
    return found[1] if found else None


def _printed(words: str) -> str:
    last = words.strip().splitlines()[-1:]
    return f"; it printed: {last[0]}" if last else ""
