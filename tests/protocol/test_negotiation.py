"""The greeting, the negotiation and what it allows: each breach is found once, where it is."""

from __future__ import annotations

import pytest

from tests.protocol.playbook import NEGOTIATED, OOB, check, names_its_requirement

EVENT = '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'

BREACHES = {
    "greeting.first: an event before": f"""
    <- {EVENT}
    !! greeting.first server
    <- GREETING
    -> {{"execute":"qmp_capabilities"}}
    <- {{"return": {{}}}}
    close client""",
    "greeting.first: another one": NEGOTIATED
    + "<- GREETING\n!! greeting.first server\nclose client",
    "greeting.first: two in a row": "<- GREETING\n<- GREETING\n!! greeting.first server\nclose client",
    "greeting.shape: a version in words": """
    <- {"QMP": {"version": "0.12", "capabilities": []}}
    !! greeting.shape server /QMP/version
    close client""",
    "greeting.shape: a third part is missing": """
    <- {"QMP": {"version": {"qemu": {"minor": 2, "major": 7}, "package": ""}, "capabilities": []}}
    !! greeting.shape server /QMP/version/qemu/micro
    close client""",
    "greeting.shape: no capabilities": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}}}
    !! greeting.shape server /QMP/capabilities
    close client""",
    "greeting.shape: a member more": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": [], "x": 1}}
    !! greeting.shape server /QMP/x
    close client""",
    "greeting.shape: another version later": NEGOTIATED
    + """
    -> {"execute":"query-version"}
    <- {"return": {"qemu": {"micro": 0, "minor": 0, "major": 8}, "package": ""}}
    !! greeting.shape server /return
    close client""",
    "capabilities.known: one without a prefix": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob", "new"]}}
    !! capabilities.known server /QMP/capabilities/1
    close client""",
    "capabilities.known: no string": """
    <- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": [1]}}
    !! capabilities.known server /QMP/capabilities/0
    close client""",
    "negotiation.client-first": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"error": {"class": "CommandNotFound", "desc": "no"}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    close client""",
    "negotiation.gate: success": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"return": {}}
    !! negotiation.gate server
    close client""",
    "negotiation.gate: another class": """
    <- GREETING
    -> {"execute":"stop"}
    !! negotiation.client-first client
    <- {"error": {"class": "GenericError", "desc": "no"}}
    !! negotiation.gate server /error/class
    close client""",
    "negotiation.no-events": f"""
    <- GREETING
    <- {EVENT}
    !! negotiation.no-events server
    -> {{"execute":"qmp_capabilities"}}
    <- {{"return": {{}}}}
    close client""",
    "negotiation.no-events, behind a negotiation that was refused": f"""
    <- GREETING
    -> {{"execute":"qmp_capabilities","arguments":{{"enable":["x"]}}}}
    !! negotiation.enable-offered client /arguments/enable/0
    <- {{"error": {{"class": "GenericError", "desc": "no"}}}}
    <- {EVENT}
    !! negotiation.no-events server
    close client""",
    "negotiation.enable-offered, and refused": """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":["oob","x"]}}
    !! negotiation.enable-offered client /arguments/enable/1
    <- {"error": {"class": "GenericError", "desc": "no"}}
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    close client""",
    "negotiation.bad-enable": """
    <- GREETING
    -> {"execute":"qmp_capabilities","arguments":{"enable":["x"]}}
    !! negotiation.enable-offered client /arguments/enable/0
    <- {"return": {}}
    !! negotiation.bad-enable server
    close client""",
    "negotiation.once: success": NEGOTIATED
    + """
    -> {"execute":"qmp_capabilities"}
    <- {"return": {}}
    !! negotiation.once server
    close client""",
    "negotiation.once: another class": NEGOTIATED
    + """
    -> {"execute":"qmp_capabilities"}
    <- {"error": {"class": "GenericError", "desc": "no"}}
    !! negotiation.once server /error/class
    close client""",
    "request.oob-negotiated": NEGOTIATED
    + """
    -> {"exec-oob":"query-yank","id":1}
    !! request.oob-negotiated client /exec-oob
    <- {"error": {"class": "GenericError", "desc": "no"}, "id": 1}
    close client""",
    "oob.id": OOB
    + """
    -> {"execute":"a"}
    !! oob.id client
    <- {"return": {}}
    close client""",
    "oob.exec-id": OOB
    + """
    -> {"exec-oob":"query-yank"}
    !! oob.exec-id client
    <- {"return": []}
    close client""",
    "oob.exec-id: and both at once": OOB
    + """
    -> {"execute":"a","id":1}
    -> {"exec-oob":"query-yank"}
    !! oob.exec-id client
    <- {"return": []}
    <- {"return": {}, "id": 1}
    close client""",
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach(name: str) -> None:
    check(BREACHES[name])
    assert names_its_requirement(name, BREACHES[name])
