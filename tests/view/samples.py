"""A recording with fixed times: two sessions at once, a finding, an error, what steers terminals, a descriptor."""

from __future__ import annotations

from pathlib import Path

HEAD = '{"qmptrace":1,"started":"2026-11-20T05:17:00.123456Z","recorder":"qmpconf 0.1.0","meta":{}}'
GREETING = (
    '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": ["oob"]}}'
)

ERROR = '{"error": {"class": "GenericError", "desc": "JSON parse error, expecting value"}}'

#: Seconds, session, sender, message.
SAID = [
    (0.001, 1, "server", GREETING),
    (0.002, 1, "client", '{"execute": "qmp_capabilities", "id": 1}'),
    (0.003, 1, "server", '{"return": {}, "id": 1}'),
    (0.004, 2, "server", GREETING),
    (0.005, 2, "client", '{"execute": "qmp_capabilities"}'),
    (0.006, 2, "server", '{"return": {}}'),
    (0.007, 1, "client", '{"execute": "query-status", "id": "a"}'),
    (0.008, 2, "client", '{"execute": "query-status"}'),
    (0.009, 1, "server", '{"return": {"status": "running", "running": true}, "id": "a"}'),
    (0.010, 2, "server", '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'),
    (0.161, 2, "server", '{"return": {"status": "paused", "running": false}}'),
    (0.170, 1, "client", '{"execute": "block_resize", "arguments": {"size": "1M"}, "id": 2}'),
    (0.171, 1, "server", '{"id": 2, "error": {"class": "GenericError", "desc": "Invalid type"}}'),
    (0.180, 1, "client", '{"execute": "\\u001b[2Jnope\\u202e", "id": 3}'),
    (0.181, 1, "server", '{"id": 3, "error": {"class": "CommandNotFound", "desc": "\\u001b]0;x"}}'),
]


def lines() -> list[str]:
    """The recording, line by line, closed in order."""
    made = [HEAD]
    for conn in (1, 2):
        made.append(
            f'{{"t":0.000000,"conn":{conn},"open":{{"client":"unix:c.sock","server":"unix:q.sock"}}}}'
        )
    made += [
        f'{{"t":{t:.6f},"conn":{conn},"from":"{sender}","msg":{text}}}'
        for t, conn, sender, text in SAID
    ]
    made.append('{"t":0.190000,"conn":1,"from":"client","raw":"}\\n"}')
    made.append(f'{{"t":0.191000,"conn":1,"from":"server","msg":{ERROR}}}')
    made += [f'{{"t":0.2{conn}0000,"conn":{conn},"close":"client"}}' for conn in (1, 2)]
    made.append('{"t":0.230000,"finish":{"sessions":2,"messages":17}}')
    return made


def sample(folder: Path) -> str:
    """The recording as a file."""
    path = folder / "sample.qmptrace"
    path.write_text("\n".join(lines()) + "\n")
    return str(path)
