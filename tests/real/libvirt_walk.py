"""Every task of libvirt's, with QEMU itself and with a wrapper in its place: the same outcomes.

``python -m tests.real.libvirt_walk [--qemu BUILD] [--user NAME] [--replay] [--keep DIR]`` takes a real libvirtd
through `steps` twice, with machines whose ``<emulator>`` is QEMU, and with machines whose
``<emulator>`` is what ``qmpconf emulator install`` writes.  It prints what each step came to,
what differs between the two, and what the recordings hold; with ``--replay``, what replays of them
show (`tests.real.libvirt_replay`).  The exit code is 1 where something
differs.  It takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qmpconf.check.checking import automatic, check
from qmpconf.trace.reader import TraceReader
from tests.real.builds import find
from tests.real.libvirt import Libvirt, domain
from tests.real.libvirt_replay import replay_all

DEVICES = """
<interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
"""
NIC = "<interface type='user'><mac address='52:54:00:12:34:77'/><model type='virtio'/></interface>"


@dataclass(frozen=True)
class Step:
    """One call of virsh, or (with `act`) something that is done to the daemon."""

    words: tuple[str, ...]
    act: str = ""

    @property
    def name(self) -> str:
        return self.act or " ".join(self.words)


def files(folder: Path) -> None:
    """The disks and descriptions that the steps name."""
    images = folder / "images"
    for name, kind, size in (("a", "qcow2", "16M"), ("b", "qcow2", "16M")):
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", kind, images / f"{name}.{kind}", size], check=True
        )
    (folder / "nic.xml").write_text(NIC)
    (folder / "disk.xml").write_text(
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{images}/b.qcow2'/><target dev='vdb' bus='virtio'/>"
        "<iotune><total_iops_sec>1000</total_iops_sec></iotune></disk>"
    )
    (folder / "backup.xml").write_text(
        "<domainbackup><disks><disk name='vda' backup='yes' type='file'>"
        f"<target file='{images}/backup.qcow2'/></disk><disk name='vdb' backup='no'/></disks>"
        "</domainbackup>"
    )
    (folder / "checkpoint.xml").write_text(
        "<domaincheckpoint><name>c1</name><disks><disk name='vda' checkpoint='bitmap'/>"
        "<disk name='vdb' checkpoint='no'/></disks></domaincheckpoint>"
    )


def steps(folder: Path) -> Iterator[Step]:
    """What is done with machine `one`, and with a second one beside it."""
    at = f"{folder}/images"
    for line in f"""
        start one
        domstats one
        dominfo one
        domblkstat one vda
        domblkinfo one vda
        dommemstat one
        setmem one 49152 --live
        dompmsuspend one mem
        suspend one
        resume one
        attach-device one {folder}/disk.xml
        blkdeviotune one vdb --total-bytes-sec 1000000
        blkdeviotune one vdb
        attach-device one {folder}/nic.xml
        domif-setlink one 52:54:00:12:34:77 down
        setvcpus one 2
        vcpuinfo one
        send-key one KEY_A KEY_B
        screenshot one {at}/shot.ppm
        qemu-monitor-command one {{"execute":"query-block"}}
        qemu-monitor-command one --hmp info_status
        qemu-monitor-command one {{"execute":"no-such","arguments":{{}}}}
        qemu-agent-command one {{"execute":"guest-ping"}} --timeout 1
        snapshot-create-as one s1 --disk-only --no-metadata --diskspec vda,file={at}/a.s1 --diskspec vdb,snapshot=no
        blockcommit one vda --active --pivot --wait
        blockcopy one vda {at}/copy.qcow2 --wait --finish --transient-job
        blockpull one vda --wait
        backup-begin one {folder}/backup.xml {folder}/checkpoint.xml
        @backup
        domjobinfo one --completed
        checkpoint-list one
        checkpoint-delete one c1
        blockresize one vdb 32M
        snapshot-create-as one i1
        snapshot-delete one i1
        @restart
        list --name
        domstats one
        start two
        domstats two
        suspend two
        resume two
        detach-device one {folder}/nic.xml
        detach-device one {folder}/disk.xml
        set-user-password one root secretpw
        dump one {at}/core --memory-only
        inject-nmi one
        reset one
        reboot one --mode acpi
        managedsave one
        start one
        save one {at}/save
        restore {at}/save
        shutdown one --mode acpi
        destroy two
        destroy one
        start broken
        undefine two
        """.strip().splitlines():
        words = line.split()
        yield (
            Step((), words[0][1:])
            if words[0][0] == "@"
            else Step(tuple(word.replace("info_status", "info status") for word in words))
        )


def walk(libvirt: Libvirt) -> dict[str, str]:
    """Take the steps; what each came to."""
    files(libvirt.folder)
    (libvirt.folder / "one.xml").write_text(
        domain("one", libvirt.emulator, f"{libvirt.folder}/images/a.qcow2", DEVICES).replace(
            "<vcpu>1</vcpu>", "<vcpu current='1'>2</vcpu>"
        )
    )
    libvirt.virsh("define", f"{libvirt.folder}/one.xml")
    libvirt.define("two")
    libvirt.define("broken", options="-no-such-option")
    found = {}
    for number, step in enumerate(steps(libvirt.folder)):
        if step.words[:2] in (("start", "one"), ("restore", f"{libvirt.folder}/images/save")):
            keep(libvirt)
        if step.act == "restart":
            libvirt.restart()
            outcome = "done"
        elif step.act == "backup":
            outcome = libvirt.await_job("one")
        else:
            done = libvirt.run_virsh(*step.words)
            outcome = f"exit {done.returncode} {done.stderr.strip()}".replace("\n", " ")
        name = step.name.replace(str(libvirt.folder), "DIR")
        found[f"{number:2} {name}"] = outcome.replace(str(libvirt.folder), "DIR").strip()
    return found


def keep(libvirt: Libvirt) -> None:
    """Keep the images, and a machine's saved state, as they are before one of its starts."""
    number = len(list(libvirt.folder.glob("images.*")))
    shutil.copytree(libvirt.folder / "images", libvirt.folder / f"images.{number}")
    managed = libvirt.folder / "lib" / "qemu" / "save" / "one.save"
    for saved in (libvirt.folder / "images" / "save", managed):
        if saved.exists():
            shutil.copy(saved, libvirt.folder / f"images.{number}" / "saved")


