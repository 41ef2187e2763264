r"""The table of programs whose logs are known: how to recognize them, and what they write in their own way.

All of them are read by the same reader, with all rules of the table at once: what is said of a
file, and may be wrong, decides about nothing but its name.

A rule is for what the reader cannot see by itself: who says a message, what the message is where a
log has only a part of it, and what the program leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from qmpconf.protocol.values import dumps
from qmpconf.trace.convert.logs.virsh import spelled
from qmpconf.trace.records import Side

Groups = dict[str, str]
#: What a program never logs: failures, or any answer.
Silent = Literal["", "errors", "answers"]


def _as_it_is(text: bytes, _: Groups) -> bytes:
    return text


def _command(text: bytes, groups: Groups) -> bytes:
    """A command of which the log has the name and the arguments."""
    arguments = b"" if text == b"{}" else b',"arguments":' + text
    return b'{"execute":' + dumps(groups["name"]) + arguments + b"}"


def _event(text: bytes, groups: Groups) -> bytes:
    """An event of which the log has the name and the data.

    Its time is the one that the log has, or that of its line; unknown ones are -1, as QEMU's.
    """
    data = b"" if text == b"{}" else b', "data": ' + text
    seconds, micros = groups.get("seconds", "-1"), groups.get("micros", "-1")
    stamp = b'"timestamp": {"seconds": %d, "microseconds": %d}, ' % (int(seconds), int(micros))
    return b"{" + stamp + b'"event": ' + dumps(groups["name"]) + data + b"}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands before an object, and what that means for the object.

    `mark` is in every such text, and is looked for first.  `before` ends where the object begins; its groups are what `make` needs to make the message of
    the object, and ``session`` or ``agent`` (of a machine) if it says that.  Without groups for them, ``seconds`` and ``micros``
    are the time of the line.
    """

    mark: bytes
    before: re.Pattern[bytes]
    side: Side | None = None
    make: Callable[[bytes, Groups], bytes] = _as_it_is
    silent: Silent = ""
    made: str = ""  # what is said of a message that was made
    typed: bool = False  # a command as it was typed, to which a program adds an id


@dataclass(frozen=True, slots=True)
class Style:
    """One program.  `looks` is found in its logs, `source` says where it is known from."""

    name: str
    title: str
    source: str
    looks: re.Pattern[bytes]
    rules: tuple[Rule, ...] = ()


