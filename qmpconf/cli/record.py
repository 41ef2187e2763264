"""``qmpconf record``: record what a client and a server say to each other."""

from __future__ import annotations

import argparse

import qmpconf
from qmpconf.cli import faults, options, record_beside, record_host, record_proxy, rotation
from qmpconf.cli.record_watch import alone, say
from qmpconf.cli.secrets import secret, secrets_of
from qmpconf.outputs import Outputs
from qmpconf.record.modes import MODES

_EPILOG = """\
ADDR is unix:PATH, a bare path, tcp:HOST:PORT, or fd:N for a socket that was inherited (fd:NAME for
one that systemd has passed by that name).

examples:
  qmpconf record --server qmp.sock --listen proxy.sock -o session.qmptrace
  qmpconf record --server qmp.sock -o session.qmptrace -- qmp-shell {listen}
  qmpconf record --spawn 'qemu-system-x86_64 -M none -display none
      -qmp unix:{socket},server=on,wait=off' --listen proxy.sock -o session.qmptrace.gz --once
  qmpconf record --sniff eth0 --port 4444 -o session.qmptrace
  qmpconf record --server qmp.sock --listen proxy.sock -o vm.qmptrace.gz --max-size 64M --keep 10
  qmpconf record --trace-log qemu.log --target qmp.sock -o session.qmptrace
  qmpconf record --attach qmp.sock -o events.qmptrace
  qmpconf record --attach qmp.sock -o session.qmptrace -- qmp-shell {listen}
  qmpconf record --server qmp.sock --share --listen proxy.sock --observe watch.sock -o vm.qmptrace
  qmpconf record --server qmp.sock --listen proxy.sock -o vm.qmptrace --check
  qmpconf record --server qmp.sock -o late.qmptrace --faults late-reply -- my-client {listen}
  qmpconf record --server qmp.sock -o a.qmptrace --seed 7 --write-faults 7.toml -- client {listen}
  qmpconf record --protocol qga --server qga.sock --listen proxy.sock -o agent.qmptrace
  qmpconf record --dir /run/vms --listen /run/qmpconf -o /var/log/qmp --max-age 1d --keep 30
  qmpconf record --config /etc/qmpconf.toml

With --sniff nothing is between the client and the server: their packets are captured as they pass,
which needs the capability CAP_NET_RAW. What was missed is a gap in the trace, and a session that
had begun before begins with one. It records until it is interrupted.

With --max-size or --max-age a recording is in parts: -o vm.qmptrace.gz makes vm.0001.qmptrace.gz,
vm.0002.qmptrace.gz and so on. Each is a recording by itself, for it repeats the greeting, the
negotiation and the schema, and says how much is in the parts before. Every verb takes the name
vm.qmptrace.gz for all parts that are there, as one recording. A part begins with the first message
that comes when the one before has reached the age, or the size (and twice what it repeats).

A recording keeps everything, and has no --filter: what is left out cannot be had back, and is what
one looks for later. 'qmpconf show --filter' looks at a part of it, 'qmpconf convert --filter'
writes a smaller trace, and --max-size with --keep bounds the disk.

With --trace-log, QEMU itself logs what all its monitors are asked and say: the log (QEMU's -D
FILE, or its standard error) is switched on by the monitor --target, which is needed for a moment,
followed until it is interrupted or the machine ends, and switched off. QEMU 5.2 logs commands
alone; no QEMU logs descriptors, what it could not parse, or when a client goes.

With --attach, QEMU from 11.1 on is given a monitor of our own, which is recorded, and removed in
the end: for a machine whose monitor others use. That is needed for the moments of both. Without
CLIENT and --listen its events are recorded, until it is interrupted or the machine ends.

With --share several clients use one monitor at once: the recorder is its client, and answers each
one's negotiation by itself. Of the clients at --listen the first may send all; those that come as
long as it is there only observe: they get all events, and may send commands that ask (query-*,
qom-get and so on). Any other one is answered with an error, and not sent. --writers all lets all of
them send; clients at --observe always only observe. The trace has a session for each client, and
the one with the server.

With --dir the monitors of a host are recorded in one process: of each socket below DIR, say
DIR/web.sock, clients find a proxy at LISTEN/web.sock, and its recording is in the folder of -o, one
for each time that the socket comes. Those that come and go are seen at once. --config FILE says the
same as TOML, and names monitors elsewhere: output, directory, listen, match, compress, max-size,
max-age, keep, on-write-error, redact, protocol, share, observe, writers, and for each [[monitor]]
name, server, listen, server-dials, protocol, share, observe and writers. SIGHUP has it read again:
monitors come and go by it, and all others go on. --keep counts the parts of each monitor. What
cannot be written ends that one recording, and is tried again each minute.

With --faults or --seed, messages of the server are lost, late, doubled or cut before they reach the
client, connections are refused or read slowly. The trace has what the server sent, and each fault
as the recorder's own: 'check' blames nobody for it. --write-faults FILE keeps what happened as
rules, for --faults; 'qmpconf reduce --faults FILE -- CLIENT' finds the fewest that the client fails
with.

A suite of recordings is kept with --mode:
  once  record where there is no FILE; otherwise FILE answers the client, without the server
  none  never record: FILE answers; without FILE the exit code is 3
  all   record again; what did not change stays as it was in FILE, times too, for 'git diff'
Where FILE answers, the client has to say what was recorded, in that order: the exit code is 1
where it did not, unless the client has one of its own.

With --check, 'qmpconf check --follow' reads the trace as it grows, in a process of its own: no
session waits for it. It prints each kind of finding when it shows first. When the recording has
ended, and with it the check of what is left, it prints what 'qmpconf check' says of all of it,
whose exit code is the recorder's (also where it was interrupted), unless the client has one of its
own or no session reached the server. Another interrupt ends the check, and says what was not
judged. With --dir or --config, each finding has its monitor's name, and the report in the end is of
what was found meanwhile.

With -- CLIENT the client's exit code is the recorder's, unless it is 0. Without, it runs until it
is interrupted (exit code 130, the trace is complete), until the server that it has started ends,
or, with --once, until the first session ends. The exit code is 4 when no session reached the
server, or the server that it has started crashed.
"""