def replayed(libvirt: Libvirt) -> int:
    """Replay the recordings of machine `one`; gives how many showed a difference."""
    failed = 0
    for trace, code, text in replay_all(libvirt.traces, libvirt.folder):
        print(f"== replay of {trace.name}: exit {code}\n{text}")
        failed += code != 0
    return failed


def killed(libvirt: Libvirt) -> str:
    """What becomes of a machine whose recorder is killed."""
    libvirt.define("three")
    libvirt.virsh("start", "three")
    (recorder,) = libvirt.recorders("three")
    os.kill(recorder, 9)
    end = time.monotonic() + 10
    while (state := libvirt.virsh("domstate", "three", "--reason").strip()).startswith("running"):
        if time.monotonic() > end:
            break
        time.sleep(0.2)
    again = libvirt.run_virsh("start", "three") if not state.startswith("running") else None
    then = "" if again is None else f"; started again: exit {again.returncode}"
    libvirt.run_virsh("destroy", "three")
    return f"{state}{then}"


def main() -> int:
    """Walk twice, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qemu", default="qemu-7.2", help="a build, or a path (%(default)s)")
    parser.add_argument("--user", default="", help="who runs QEMU (root)")
    parser.add_argument("--replay", action="store_true", help="replay what was recorded, too")
    parser.add_argument("--only", action="store_true", help="leave the walk without a wrapper away")
    parser.add_argument(
        "--keep", help="where to keep the recordings, and the images that replays of them need"
    )
    arguments = parser.parse_args()
    named = arguments.qemu
    launcher = named if "/" in named else str(find(named).launcher)
    outcomes = []
    for recorded in (True,) if arguments.only else (False, True):
        with Libvirt(launcher, recorded=recorded, user=arguments.user) as libvirt:
            outcomes.append(walk(libvirt))
            if recorded:
                fate = killed(libvirt)
                libvirt.stop()
                report(libvirt)
                differ_again = replayed(libvirt) if arguments.replay else 0
                if arguments.keep:
                    shutil.copytree(libvirt.traces, arguments.keep)
                    for images in libvirt.folder.glob("images.*"):
                        shutil.copytree(images, Path(arguments.keep) / images.name)
    plain, wrapped = outcomes[0], outcomes[-1]
    for name, outcome in wrapped.items():
        mark = "" if plain[name] == outcome else f"   QEMU itself: {plain[name]}"
        print(f"{name[:100]:100}  {outcome[:90]}{mark}")
    print(f"after kill -9 of the recorder: {fate}")
    differ = [name for name, outcome in wrapped.items() if plain[name] != outcome]
    print(f"{len(wrapped)} steps, {len(differ)} with another outcome than with QEMU itself")
    return 1 if differ or differ_again else 0


def report(libvirt: Libvirt) -> None:
    """Print what the recordings hold."""
    print((libvirt.traces / "emulator.log").read_text(), end="")
    for path in sorted(libvirt.traces.glob("*.qmptrace")):
        reader = TraceReader(str(path))
        found = check(reader, automatic(reader)).groups
        errors = [one.first.subject for one in found if one.first.severity == "error"]
        print(f"{path.name}: {path.stat().st_size} bytes, complete {reader.finished}, {errors}")
    print("left behind:", [path.name for path in libvirt.traces.glob(".*")])


if __name__ == "__main__":
    sys.exit(main())
