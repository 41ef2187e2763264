"""What releases before 2.4 wrote otherwise, rewritten as it is written since."""

from __future__ import annotations

from qmpconf.schema.qapi.values import Node

#: ``gen`` as a word, and as the flag that it is today; the flag is never true.
_GEN = {"no": False, "yes": True}


def as_today(node: Node) -> Node:
    """An expression with ``struct`` for ``type``, ``alternate`` for an anonymous union, and flags."""
    members = dict(node.members)
    kind = members.get("type")
    if kind is not None and "struct" not in members and isinstance(kind.value, str):
        members["struct"] = members.pop("type")
    tag = members.get("discriminator")
    if "union" in members and tag is not None and tag.value == {}:
        members["alternate"] = members.pop("union")
        del members["discriminator"]
    gen = members.get("gen")
    if gen is not None and isinstance(gen.value, str) and gen.value in _GEN:
        del members["gen"]
        if not _GEN[gen.value]:
            members["gen"] = Node(value=False, place=gen.place)
    return Node(members, node.place, node.keys)
