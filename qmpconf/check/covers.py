"""Which part of the checker judges which requirement from a recording.

Data for ``qmpconf requirements``; a test holds it against the modules that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_MESSAGES = "qmpconf.protocol.messages"
_MATCHING = "qmpconf.protocol.matching"
_SESSION = "qmpconf.protocol.session"
_NEGOTIATION = "qmpconf.protocol.negotiation"
_REPLIES = "qmpconf.protocol.replies"
_AGENT = "qmpconf.protocol.agent"
_RULES = "qmpconf.check.rules"
_PHASES = "qmpconf.protocol.phases"
_WORDINGS = "qmpconf.check.wordings"
_BASICS = "qmpconf.check.basics"
_PRACTICE = "qmpconf.check.practice"

#: Module -> requirements that it finds broken.
_JUDGED: Mapping[str, tuple[str, ...]] = {
    _MESSAGES: (
        "framing.object",
        "framing.ascii",
        "framing.escapes",
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
    _PHASES: (
        "negotiation.gate",
        "negotiation.no-events",
        "negotiation.once",
    ),
    _WORDINGS: (
        "request.strict-arguments",
        "request.unknown-command",
        "oob.allowed-only",
        "schema.command-known",
        "schema.arguments",
        "schema.property-type",
        "schema.oob-allowed",
        "schema.conditional",
        "schema.looked-up",
        "schema.command-offered",
        "schema.event-known",
        "schema.additions",
        "schema.not-yet",
        "schema.document",
    ),
    _MATCHING: (
        "response.exactly-one",
        "response.in-order",
        "response.id-echo",
        "response.id-absent",
    ),
    _NEGOTIATION: (
        "greeting.first",
        "negotiation.enable-offered",
        "negotiation.bad-enable",
        "negotiation.client-first",
        "request.oob-negotiated",
        "oob.id",
        "oob.exec-id",
    ),
    _REPLIES: (
        "framing.utf8-in",
        "framing.surrogates",
        "framing.json-strict",
        "framing.duplicate-member",
        "request.non-object",
        "event.not-inside",
        "event.rate-limit",
        "compat.downstream-prefix",
    ),
    _SESSION: ("session.half-close", "oob.overtakes", "recovery.after-error"),
    "qmpconf.protocol.dialect": ("framing.crlf", "agent.line-feed"),
    _AGENT: (
        "agent.unasked",
        "agent.sync-echo",
        "agent.sentinel",
        "agent.silent",
        "agent.answered",
        "agent.frozen-refused",
        "agent.sync-first",
        "agent.reset-first",
        "agent.sync-unique",
        "agent.frozen",
    ),
    _BASICS: ("schema.member-once", "trace.gap"),
    _RULES: (
        "response.void",
        "compat.unstable",
        "compat.deprecated",
        "schema.built-in",
        "schema.return",
        "schema.event-data",
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
