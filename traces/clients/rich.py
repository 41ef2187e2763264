"""The rich session: what a management tool does with a virtual machine, from start to quit.

Runs against the machine of `tests.real.machines.MACHINE`.  Names and files are the same in every
run, and whatever takes time is waited for by its event, so the session can be replayed.  What a
release does not have is left out, as its schema tells.  Some commands fail, as they do in real
life, but none breaks the protocol or the schema: for that, see `wrong`.
"""

from __future__ import annotations

import os

from traces.clients.talk import Talk, talk


async def machine(vm: Talk) -> None:
    """Ask what there is."""
    await vm.sweep()
    await vm.do("query-cpu-model-expansion", type="static", model={"name": "qemu64"})
    await vm.do("device-list-properties", typename="virtio-blk-pci")
    await vm.refused("device-list-properties", typename="no-such-device")


async def hotplug(vm: Talk) -> None:
    """Devices come and go."""
    await vm.do("device_add", driver="usb-tablet", id="tablet0", bus="usb0.0")
    await vm.do("query-mice")
    await vm.do("device_del", id="tablet0")
    await vm.event("DEVICE_DELETED", device="tablet0")

    await vm.do("netdev_add", type="hubport", id="net0", hubid=0)
    await vm.do("device_add", driver="virtio-net-pci", id="nic0", netdev="net0", bus="port0",
                mac="52:54:00:12:34:56", romfile="")  # fmt: skip
    await vm.do("query-rx-filter", name="nic0")
    await vm.do("set_link", name="nic0", up=False)
    await vm.do("set_link", name="nic0", up=True)
    await vm.do("device_add", driver="virtio-scsi-pci", id="scsi0", bus="port1")
    await vm.do("blockdev-add", driver="null-co", node__name="null0", size=1048576)
    await vm.do("device_add", driver="scsi-hd", id="lun0", bus="scsi0.0", drive="null0")
    await vm.do("query-pci")
    await vm.do("device_del", id="lun0")
    await vm.event("DEVICE_DELETED", device="lun0")
    await vm.do("blockdev-del", node__name="null0")

    await vm.refused("device_add", driver="virtio-net-pci", id="nic0", bus="port0")
    await vm.refused("device_del", id="nobody")
    await vm.refused("netdev_del", id="nobody")


