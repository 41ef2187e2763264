"""What releases before 2.4 wrote otherwise, rewritten as it is written since."""

from __future__ import annotations

from qmpconf.schema.qapi.values import Node

#: Flags as words, and as they are today: what is true is left out.
_FLAGS = ("gen", "success-response")
_WORDS = {"no": False, "yes": True}


#: What stood for any value before ``**`` did.
_ANYTHING = frozenset({"visitor", "dict"})


def as_today(node: Node) -> Node:
    """An expression with ``struct`` for ``type``, ``alternate`` for an anonymous union, and flags.

    The words that stood for any value become ``**``.
    """
    members = dict(node.members)
    for name in members.keys() & {"data", "returns"}:
        members[name] = _with_anything(members[name])
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


def _with_anything(node: Node) -> Node:
    """The type, types or members with ``**`` for what stood for any value."""
    value = node.value
    if isinstance(value, str) and value in _ANYTHING:
        return Node("**", node.place)
    if isinstance(value, list):
        return Node([_with_anything(one) for one in value], node.place)
    if isinstance(value, dict):
        return Node({key: _with_anything(one) for key, one in value.items()}, node.place, node.keys)
    return node
