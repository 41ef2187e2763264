"""``qmpconf emulator``: record what libvirt starts as QEMU, and start an equal QEMU for a replay."""

from __future__ import annotations

import argparse
import os
import sys

from qmpconf.cli.examples import explain
from qmpconf.errors import InputError
from qmpconf.record.emulator.install import install
from qmpconf.replay.equal import equal_to, said
from qmpconf.text import harmless
from qmpconf.trace.reader import TraceReader

_EPILOG = """\
examples:
  qmpconf emulator install /usr/local/bin/qemu-recorded --qemu qemu-system-x86_64
      --output /var/log/qmpconf --user libvirt-qemu

Name PATH in the domain: <emulator>/usr/local/bin/qemu-recorded</emulator> ('virsh edit DOMAIN').
From its next start on, each start of the machine is a trace in DIR, named after the domain; and so
is what libvirt asks QEMU before ('probe-...').  DIR/emulator.log says what was recorded, and what
was not, with the reason: there, QEMU starts as it was called. To end it, name QEMU again.

The user who runs QEMU (libvirt-qemu on Debian, qemu on Fedora) must be able to start the Python of
this qmpconf, which one below /root cannot. AppArmor and SELinux: see qmpconf/record/README.md.
"""

_COMMAND_EPILOG = """\
examples:
  qmpconf emulator command one.qmptrace
  qmpconf replay one.qmptrace --spawn "$(qmpconf emulator command one.qmptrace)"
  qmpconf replay one.qmptrace --spawn "$(qmpconf emulator command one.qmptrace --qemu qemu-new)"

The line is QEMU's as it was recorded, but for what nobody can inherit or use again: the monitor and
other sockets of the server's listen beside {socket}, networks with inherited descriptors lead
nowhere, keys that libvirt had made are other ones, descriptor sets hold /dev/null. Each change,
each thing that is missing, and the files that the server opens and writes into go to standard
error.

exit codes: 0, 2 usage, 3 the trace cannot be read, or does not say how its server was started
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-verb and its arguments."""
    explain(parser, _EPILOG)
    choices = parser.add_subparsers(dest="subverb", metavar="SUBVERB", required=True)
    text = "write a program that records the monitor and becomes QEMU, for libvirt to start"
    sub = choices.add_parser("install", help=text, description=f"{text[0].upper()}{text[1:]}.")
    explain(sub, _EPILOG)
    sub.add_argument("path", metavar="PATH", help="the program to write")
    sub.add_argument(
        "--qemu", metavar="BINARY", required=True, help="QEMU itself, which the program becomes"
    )
    sub.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        required=True,
        help="the folder for traces and the log; made if it is not there",
    )
    sub.add_argument(
        "--user", metavar="NAME", default="", help="who runs QEMU: the folder is given to that user"
    )
    sub.add_argument("--no-redact", action="store_true", help="keep secrets in the traces")
    sub.add_argument(
        "--force", action="store_true", help="overwrite PATH if it is there and no such program"
    )

    text = "print the command line that starts a server equal to the recorded one, for --spawn"
    sub = choices.add_parser("command", help=text, description=f"{text[0].upper()}{text[1:]}.")
    explain(sub, _COMMAND_EPILOG)
    sub.add_argument("trace", metavar="TRACE", help="a recording by the wrapper, or by --spawn")
    sub.add_argument("--qemu", metavar="BINARY", default="", help="another QEMU in its place")
    sub.add_argument(
        "-q", "--quiet", action="store_true", help="say nothing of what is otherwise than recorded"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return _command(arguments) if arguments.subverb == "command" else _install(arguments)


def _command(arguments: argparse.Namespace) -> int:
    """Print the line, and what is to be known of it."""
    try:
        found = equal_to(TraceReader(arguments.trace).header.meta, arguments.qemu)
    except ValueError as error:
        raise InputError(f"{arguments.trace}: {error}") from error
    print(harmless(found.line))
    for text in () if arguments.quiet else said(found):
        print(harmless(f"qmpconf emulator command: {text}"), file=sys.stderr)
    return 0


def _install(arguments: argparse.Namespace) -> int:
    """Write the program, and say what to do with it."""
    advice = install(
        arguments.path,
        qemu=arguments.qemu,
        output=arguments.output,
        user=arguments.user,
        redact=not arguments.no_redact,
        force=arguments.force,
    )
    for text in advice:
        print(f"qmpconf emulator: {text}", file=sys.stderr)
    path = os.path.abspath(arguments.path)
    print(f"{path} records into {os.path.abspath(arguments.output)}. In the domain (virsh edit):")
    print(f"  <emulator>{harmless(path)}</emulator>")
    return 0