async def blocks(vm: Talk) -> None:
    """Images, jobs, snapshots, exports."""
    for name in ("mirror", "backup", "overlay"):
        await vm.do("blockdev-create", job__id=f"make-{name}-file",
                    options={"driver": "file", "filename": f"{name}.qcow2", "size": 0})  # fmt: skip
        await vm.job(f"make-{name}-file")
        await vm.do("blockdev-add", driver="file", node__name=f"{name}-file",
                    filename=f"{name}.qcow2")  # fmt: skip
        await vm.do("blockdev-create", job__id=f"make-{name}",
                    options={"driver": "qcow2", "file": f"{name}-file", "size": 1048576})  # fmt: skip
        await vm.job(f"make-{name}")
        backing = {"backing": None} if name == "overlay" else {}
        await vm.do("blockdev-add", driver="qcow2", node__name=name, file=f"{name}-file", **backing)
    await vm.do("query-named-block-nodes", flat=True)

    await vm.do("blockdev-backup", job__id="backup0", device="disk0", target="backup", sync="full",
                auto__dismiss=False)  # fmt: skip
    await vm.job("backup0")
    await vm.do("blockdev-mirror", job__id="mirror0", device="disk0", target="mirror", sync="full",
                auto__dismiss=False)  # fmt: skip
    await vm.event("BLOCK_JOB_READY", device="mirror0")
    await vm.do("query-block-jobs")
    await vm.do("block-job-set-speed", device="mirror0", speed=1048576)
    await vm.do("block-job-cancel", device="mirror0", force=True)
    await vm.event("BLOCK_JOB_CANCELLED", device="mirror0")
    await vm.event("JOB_STATUS_CHANGE", id="mirror0", status="concluded")
    await vm.do("job-dismiss", id="mirror0")

    await vm.do("blockdev-snapshot", node="disk0", overlay="overlay")
    await vm.do("query-block")
    await vm.do("block-dirty-bitmap-add", node="overlay", name="bitmap0", granularity=65536)
    await vm.do("transaction", actions=[
        {"type": "block-dirty-bitmap-add", "data": {"node": "overlay", "name": "bitmap1"}},
        {"type": "block-dirty-bitmap-clear", "data": {"node": "overlay", "name": "bitmap0"}},
    ])  # fmt: skip
    await vm.refused("transaction", actions=[
        {"type": "block-dirty-bitmap-remove", "data": {"node": "overlay", "name": "bitmap1"}},
        {"type": "block-dirty-bitmap-clear", "data": {"node": "overlay", "name": "bitmap9"}},
    ])  # fmt: skip
    await vm.do("block-dirty-bitmap-merge", node="overlay", target="bitmap0", bitmaps=["bitmap1"])
    await vm.do("block-dirty-bitmap-remove", node="overlay", name="bitmap1")
    await vm.do("block-dirty-bitmap-remove", node="overlay", name="bitmap0")
    await vm.do("block-commit", job__id="commit0", device="overlay", auto__dismiss=False)
    await vm.job("commit0", ready=True)
    await vm.do("query-block")
    await vm.do("blockdev-del", node__name="overlay")
    await vm.do("blockdev-del", node__name="overlay-file")

    await vm.do("blockdev-snapshot-internal-sync", device="disk0", name="internal0")
    await vm.do("blockdev-snapshot-delete-internal-sync", device="disk0", name="internal0")
    await vm.do("block_set_io_throttle", id="/machine/peripheral/drive0/virtio-backend", bps=0, bps_rd=0, bps_wr=0,
                iops=1000, iops_rd=0, iops_wr=0)  # fmt: skip
    await vm.do("block_resize", node__name="disk0", size=2097152)

    await vm.do("nbd-server-start", addr={"type": "unix", "data": {"path": "nbd.sock"}})
    await vm.do("block-export-add", id="export0", type="nbd", node__name="backup", name="backup")
    await vm.do("query-block-exports")
    await vm.do("block-export-del", id="export0")
    await vm.event("BLOCK_EXPORT_DELETED", id="export0")
    await vm.do("nbd-server-stop")

    for name in ("backup", "mirror"):
        await vm.do("blockdev-del", node__name=name)
        await vm.do("blockdev-del", node__name=f"{name}-file")
    await vm.refused("blockdev-del", node__name="disk0")


async def objects(vm: Talk) -> None:
    """The object model, and objects; one of them keeps a secret."""
    await vm.do("qom-list", path="/")
    await vm.do("qom-list", path="/machine/peripheral")
    await vm.do("qom-get", path="/machine", property="type")
    await vm.do("qom-list-types", implements="memory-backend")
    await vm.do("qom-list-properties", typename="iothread")
    await vm.refused("qom-get", path="/machine/nowhere", property="type")

    # Up to 5.2, an object's properties stand one level deeper.
    def properties(**values: object) -> dict[str, object]:
        return {"props": values} if vm.knows("object-add", "props") else values

    await vm.do("object-add", qom__type="iothread", id="thread0")
    await vm.do("qom-set", path="/objects/thread0", property="poll-max-ns", value=1000)
    await vm.do("qom-get", path="/objects/thread0", property="poll-max-ns")
    await vm.do("object-add", qom__type="memory-backend-ram", id="memory0",
                **properties(size=1048576))  # fmt: skip
    await vm.do("query-memdev")
    await vm.do("object-add", qom__type="secret", id="secret0",
                **properties(data="correct horse battery staple"))  # fmt: skip
    await vm.do("object-add", qom__type="rng-builtin", id="rng0")
    for name in ("rng0", "secret0", "memory0", "thread0"):
        await vm.do("object-del", id=name)