STYLES = (
    Style(
        "kubevirt",
        "KubeVirt's virt-launcher: libvirt's log in JSON lines",
        "kubevirt/kubevirt, issue 13721; pkg/virt-launcher/virtwrap/util/libvirt_helper.go",
        re.compile(
            rb'"component": ?"virt-launcher[^\n]*?(?:QEMU_MONITOR_|\\"(?:execute|return|QMP)\\")'
        ),
    ),
    Style(
        "incus",
        "qemu.qmp.log of Incus and LXD",
        "lxc/incus, internal/server/instance/drivers/qmp/monitor.go and qmp.go",
        re.compile(
            rb"^\[\d{4}-\d\d-\d\dT[^\]\n]{8,20}\] (?:QUERY|REPLY|Event|EVENT): \{", re.MULTILINE
        ),
        (
            Rule(b"] QUERY: ", re.compile(rb"\] QUERY: \Z"), "client", silent="errors"),
            Rule(b"] REPLY: ", re.compile(rb"\] REPLY: \Z"), "server", silent="errors"),
            Rule(b"] Event: ", re.compile(rb"\] Event: \Z"), "server", silent="errors"),
        ),
    ),
    Style(
        "kata",
        "Kata Containers: logfmt, with QMP in msg",
        "kata-containers/govmm, qemu/qmp.go; kata-containers/runtime, issues 1368 and 2701",
        re.compile(rb'msg="\{\\"[^\n]{0,4000}subsystem=qmp'),
    ),
    Style(
        "clear-containers",
        "Clear Containers: cc-runtime",
        "clearcontainers/runtime, issue 669",
        re.compile(rb"m=[+-][\d.]{1,30}:\d{1,10}:cc-runtime:\w{1,20}:\{"),
    ),
    Style(
        "avocado-vt",
        "avocado-vt: debug.log, and the logs of its monitors",
        "avocado-framework/avocado-vt, virttest/qemu_monitor.py, pull request 2163",
        re.compile(rb"\(monitor [^)\n]{1,100}\) Sending command '|Send command: \{u?'"),
        (
            Rule(
                b"Send command: ",
                re.compile(rb"Send command: \Z"),
                "client",
                silent="answers",
            ),
        ),
    ),
    Style(
        "qapi-rs",
        "qapi-rs, Rust's library, at the level TRACE",
        "arcnmx/qapi-rs, qapi/src/lib.rs",
        re.compile(
            rb"\bqapi(?:::\w+)*\] *(?:-> execute |<- \{)|^-> execute [\w-]+: \{", re.MULTILINE
        ),
        (
            Rule(
                b"-> execute ",
                re.compile(rb"-> execute (?P<name>[\w.-]{1,100}): \Z"),
                "client",
                _command,
                made="the log has a command's name and arguments: the command was made of them",
            ),
            Rule(b"qapi", re.compile(rb"qapi[\w:]*\] <- \Z"), "server"),
        ),
    ),
    Style(
        "virsh",
        "virsh qemu-monitor-command, qemu-monitor-event and qemu-agent-command",
        "libvirt, tools/virsh-domain-event.c; virsh(1)",
        re.compile(
            rb"^[^\n{]{0,80}\bvirsh [^\n{]{0,80}\bqemu-(?:monitor-(?:command|event)|agent-command)\b"
            rb"|^(?:\S+ \S+: )?event [A-Z0-9_]+ (?:at \d+\.\d{6} )?for domain ",
            re.MULTILINE,
        ),
        (
            Rule(
                b"event ",
                re.compile(
                    rb"\bevent (?P<name>[A-Z0-9_]{1,100}) (?:at (?P<seconds>\d{1,12})\.(?P<micros>\d{1,6}) )?"
                    rb"for domain '?(?P<session>[^\s:']{1,200})'?: \Z"
                ),
                "server",
                _event,
                made="virsh shows an event's name, time and data: the event was made of them",
            ),
            Rule(
                b"qemu-monitor-command",
                re.compile(
                    rb"\bqemu-monitor-command\s+(?:--(?!domain)\S+\s+)*(?:--domain\s+)?(?P<session>[\w.-]{1,200})"
                    rb"[^\n]{0,1000}\Z"
                ),
                "client",
                silent="answers",
                typed=True,
            ),
            Rule(
                b"qemu-agent-command",
                re.compile(
                    rb"\bqemu-agent-command\s+(?:--timeout[ =]\d+\s+|--(?!domain)\S+\s+)*"
                    rb"(?:--domain\s+)?(?P<agent>[\w.-]{1,200})[^\n]{0,1000}\Z"
                ),
                "client",
                silent="answers",
                typed=True,
            ),
            Rule(
                b"QEMU agent command '",
                re.compile(rb"error: [^\n']{0,100}QEMU agent command '[^'\n]{1,200}': \Z"),
                "server",
                made="virsh shows an agent's error in words: the error was made of them",
            ),
        ),
    ),
    Style(
        "qmp-tui",
        "qmp-tui and others that use qemu.qmp, at the level DEBUG",
        "qemu.qmp, protocol.py (_cb_outbound, _cb_inbound)",
        re.compile(rb"^[^{}\n]{0,200}(?:-->|<--) \{\n  \"", re.MULTILINE),
        (
            Rule(b"--> ", re.compile(rb"(?:\A|[\s:|])--> \Z"), "client"),
            Rule(b"<-- ", re.compile(rb"(?:\A|[\s:|])<-- \Z"), "server"),
        ),
    ),
    Style(
        "socat",
        "what `socat -v` shows of a connection",
        "socat(1), option -v",
        re.compile(
            rb"^[<>] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+ +length=\d+ from=\d+ to=\d+", re.MULTILINE
        ),
    ),
    Style(
        "journal",
        "journalctl -o json, of any program",
        "systemd, journal export format",
        re.compile(rb'"__REALTIME_TIMESTAMP" ?:'),
    ),
)

#: Where an object stands of which there is nothing, and what is written for it.
_NOTHING = re.compile(rb"(\bfor domain '?[^\s':]{1,200}'?: )<null>")
_RULES = tuple(rule for style in STYLES for rule in style.rules)
#: No rule needs more of what stands before an object.
_NEAR = 1500


def filled(text: bytes) -> bytes:
    """A line in which an object stands for what a program writes without one."""
    if b"<null>" in text:
        return _NOTHING.sub(rb"\1{}", text)
    return spelled(text) if b"QEMU agent command '" in text or b"monitor-command" in text else text


def rule_of(before: bytes) -> tuple[Rule, Groups] | None:
    """The rule for an object behind `before`, and its groups; None if there is none."""
    near = before[-_NEAR:]
    for rule in _RULES:
        found = rule.before.search(near) if rule.mark in near else None
        if found is not None:
            groups = {name: value for name, value in found.groupdict().items() if value is not None}
            return rule, {name: value.decode("utf-8", "replace") for name, value in groups.items()}
    return None
