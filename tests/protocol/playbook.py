"""Sessions as scripts, in the manner of mitmproxy's playbook.

A script has one line for each thing that happens, and below it the breaches that are *its* fault::

    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"return": {}}
    !! negotiation.gate server
    close server

``->`` is what the client sends, ``<-`` what the server sends (with CR LF, or `end`), both through
the framer; ``->>`` and ``<<-`` take a Python literal of bytes, and nothing is added.  ``shut client``
ends a direction, ``gap client`` says that bytes of it are missing (``gap client 2``: two messages),
``close client|server|recorder|nobody`` the session (a second word ``failed``:
in no orderly way).  ``!!`` names a requirement, who is to blame, and perhaps a JSON pointer.
"""

from __future__ import annotations

import ast

from qmpconf.protocol.framing import CLIENT_LIMITS, SERVER_LIMITS, Framer
from qmpconf.protocol.messages import Success
from qmpconf.protocol.places import resolve
from qmpconf.protocol.requirements import REQUIREMENTS, Party
from qmpconf.protocol.session import Session
from qmpconf.protocol.steps import Breach

GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": ["oob"]}}'
)
#: A session up to the first command.
NEGOTIATED = """
    <- GREETING
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
"""
#: The same, with out-of-band execution.
OOB = """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":0}
    <- {"return": {}, "id": 0}
"""


class Play:
    """What came out of a script: breaches by line, and which command each response answered."""

    def __init__(self, script: str, session: Session | None = None, end: bytes = b"\r\n") -> None:
        self.session = session or Session()
        self._end = end
        self.lines = [line.strip() for line in script.strip().splitlines() if line.strip()]
        self.found: list[Breach] = []
        #: (what the response returned, the name of the command that it answered)
        self.answered: list[tuple[object, str]] = []
        self._client = Framer(CLIENT_LIMITS)
        self._server = Framer(SERVER_LIMITS)
        for number, line in enumerate(self.lines):
            self._line(number, line)

    def _line(self, number: int, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in ("->", "->>"):
            self._feed("client", self._bytes(word, rest), number)
        elif word in ("<-", "<<-"):
            self._feed("server", self._bytes(word, rest), number)
        elif word == "shut":
            for frame in self._framer(rest).close():
                self._take(rest, frame, number)
            self.session.shut(Party(rest))
        elif word == "gap":
            side, _, messages = rest.partition(" ")
            for frame in self._framer(side).close():
                self._take(side, frame, number)
            self.session.gap(Party(side), int(messages or 0))
        elif word == "close":
            who, _, how = rest.partition(" ")
            for side in ("client", "server"):
                for frame in self._framer(side).close():
                    self._take(side, frame, number)
            party = None if who == "nobody" else Party(who)
            self.found += self.session.close(party, failed=how == "failed")
        else:
            assert word == "!!", line

    def _bytes(self, word: str, rest: str) -> bytes:
        if word in ("->>", "<<-"):
            literal = ast.literal_eval(rest)
            assert isinstance(literal, bytes)
            return literal
        text = rest.replace("GREETING", GREETING)
        return text.encode() + (self._end if word == "<-" else b"\n")

    def _framer(self, side: str) -> Framer:
        return self._client if side == "client" else self._server

    def _feed(self, side: str, data: bytes, number: int) -> None:
        for frame in self._framer(side).feed(data):
            self._take(side, frame, number)

    def _take(self, side: str, frame: object, number: int) -> None:
        step = (self.session.client if side == "client" else self.session.server)(frame, number)
        self.found += step.breaches
        if step.answered is not None:
            result = step.message.result if isinstance(step.message, Success) else None
            self.answered.append((result, step.answered.name))

    def transcript(self) -> str:
        """The script with the breaches as they were found."""
        told: dict[int, list[str]] = {}
        for breach in self.found:
            text = f"!! {breach.requirement} {breach.blame.value} {breach.pointer}".rstrip()
            told.setdefault(breach.mark, []).append(text)
        whole = []
        for number, line in enumerate(self.lines):
            if not line.startswith("!!"):
                whole += [line, *sorted(told.get(number, []))]
        return "\n".join(whole)

    def expected(self) -> str:
        """The script, with the breaches below each line in order."""
        whole: list[str] = []
        wanted: list[str] = []
        for line in [*self.lines, ""]:
            if line.startswith("!!"):
                wanted.append(line)
            else:
                whole += [*sorted(wanted), line]
                wanted = []
        return "\n".join(whole[:-1])


def check(script: str, session: Session | None = None, end: bytes = b"\r\n") -> Play:
    """Play a script; exactly the breaches that stand in it must be found, where they stand."""
    play = Play(script, session, end)
    assert play.transcript() == play.expected()
    for breach in play.found:
        assert breach.requirement in REQUIREMENTS
        assert breach.expected
        assert breach.seen
        line = play.lines[breach.mark]
        if breach.pointer and line.startswith(("-> {", "<- {")) and breach.seen != "nothing":
            parts = breach.pointer.rsplit("/", 1)
            resolve(ast.literal_eval(_python(line[3:])), parts[0])
    return play


def _python(text: str) -> str:
    for json_word, python_word in (("null", "None"), ("true", "True"), ("false", "False")):
        text = text.replace(json_word, python_word)
    return text


def names_its_requirement(name: str, script: str) -> bool:
    """Whether a script that is called after a requirement (``ID: how``) has it broken."""
    requirement = name.partition(":")[0].partition(",")[0]
    return "." not in requirement or f"!! {requirement} " in script + " "