async def characters(vm: Talk) -> None:
    """Character devices and descriptors."""
    await vm.do("chardev-add", id="char0", backend={"type": "ringbuf", "data": {"size": 1024}})
    await vm.do("ringbuf-write", device="char0", data="hello")
    await vm.do("ringbuf-read", device="char0", size=5)
    await vm.do("chardev-change", id="char0", backend={"type": "null", "data": {}})
    await vm.do("chardev-add", id="char1",
                backend={"type": "file", "data": {"out": "char1.txt"}})  # fmt: skip
    await vm.do("query-chardev")
    await vm.do("chardev-remove", id="char1")
    await vm.do("chardev-remove", id="char0")

    descriptor = os.open("passed.raw", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(descriptor, 1048576)
    vm.client.send_fd_scm(descriptor)
    await vm.do("getfd", fdname="fd0")
    await vm.do("closefd", fdname="fd0")
    await vm.refused("closefd", fdname="fd0")
    vm.client.send_fd_scm(descriptor)
    passed = await vm.do("add-fd", fdset__id=1, opaque="passed.raw")
    os.close(descriptor)
    await vm.do("query-fdsets")
    await vm.do("blockdev-add", driver="file", node__name="passed0", filename="/dev/fdset/1")
    await vm.do("blockdev-del", node__name="passed0")
    await vm.do("remove-fd", fdset__id=1, fd=passed["fd"])
    await vm.refused("getfd", fdname="fd1")


async def running(vm: Talk) -> None:
    """Run state, input, display, migration, snapshots of the whole machine."""
    await vm.do("screendump", filename="screen.ppm")
    await vm.do("cont")
    await vm.event("RESUME")
    await vm.do("query-status")
    await vm.do("send-key", keys=[{"type": "qcode", "data": "ret"}])
    await vm.do("input-send-event", events=[
        {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}},
        {"type": "key", "data": {"down": False, "key": {"type": "qcode", "data": "a"}}},
    ])  # fmt: skip
    await vm.do("stop")
    await vm.event("STOP")
    await vm.do("query-status")
    await vm.do("system_reset")
    await vm.event("RESET")
    await vm.do("memsave", val=0, size=4096, filename="memory.bin")
    await vm.do("pmemsave", val=0, size=4096, filename="physical.bin")
    await vm.do("watchdog-set-action", action="none")
    if vm.knows("set-action"):
        await vm.do("set-action", reboot="reset", shutdown="poweroff", panic="shutdown")
    await vm.refused("balloon", value=16777216)
    await vm.refused("system_wakeup")

    if vm.knows("snapshot-save"):
        for verb in ("save", "load"):
            await vm.do(f"snapshot-{verb}", job__id=f"{verb}0", tag="snapshot0", vmstate="disk0",
                        devices=["disk0"])  # fmt: skip
            await vm.job(f"{verb}0")
        await vm.do("query-named-block-nodes", flat=True)
        await vm.do("snapshot-delete", job__id="delete0", tag="snapshot0", devices=["disk0"])
        await vm.job("delete0")
    else:
        for line in ("savevm snapshot0", "loadvm snapshot0", "delvm snapshot0"):
            await vm.do("human-monitor-command", command__line=line)
    await vm.do("dump-guest-memory", paging=False, protocol="file:dump.elf")
    await vm.event("DUMP_COMPLETED")
    await vm.do("query-dump")

    await vm.do("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    # So slow that it always takes as many passes.
    await vm.do("migrate-set-parameters", downtime__limit=300, max__bandwidth=500000)
    await vm.do("query-migrate-parameters")
    await vm.do("migrate", uri="exec:cat > state.bin")
    await vm.event("MIGRATION", status="completed")
    await vm.do("query-migrate")
    # Nothing of this session may depend on the migration's end: for a moment longer, 11.1 refuses
    # to go on, and no event tells when it no longer does.


async def errors(vm: Talk) -> None:
    """Commands that are right and fail all the same, and commands out of band."""
    await vm.refused("screendump", filename="no/such/folder/screen.ppm")
    await vm.refused("change-backing-file", device="nobody", image__node__name="x",
                     backing__file="y")  # fmt: skip
    if vm.knows("query-yank"):
        await vm.out_of_band("query-yank")
        await vm.out_of_band("yank", instances=[])
    await vm.refused("migrate-pause")


async def rich(vm: Talk) -> None:
    """The whole session."""
    await vm.learn()
    await machine(vm)
    await hotplug(vm)
    await blocks(vm)
    await objects(vm)
    await characters(vm)
    await running(vm)
    await errors(vm)
    # A guest that does not answer keeps its card until it is reset (since 6.1; until then, for good).
    await vm.do("device_del", id="nic0")
    await vm.do("system_reset")
    if vm.version >= (6, 1):
        await vm.event("DEVICE_DELETED", device="nic0")
        await vm.do("netdev_del", id="net0")
    await vm.do("quit")
    await vm.event("SHUTDOWN")


if __name__ == "__main__":
    talk(rich)