#: What records otherwise than by a proxy for each client, where nothing can go wrong on purpose.
_WITHOUT_FAULTS = ("share", "trace_log", "sniff", "dir", "config", "mode", "server_dials")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.usage = (
        "qmpconf record (--server ADDR | --spawn COMMAND) [--listen ADDR] -o FILE "
        "[options] [-- CLIENT ...]\n"
        "       qmpconf record --server ADDR --share --listen ADDR [--observe ADDR] -o FILE [options]\n"
        "       qmpconf record --attach ADDR [--listen ADDR] -o FILE [options] [-- CLIENT ...]\n"
        "       qmpconf record --trace-log FILE --target ADDR -o FILE [options]\n"
        "       qmpconf record --sniff INTERFACE --port N -o FILE [options]\n"
        "       qmpconf record --dir DIR --listen DIR -o DIR [options]\n"
        "       qmpconf record --config FILE"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--server", metavar="ADDR", help="where the server listens")
    parser.add_argument(
        "--spawn", metavar="COMMAND", help="start the server, with {socket} for its socket's path"
    )
    parser.add_argument(
        "--listen", metavar="ADDR", help="where clients connect (with CLIENT: a private socket)"
    )
    parser.add_argument(
        "--attach",
        metavar="ADDR",
        help="a running machine's monitor: add another one to the machine, and record that",
    )
    parser.add_argument(
        "--share", action="store_true", help="let several clients use the monitor at once"
    )
    parser.add_argument(
        "--observe",
        metavar="ADDR",
        help="with --share: where clients connect that may only ask, and get all events; with --dir a "
        "folder",
    )
    parser.add_argument(
        "--writers",
        choices=("first", "all"),
        help="with --share: who may send all at --listen (default: the first client, while it is there)",
    )
    parser.add_argument(
        "--trace-log", metavar="LOG", help="follow the trace log that a running QEMU writes"
    )
    parser.add_argument("--target", metavar="ADDR", help="with --trace-log: a monitor of that QEMU")
    parser.add_argument(
        "--sniff", metavar="INTERFACE", help="capture what passes on a network interface"
    )
    parser.add_argument(
        "--port", metavar="N", type=_port, default=0, help="with --sniff: the server's TCP port"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the trace to write; compressed if it ends in .gz or .zst",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    parser.add_argument(
        "--mode", choices=MODES, help="record, or serve what was recorded before (see below)"
    )
    parser.add_argument("--once", action="store_true", help="end after the first session")
    options.protocol(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="print findings as they show, and in the end what 'qmpconf check' says, on stderr",
    )
    parser.add_argument(
        "--schema",
        default="auto",
        metavar="NAME|FILE|auto|none",
        help="with --check: the catalog, as with 'qmpconf check'",
    )
    parser.add_argument(
        "--metrics",
        metavar="ADDR",
        help="answer Prometheus at HOST:PORT: messages, response times, commands that wait",
    )
    parser.add_argument("--no-redact", action="store_true", help="keep secrets in the trace")
    parser.add_argument("--filter", metavar="EXPR", help=argparse.SUPPRESS)
    secret(parser)
    parser.add_argument(
        "--on-write-error",
        choices=("stop", "passthrough"),
        default="stop",
        help="when the trace cannot be written: stop (default), or let traffic pass unrecorded, and try "
        "again each minute",
    )
    parser.add_argument(
        "--server-dials",
        action="store_true",
        help="the server connects to us, at the address of --server",
    )
    parser.add_argument(
        "--client-listens",
        action="store_true",
        help="with --server-dials: connect to the client, at the address of --listen",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no live view, no summary")
    rotation.configure(parser)
    faults.configure(parser)
    record_host.configure(parser)
    parser.add_argument(
        "client", metavar="CLIENT", nargs="*", help="a client to start, {listen} for the address"
    )


def run(arguments: argparse.Namespace) -> int:
    """Record; give the client's exit code, or one of the tool's own."""
    if arguments.filter is not None:
        raise qmpconf.UsageError(
            "a recording keeps everything: what --filter left out could not be had back; look at a "
            "part with 'qmpconf show --filter', or make a smaller trace with 'qmpconf convert --filter'"
        )
    secrets = secrets_of(arguments.secret)
    if secrets and arguments.no_redact:
        raise qmpconf.UsageError("--no-redact keeps all secrets: --secret does not go with it")
    if any(getattr(arguments, one) is not None for one in faults.OPTIONS):
        alone(arguments, "faults", _WITHOUT_FAULTS)
    if record_host.wanted(arguments):
        return record_host.run(arguments, secrets, say)
    if not arguments.output:
        raise qmpconf.UsageError("say where the trace is to be: -o/--output FILE")
    if arguments.output == "-" and (arguments.client or arguments.mode):
        whose = "--mode" if arguments.mode else "what the client prints"
        raise qmpconf.UsageError(
            f"-o - is standard output, and {whose} needs it or a file: name one"
        )
    turns = rotation.rotation_of(arguments)
    if turns is not None and arguments.mode:
        raise qmpconf.UsageError("--mode keeps a recording in one file: it cannot be in parts")
    if not arguments.mode:
        outputs = Outputs(
            [arguments.trace_log or "", *faults.inputs(arguments)], force=arguments.force
        )
        rotation.add_output(outputs, arguments.output, in_parts=turns is not None)
        faults.add(outputs, arguments)
    if arguments.sniff or arguments.port:
        return record_beside.sniff(arguments, secrets)
    if arguments.trace_log or arguments.target:
        return record_beside.follow(arguments, secrets)
    return record_proxy.run(arguments, secrets)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a TCP port: write a number up to 65535")
    return int(text)
