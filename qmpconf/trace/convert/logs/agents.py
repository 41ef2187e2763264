"""What went to and from guest agents, out of the entries of libvirt's log.

libvirt logs a command to an agent before it sends it, and each line that it reads, both without the
agent's address.  Which machine's agent is meant says the entry by which a thread enters it, where
that is logged.  libvirt asks an agent one thing at a time, so that an answer is for an agent that
was asked: the one for which this thread has read before, or the one that was asked first.
"""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.trace.convert.base import Notes
from qmpconf.trace.convert.jsontext import names
from qmpconf.trace.convert.logs.conversations import Conversations
from qmpconf.trace.convert.logs.entries import LogEntry
from qmpconf.trace.convert.texts import BROKEN, one_line
from qmpconf.trace.records import Record, Side

#: How many threads and questions are known at a time.
_MOST = 1024


class Agents:
    """Makes records of what agents are asked and answer."""

    def __init__(self, talks: Conversations, notes: Notes) -> None:
        self._talks = talks
        self._notes = notes
        self._entered: dict[str, str] = {}  # by thread, the agent that it asks
        self._reads: dict[str, str] = {}  # by thread, the agent that it read last
        self._asked: list[str] = []  # agents that have not answered

    def is_reply(self, entry: LogEntry) -> bool:
        """Whether a line that was read, of nobody knows whom, is an agent's answer.

        libvirt gives each command to a monitor an id, and none to an agent.
        """
        if entry.kind != "LINE" or not self._asked or entry.broken:
            return False
        found = names(entry.text)
        return bool(found & {"return", "error"}) and "id" not in found

    def feed(self, entry: LogEntry, t: float) -> Iterator[Record]:
        """The records of one entry, at `t` seconds of the trace."""
        if entry.kind == "AGENT_ENTER":
            if len(self._entered) >= _MOST:
                del self._entered[next(iter(self._entered))]
            self._entered[entry.thread] = entry.monitor
            return
        side: Side = "client" if entry.kind == "AGENT_SEND" else "server"
        agent = self._asks(entry) if side == "client" else self._answers(entry)
        where = {"monitor": f"agent {agent}".rstrip()}
        if entry.broken:
            self._notes.missed(entry.text, entry.line)
            self._notes.damage(BROKEN, entry.line)
            yield from self._talks.broken(entry.line, t, where, side, entry.text, 1)
            return
        text = one_line(entry.text, side, entry.line, self._notes)
        yield from self._talks.said(entry.line, t, where, side, text, ungreeted=True)

    def _asks(self, entry: LogEntry) -> str:
        agent = self._entered.get(entry.thread, "")
        self._asked.append(agent)
        del self._asked[:-_MOST]
        return agent

    def _answers(self, entry: LogEntry) -> str:
        agent = self._reads.get(entry.thread, "")
        if self._asked and agent not in self._asked:
            agent = self._asked[0]
        if agent in self._asked:
            self._asked.remove(agent)
        if len(self._reads) >= _MOST:
            del self._reads[next(iter(self._reads))]
        self._reads[entry.thread] = agent
        return agent
