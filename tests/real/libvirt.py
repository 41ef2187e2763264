"""A libvirtd of one's own: private folders, a private socket, its debug log, machines without KVM.

libvirtd runs in a mount namespace in which ``/run``, ``/etc/libvirt`` and libvirt's folders below
``/var`` are folders of ours, so that it meets no other libvirtd and leaves nothing behind.  Where
the user is not root, it is root of a user namespace.  No systemd, no bus and no KVM are needed.

`Libvirt` starts it, ends it with all its machines, and begins it anew.  `Libvirt.virsh` talks to it.
`domain` is the XML of a small machine.  With `recorded`, the emulator of the machines is what
``qmpconf emulator install`` writes, and what goes over their monitors is recorded as well.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from qmpconf.outputs import is_locked
from qmpconf.record.emulator.install import install

#: Seconds that the daemon may take to answer, and to end.
PATIENCE = 60.0
#: What libvirt logs: all that goes over monitors.
FILTERS = "1:qemu.qemu_monitor 3:*"
#: Folders of libvirt's, by their names in ours.
_FOLDERS = {
    "run": "/run",
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "cache": "/var/cache/libvirt",
    "log": "/var/log/libvirt",
}


def missing() -> str:
    """Why no libvirtd can be started here; empty if one can."""
    for program in ("libvirtd", "virsh", "unshare", "mount"):
        if shutil.which(program, path=_path()) is None:
            return f"{program} is not installed"
    for folder in _FOLDERS.values():
        if not os.path.isdir(folder):
            return f"{folder} is missing: libvirt-daemon-system is not installed"
    probe = subprocess.run([*_unshare(), "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "no mount namespaces here (unshare)"


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _unshare() -> list[str]:
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class Libvirt:
    """A libvirtd.  Its folder is a new one below the temporary folder, with a short name.

    `log` is its debug log; `traces` the folder of the recordings, which are whole after `stop`.
    """

    def __init__(
        self, qemu: str, *, recorded: bool = False, filters: str = FILTERS, user: str = ""
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qlv-"))
        self.folder.chmod(0o755)
        self.log = self.folder / "libvirtd.log"
        self.traces = self.folder / "traces"
        for name in (*_FOLDERS, "traces", "images"):
            (self.folder / name).mkdir()
        self._user = user
        if user:
            shutil.chown(self.folder / "images", user)
        self.emulator = self._wrapper(qemu) if recorded else qemu
        self._configure(filters)
        self._process: subprocess.Popen[bytes] | None = None

    # --- the daemon ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        mounts = " && ".join(
            f"mount --bind {shlex.quote(str(self.folder / name))} {path}"
            for name, path in _FOLDERS.items()
        )
        if self._user and os.path.exists("/dev/kvm"):
            # Where root may use KVM and the user may not, libvirt probes QEMU without end.
            hidden = self.folder / "kvm"
            hidden.touch(0o600)
            mounts += f" && mount --bind {shlex.quote(str(hidden))} /dev/kvm"
        daemon = shlex.join(
            [
                "libvirtd",
                "--config",
                "/etc/libvirt/libvirtd.conf",
                "--pid-file",
                "/run/libvirtd.pid",
            ]
        )
        with (self.folder / "libvirtd.err").open("ab") as errors:
            self._process = subprocess.Popen(
                [*_unshare(), "sh", "-c", f"mount --make-rprivate / && {mounts} && exec {daemon}"],
                env={
                    "PATH": f"{self.folder}/bin:{_path()}",
                    "HOME": str(self.folder),
                    "LANG": "C.UTF-8",
                },
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        self._await()

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            if self.run_virsh("list").returncode == 0:
                return
            time.sleep(0.1)
        msg = f"libvirtd does not answer: {self.errors()}"
        raise RuntimeError(msg)

    def end(self) -> None:
        """End the daemon alone: machines go on."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def restart(self) -> None:
        """End the daemon and begin it anew; it finds its machines again."""
        self.end()
        self.start()

    def stop(self) -> None:
        """End all machines, the daemon and the recorders: the recordings are whole."""
        if self._process is not None:
            for name in self.virsh("list", "--name").split():
                self.run_virsh("destroy", name)
        self.end()
        self.await_recorders()

    def await_recorders(self) -> None:
        """Wait for the recorders of machines that have ended."""
        end = time.monotonic() + PATIENCE
        while any(map(is_locked, map(str, self.traces.glob("*.qmptrace")))):
            assert time.monotonic() < end, "a recorder goes on without its machine"
            time.sleep(0.02)

    def errors(self) -> str:
        """What the daemon has written to its standard error."""
        return (self.folder / "libvirtd.err").read_text(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- machines ------------------------------------------------------------------------------

    def virsh(self, *words: str) -> str:
        """What virsh prints.  Raises RuntimeError with its errors where it fails."""
        done = self.run_virsh(*words)
        if done.returncode != 0:
            msg = f"virsh {' '.join(words)}: {done.stderr}"
            raise RuntimeError(msg)
        return done.stdout

    def run_virsh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same, with its exit code and errors."""
        address = f"qemu+unix:///system?socket={self.folder}/run/libvirt/libvirt-sock"
        return subprocess.run(
            ["virsh", "--quiet", "--connect", address, *words],
            env={"PATH": _path(), "HOME": str(self.folder), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    def define(self, name: str, devices: str = "", options: str = "") -> None:
        """Define a small machine with a disk (`domain`)."""
        image = self.folder / "images" / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "16M"], check=True)
        if self._user:
            shutil.chown(image, self._user)
        path = self.folder / f"{name}.xml"
        path.write_text(domain(name, self.emulator, str(image), devices, options))
        self.virsh("define", str(path))

    def await_job(self, name: str) -> str:
        """Wait until a machine has no job any more."""
        end = time.monotonic() + PATIENCE
        while (job := self.virsh("domjobinfo", name).split()[-1:]) != ["None"]:
            assert time.monotonic() < end, job
            time.sleep(0.1)
        return "done"

    def recorders(self, name: str) -> list[int]:
        """The processes of the recorders of a machine."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"qmpconf.record.emulator.beside" in words and name.encode() in words:
                    found.append(int(path.parent.name))
        return found

    def _wrapper(self, qemu: str) -> str:
        path = self.folder / "bin" / "qemu-system-x86_64"
        path.parent.mkdir()
        install(str(path), qemu=qemu, output=str(self.traces), user=self._user, redact=False)
        # libvirt also asks the emulators that it finds by their names what they can do.
        for other in Path("/usr/bin").glob("qemu-system-*"):
            with suppress(FileExistsError):
                (path.parent / other.name).symlink_to(path)
        return str(path)

    def _configure(self, filters: str) -> None:
        (self.folder / "etc" / "libvirtd.conf").write_text(
            f'log_filters = "{filters}"\nlog_outputs = "1:file:{self.log}"\n'
            'auth_unix_rw = "none"\nauth_unix_ro = "none"\n'
        )
        (self.folder / "etc" / "qemu.conf").write_text(
            f'security_driver = "none"\nuser = "{self._user or "+0"}"\n'
            f'group = "{self._user or "+0"}"\ndynamic_ownership = {int(bool(self._user))}\n'
            "remember_owner = 0\ncgroup_controllers = []\nnamespaces = []\n"
            'stdio_handler = "file"\nseccomp_sandbox = 0\n'
        )


def domain(name: str, emulator: str, image: str, devices: str = "", options: str = "") -> str:
    """The XML of a machine without KVM and network, with a disk and ports for more.

    `devices` are further ones, `options` further arguments of QEMU's.
    """
    more = "".join(f"<qemu:arg value='{option}'/>" for option in options.split())
    ports = "<controller type='pci' model='pcie-root-port'/>" * 8
    return f"""
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>{emulator}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{image}'/><target dev='vda' bus='virtio'/>
    </disk>
    <controller type='pci' model='pcie-root'/>{ports}
    <serial type='null'/><memballoon model='virtio'/>{devices}
  </devices>
  <qemu:commandline>{more}</qemu:commandline>
</domain>
"""
