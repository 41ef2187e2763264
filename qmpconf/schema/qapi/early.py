"""What releases before 2.4 wrote otherwise, rewritten as it is written since."""

from __future__ import annotations

from qmpconf.schema.qapi.values import Node

#: Flags as words, and as they are today: what is true is left out.
_FLAGS = ("gen", "success-response")
_WORDS = {"no": False, "yes": True}


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
    for name in _FLAGS:
        flag = members.get(name)
        if flag is not None and isinstance(flag.value, str) and flag.value in _WORDS:
            del members[name]
            if not _WORDS[flag.value]:
                members[name] = Node(value=False, place=flag.place)
    return Node(members, node.place, node.keys)
