"""A storage daemon's session: images are made, copied, exported and taken down again."""

from __future__ import annotations

from traces.clients.talk import Talk, talk


async def image(daemon: Talk, name: str, **options: object) -> None:
    """Create a qcow2 image of 1 MiB and open it as the node `name`."""
    file = f"{name}-file"
    await daemon.do("blockdev-create", job__id=f"make-{file}",
                    options={"driver": "file", "filename": f"{name}.qcow2", "size": 0})  # fmt: skip
    await daemon.job(f"make-{file}")
    await daemon.do("blockdev-add", driver="file", node__name=file, filename=f"{name}.qcow2")
    await daemon.do("blockdev-create", job__id=f"make-{name}",
                    options={"driver": "qcow2", "file": file, "size": 1048576})  # fmt: skip
    await daemon.job(f"make-{name}")
    await daemon.do("blockdev-add", driver="qcow2", node__name=name, file=file, **options)


async def storage(daemon: Talk) -> None:
    """The whole session."""
    await daemon.learn()
    await daemon.sweep()
    await image(daemon, "disk")
    await image(daemon, "copy")
    await image(daemon, "overlay", backing=None)

    await daemon.do("nbd-server-start", addr={"type": "unix", "data": {"path": "nbd.sock"}})
    await daemon.do("block-export-add", id="export0", type="nbd", node__name="disk", name="disk",
                    writable=True)  # fmt: skip
    await daemon.do("query-block-exports")
    await daemon.refused("block-export-add", id="export0", type="nbd", node__name="disk")
    await daemon.do("block-dirty-bitmap-add", node="disk", name="bitmap0")
    await daemon.do("blockdev-mirror", job__id="mirror0", device="disk", target="copy", sync="full",
                    auto__dismiss=False)  # fmt: skip
    await daemon.job("mirror0", ready=True)
    await daemon.do("blockdev-snapshot", node="disk", overlay="overlay")
    await daemon.do("query-named-block-nodes")
    await daemon.do("block-commit", job__id="commit0", device="overlay", auto__dismiss=False)
    await daemon.job("commit0", ready=True)
    await daemon.do("block-export-del", id="export0")
    await daemon.event("BLOCK_EXPORT_DELETED", id="export0")
    await daemon.do("nbd-server-stop")

    # The schema of 5.2 lists object-add, but that daemon does not have it.
    if await daemon.attempt("object-add", qom__type="secret", id="secret0",
                            data="correct horse battery staple"):  # fmt: skip
        await daemon.do("object-add", qom__type="throttle-group", id="group0",
                        limits={"iops-total": 100})  # fmt: skip
        await daemon.do("blockdev-add", driver="throttle", node__name="slow0",
                        throttle__group="group0", file="copy")  # fmt: skip
        await daemon.do("blockdev-del", node__name="slow0")
        await daemon.do("object-del", id="group0")
        await daemon.do("object-del", id="secret0")
    if daemon.knows("chardev-add"):
        await daemon.do("chardev-add", id="char0", backend={"type": "null", "data": {}})
        await daemon.do("query-chardev")
        await daemon.do("chardev-remove", id="char0")
    await daemon.refused("blockdev-del", node__name="nobody")
    await daemon.do("quit")


if __name__ == "__main__":
    talk(storage)
