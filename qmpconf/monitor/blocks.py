"""Block nodes: a graph that ``blockdev-add`` builds and ``blockdev-del`` takes down.

Only the graph is there.  No node opens a file, and none holds a byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qmpconf.monitor.refusal import NO_DEVICE, Refusal

if TYPE_CHECKING:
    from qmpconf.monitor.machine import Arguments, Machine
    from qmpconf.protocol.values import Value

#: Options that hold a child: a node's name, or the options of one that is made with its parent.
_CHILDREN = ("file", "backing", "data-file", "image", "raw", "test", "log", "target", "bottom")

#: How deep the options of nodes may nest that are made together.
_DEEPEST = 100
#: Bytes of a node whose options give no size.
_SIZE = 1 << 30


@dataclass(slots=True)
class Node:
    """One node.

    `size` in bytes; `children` by the name of the option; `owned` are those that were made with
    it, and go with it; `backend` is the device name that old ``blockdev-add`` gave it; `users` are
    the jobs that work on it.  `fails` says that it was told to fail reads (``blkdebug``), `votes`
    how many children a ``quorum`` needs.
    """

    name: str
    driver: str
    filename: str
    size: int
    read_only: bool
    children: dict[str, str] = field(default_factory=dict)
    owned: list[str] = field(default_factory=list)
    backend: str = ""
    users: set[str] = field(default_factory=set)
    fails: bool = False
    votes: int = 0


def node_of(machine: Machine, name: Any) -> Node:
    """The node of this name, or of the device of this name.  Raises Refusal."""
    if name in machine.nodes:
        return machine.nodes[name]
    for node in machine.nodes.values():
        if name and node.backend == name:
            return node
    raise Refusal(f"there is no device and no node {name!r}", NO_DEVICE)


def is_readable(machine: Machine, node: Node) -> bool:
    """Whether a read from the node succeeds; a graph may be deeper than calls can be."""
    known: dict[str, bool] = {}
    waiting = [node]
    while waiting:
        one = waiting[-1]
        below = one.children.values()
        unknown = [machine.nodes[name] for name in below if name not in known]
        if unknown:
            waiting += unknown
            continue
        votes = [known[name] for name in below]
        known[one.name] = sum(votes) >= one.votes if one.votes else not one.fails and all(votes)
        waiting.pop()
    return known[node.name]


def blockdev_add(machine: Machine, arguments: Arguments) -> Value:
    """Add a node, and the ones that are described inside its options."""
    options: Any = arguments.get("options", arguments)
    if not isinstance(options, dict):
        raise Refusal("options must be an object")
    backend = str(options.get("id", ""))
    if not options.get("node-name") and not backend:
        raise Refusal("'node-name' must be given for the root node")
    if backend and any(node.backend == backend for node in machine.nodes.values()):
        raise Refusal(f"there is a device {backend!r} already")
    made: list[Node] = []
    node = _build(machine, options, made, 0)
    node.backend = backend
    for one in made:
        machine.nodes[one.name] = one
    return {}


def _build(machine: Machine, options: dict[str, Any], made: list[Node], depth: int) -> Node:
    """The node of `options`, appended to `made` behind its children.  Raises Refusal.

    `depth` is how many nodes it is inside of.
    """
    if depth > _DEEPEST:
        raise Refusal(f"nodes nest more than {_DEEPEST} levels deep")
    name = str(options.get("node-name", ""))
    if not name:
        machine.unnamed += 1
        name = f"#block{machine.unnamed:03}"
    if name in machine.nodes or any(one.name == name for one in made):
        raise Refusal(f"there is a node {name!r} already")
    size = options.get("size")
    node = Node(
        name,
        str(options.get("driver", "")),
        str(options.get("filename", "")),
        max(size, 0) if isinstance(size, int) else 0,
        bool(options.get("read-only", False)),
    )
    for role, child in _children(options):
        if isinstance(child, dict):
            below = _build(machine, child, made, depth + 1)
            node.owned.append(below.name)
        elif isinstance(child, str) and child:
            below = node_of(machine, child)
        else:
            continue
        node.children[role] = below.name
        node.filename = node.filename or (below.filename if role == "file" else "")
        node.size = node.size or below.size
    node.size = node.size or _SIZE
    votes = options.get("vote-threshold")
    node.votes = votes if isinstance(votes, int) else 0
    node.fails = node.driver == "blkdebug" and bool(options.get("inject-error"))
    made.append(node)
    return node


def _children(options: dict[str, Any]) -> list[tuple[str, Any]]:
    """The options that hold a child, each with its role."""
    several = options.get("children")
    listed = several if isinstance(several, list) else []
    return [
        *((role, options.get(role)) for role in _CHILDREN),
        *((f"children.{number}", child) for number, child in enumerate(listed)),
    ]


def blockdev_del(machine: Machine, arguments: Arguments) -> Value:
    """Delete a node that nothing uses, and those that were made with it."""
    name: Any = arguments.get("node-name") or arguments.get("id")
    if name is None:
        raise Refusal("'node-name' is missing")
    node = node_of(machine, name)
    _refuse_used(machine, node)
    _delete(machine, node)
    return {}


def _refuse_used(machine: Machine, node: Node) -> None:
    parents = [one.name for one in machine.nodes.values() if node.name in one.children.values()]
    users = sorted({*parents, *node.users})
    if users:
        raise Refusal(f"the node {node.name!r} is in use by {', '.join(users)}")


def _delete(machine: Machine, node: Node) -> None:
    del machine.nodes[node.name]
    for child in node.owned:
        if not any(child in one.children.values() for one in machine.nodes.values()):
            _delete(machine, machine.nodes[child])


def block_resize(machine: Machine, arguments: Arguments) -> Value:
    """Change the size of a node."""
    size: Any = arguments["size"]
    node = node_of(machine, arguments.get("node-name") or arguments.get("device"))
    if size < 0:
        raise Refusal("size must not be negative")
    node.size = size
    return {}


def _described(machine: Machine, node: Node) -> dict[str, Value]:
    """The node as ``query-named-block-nodes`` gives it (BlockDeviceInfo)."""
    depth, below = 0, node
    while "backing" in below.children:
        depth, below = depth + 1, machine.nodes[below.children["backing"]]
    return {
        **({"device": node.backend} if node.backend else {}),
        "node-name": node.name,
        "drv": node.driver,
        "ro": node.read_only,
        "file": node.filename,
        "active": True,
        "backing_file_depth": depth,
        "children": [{"child": role, "node-name": name} for role, name in node.children.items()],
        "cache": {"writeback": True, "direct": False, "no-flush": False},
        "detect_zeroes": "off",
        "image": {
            "filename": node.filename,
            "format": node.driver,
            "virtual-size": node.size,
        },
    }


def query_named_block_nodes(machine: Machine, _arguments: Arguments) -> Value:
    """Every node, the latest first."""
    return [_described(machine, node) for node in reversed(machine.nodes.values())]


def query_block(machine: Machine, _arguments: Arguments) -> Value:
    """Every device, as far as old ``blockdev-add`` made one."""
    return [
        {
            "device": node.backend,
            "type": "unknown",
            "removable": False,
            "locked": False,
            "inserted": _described(machine, node),
        }
        for node in machine.nodes.values()
        if node.backend
    ]


COMMANDS = {
    "blockdev-add": blockdev_add,
    "blockdev-del": blockdev_del,
    "x-blockdev-del": blockdev_del,
    "block_resize": block_resize,
    "query-named-block-nodes": query_named_block_nodes,
    "query-block": query_block,
}
