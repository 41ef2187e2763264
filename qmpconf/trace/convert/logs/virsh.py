"""What virsh shows without an object: commands in its shorthand, and an agent's error.

``qemu-monitor-command VM NAME ARGUMENT...`` sends ``{"execute": NAME, "arguments": {ARGUMENT, ...}}``
(virsh(1)); where the guest agent refuses a command, libvirt's own error has the words of the agent's
(libvirt, src/qemu/qemu_agent.c, qemuAgentCheckError).  In a line that has one of these, `spelled`
puts the object there.
"""

from __future__ import annotations

import re
import shlex

from qmpconf.protocol.values import Malformed, dumps, loads

_TYPED = re.compile(rb"\bvirsh [^\n{]{0,80}?\bqemu-monitor-command(?=\s)")
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z")
_REFUSED = re.compile(
    rb"((?:^|\s)error: [^\n']{0,100}unable to execute QEMU agent command '[^'\n]{1,200}': )([^\n]*?)\s*\Z"
)
#: What a guest agent says of a command that it has not, or does not take (qapi/qmp-dispatch.c).
_NOT_FOUND = re.compile(rb"(?:The c|C)ommand \S+ has (?:not been found|been disabled)")
#: Options with a value of their own.
_VALUED = frozenset({"--domain", "--pass-fds", "--cmd"})
#: The longest line that somebody has typed.
_LONGEST = 1 << 16


def spelled(text: bytes) -> bytes:
    """The line with the object that virsh means; as it is where there is none to be put."""
    if len(text) > _LONGEST:
        return text
    if b"QEMU agent command '" in text and (refused := _REFUSED.search(text)):
        words = refused.group(2)
        kind = "CommandNotFound" if _NOT_FOUND.match(words) else "GenericError"
        error = {"class": kind, "desc": words.decode("utf-8", "replace")}
        return text[: refused.end(1)] + dumps({"error": error}) if words else text
    if b"qemu-monitor-command" in text and (typed := _TYPED.search(text)):
        try:
            typed_words = shlex.split(text[typed.end() :].decode())
        except ValueError:
            return text
        return _wrapped(text[: typed.end()], typed_words) or text
    return text


def _wrapped(before: bytes, words: list[str]) -> bytes | None:
    """What virsh makes of the arguments of its command; None where they are an object, or text for HMP."""
    named: dict[str, str] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        option, equals, value = word.partition("=")
        if option in _VALUED:
            named[option] = value if equals else next(left, "")
        elif word == "--hmp":
            return None
        elif word.startswith("#"):
            break
        elif not word.startswith("--"):
            rest.append(word)
    domain = named.get("--domain") or (rest.pop(0) if rest else "")
    name = named.get("--cmd") or (rest.pop(0) if rest else "")
    if not domain or not _NAME.match(name):
        return None
    command: dict[str, object] = {"execute": name}
    if rest:
        told = ",".join(rest)
        try:
            command["arguments"] = loads((told if told.startswith("{") else f"{{{told}}}").encode())
        except Malformed:
            return None
    return before + b" " + domain.encode() + b" " + dumps(command)
