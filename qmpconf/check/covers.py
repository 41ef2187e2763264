"""Which part of the checker judges which requirement from a recording.

Data for ``qmpconf requirements``; a test holds it against the modules that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_MESSAGES = "qmpconf.protocol.messages"
_MATCHING = "qmpconf.protocol.matching"
_SESSION = "qmpconf.protocol.session"
_RULES = "qmpconf.check.rules"
_CHECKER = "qmpconf.check.checker"
_PRACTICE = "qmpconf.check.practice"

#: Module -> requirements that it finds broken.
_JUDGED: Mapping[str, tuple[str, ...]] = {
    _MESSAGES: (
        "framing.object",
        "framing.ascii",
        "framing.valid-json",
        "greeting.shape",
        "capabilities.known",
        "request.object",
        "request.members",
        "request.execute-string",
        "request.arguments-object",
        "response.members",
        "response.error-shape",
        "response.error-class",
        "event.shape",
        "event.timestamp",
        "event.no-empty-data",
    ),
    _MATCHING: (
        "response.exactly-one",
        "response.in-order",
        "response.id-echo",
        "response.id-absent",
    ),
    _SESSION: (
        "framing.crlf",
        "framing.utf8-in",
        "framing.json-strict",
        "framing.duplicate-member",
        "greeting.first",
        "negotiation.gate",
        "negotiation.no-events",
        "negotiation.enable-offered",
        "negotiation.bad-enable",
        "negotiation.once",
        "negotiation.client-first",
        "session.half-close",
        "request.non-object",
        "request.oob-negotiated",
        "event.not-inside",
        "event.rate-limit",
        "oob.overtakes",
        "oob.id",
        "recovery.after-error",
        "compat.downstream-prefix",
    ),
    _CHECKER: ("trace.gap",),
    _RULES: (
        "request.strict-arguments",
        "request.unknown-command",
        "response.void",
        "oob.allowed-only",
        "compat.unstable",
        "compat.deprecated",
        "schema.command-known",
        "schema.arguments",
        "schema.property-type",
        "schema.oob-allowed",
        "schema.conditional",
        "schema.looked-up",
        "schema.command-offered",
        "schema.return",
        "schema.event-known",
        "schema.event-data",
        "schema.additions",
        "schema.not-yet",
        "schema.document",
        "schema.member-once",
    ),
    f"{_PRACTICE}.waiting": ("practice.unanswered", "practice.latency", "practice.polling"),
    f"{_PRACTICE}.early": ("practice.too-early", "practice.unplug"),
    f"{_PRACTICE}.human": ("practice.hmp-error",),
    f"{_PRACTICE}.work": ("practice.work-failed",),
    f"{_PRACTICE}.refusals": ("practice.failed",),
}

#: Requirement -> the module that finds it broken.
COVERED: Mapping[str, str] = MappingProxyType(
    {requirement: module for module, judged in _JUDGED.items() for requirement in judged}
)
