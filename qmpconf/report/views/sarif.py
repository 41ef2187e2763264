"""The report as SARIF 2.1.0, for code scanning and editors.

All results are one run of the tool, as GitHub wants it: a file with two runs of one category is
refused there.  The category (`automationDetails.id`) is ``qmpconf/VERB/``, and has the label of
the results in it, so that jobs that call themselves otherwise do not replace each other.  Each
stream is one invocation.  What is known is suppressed, with its reason; what is gone, what was not
judged, notes, and results that are not whole are notifications of the tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from qmpconf.report.results.merge import Report, Run
from qmpconf.report.results.records import FindingRecord, Rule
from qmpconf.report.views import judged, words
from qmpconf.text import counted, printable
from qmpconf.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

#: Results of one run; GitHub refuses more.
MOST = 25_000

#: Where the sources of rules are to be read.
_SPEC = "https://www.qemu.org/docs/master/interop/qmp-spec.html"

_LEVELS: Mapping[str, str] = {"MUST": "error", "SHOULD": "warning", "MAY": "note"}

_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*://")
_STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def page(report: Report) -> str:
    """The whole report."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return json.dumps(log, indent=1, ensure_ascii=True) + "\n"


def _run(report: Report) -> dict[str, Any]:
    findings = [*report.new, *report.known]
    kept = findings[:MOST]
    rules = sorted({*report.rules, *(one.rule for one in kept)})
    places = {rule: place for place, rule in enumerate(rules)}
    compared = bool(report.known or report.gone)
    driver = {
        "name": "qmpconf",
        "semanticVersion": __version__,
        "rules": [_rule(report.rules.get(one) or Rule(id=one, level="MUST")) for one in rules],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": _category(report)},
        "invocations": _invocations(report, len(findings) - len(kept)),
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, places[one.rule], compared=compared) for one in kept],
        "properties": {"closing": [_text(one) for one in judged.closings(report)]},
    }
    if any(_base(one.path) for one in kept):
        text = "The folder in which qmpconf was called."
        run["originalUriBaseIds"] = {"SRCROOT": {"description": {"text": text}}}
    return run


def _category(report: Report) -> str:
    verbs = sorted({run.header.verb for run in report.runs})
    labels = sorted({run.header.label for run in report.runs if run.header.label})
    parts = ["qmpconf", "+".join(verbs), *(["+".join(labels)] if labels else [])]
    return "/".join(_quoted(part, "+") for part in parts if part) + "/"


def _rule(rule: Rule) -> dict[str, Any]:
    text = _text(rule.text or rule.id)
    found: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text + (f" [{_text(rule.source)}]" if rule.source else "")},
        "help": {"text": f"{_text(rule.id)} ({_text(rule.level)}): {text}"},
        "defaultConfiguration": {"level": _LEVELS.get(rule.level, "warning")},
        "properties": {
            "tags": ["qmp", *([rule.party] if rule.party else [])],
            "level": rule.level,
            "party": rule.party,
            "source": rule.source,
        },
    }
    if rule.source.startswith("spec"):
        found["helpUri"] = _SPEC
    return found


def _result(one: FindingRecord, place: int, *, compared: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": one.rule,
        "ruleIndex": place,
        "level": one.severity,
        "kind": "fail",
        "message": {"text": _message(one)},
        "locations": [_location(one)],
        "partialFingerprints": {
            "qmpconf/v1": one.fingerprint,
            # The only one that GitHub knows.
            "primaryLocationLineHash": f"{one.fingerprint}:1",
        },
        "occurrenceCount": max(1, one.count),
        "properties": _properties(one),
    }
    if len(one.lines) > 1 and one.path:
        found["relatedLocations"] = [
            {"id": number, "physicalLocation": _physical(one.path, line)}
            for number, line in enumerate(sorted(set(one.lines) - {one.line})[:20], 1)
            if line > 0
        ]
    if compared:
        found["baselineState"] = "unchanged" if one.status == "known" else "new"
    if one.status == "known":
        found["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": printable(one.reason)}
        ]
    return found


def _message(one: FindingRecord) -> str:
    told = {"expected": one.expected, "seen": one.seen}
    lines = [words.sentence(one), *(f"{name} {text}" for name, text in told.items() if text)]
    return _text("; ".join(lines)) or one.rule


def _properties(one: FindingRecord) -> dict[str, Any]:
    told = {
        "subject": one.subject,
        "blame": one.blame,
        "about": one.about,
        "source": one.source,
        "case": one.case,
        "repeat": one.repeat,
        **one.more,
    }
    return {name: text for name, text in sorted(told.items()) if text}


def _location(one: FindingRecord) -> dict[str, Any]:
    """Where it is in the trace; a subject that is not a file stands for one that is missing."""
    if one.path:
        physical = _physical(one.path, one.line)
    else:
        text = "The subject, which is not a file."
        physical = {
            "artifactLocation": {"uri": _quoted(one.subject or "-"), "description": {"text": text}}
        }
    found: dict[str, Any] = {"physicalLocation": physical}
    if logical := list(_logical(one)):
        found["logicalLocations"] = logical
    return found


def _logical(one: FindingRecord) -> Iterator[dict[str, Any]]:
    session = f"session {one.session}" if one.session else ""
    if session:
        yield {"name": session, "fullyQualifiedName": session, "kind": "resource"}
    if one.about or one.pointer:
        path = "/".join(filter(None, (session, one.about))) + one.pointer
        name = one.pointer.rpartition("/")[2] or one.about
        kind = "value" if one.pointer else "function"
        yield {"name": name or path, "fullyQualifiedName": path, "kind": kind}


def _physical(path: str, line: int) -> dict[str, Any]:
    artifact = {"uri": _uri(path)}
    if _base(path):
        artifact["uriBaseId"] = "SRCROOT"
    found: dict[str, Any] = {"artifactLocation": artifact}
    if line > 0:
        found["region"] = {"startLine": line}
    return found


def _base(path: str) -> bool:
    """Whether a path is told from the folder in which the verb was called."""
    return bool(path) and not _ABSOLUTE.match(path)


def _uri(path: str) -> str:
    """`path` as a URI: percent-encoded, an absolute one with its scheme."""
    if path.startswith("/"):
        return "file://" + _quoted(path)
    if "://" in path:
        return _quoted(path, "/:?#[]@!$&'()*+,;=%")
    return _quoted(path.removeprefix("./"))


def _quoted(text: str, safe: str = "/") -> str:
    """`text` percent-encoded: bytes of a name that are not UTF-8 as they are."""
    try:
        return quote(text, safe, errors="surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which is not a byte
        return quote(text, safe, errors="backslashreplace")


def _invocations(report: Report, left: int) -> list[dict[str, Any]]:
    found = [_invocation(one) for one in report.runs]
    own: dict[str, Any] = {"executionSuccessful": not (report.cut or report.unread or left)}
    told = [_notification(one, "error") for one in (*words.alarms(report), *words.gone(report))]
    told += [_notification(one, "warning") for one in _unjudged(report)]
    told += [
        _notification(": ".join(filter(None, (n.subject, n.text))), "note") for n in report.notes
    ]
    if left:
        told.append(_notification(f"{counted(left, 'more result')} had no place here", "warning"))
    if not told:
        return found
    return [*found, {**own, "exitCode": report.exit_code, "toolExecutionNotifications": told}]


def _invocation(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {
        "executionSuccessful": run.complete and not run.failure,
        "exitCode": run.exit_code,
    }
    if run.header.command:
        found["commandLine"] = run.header.command
    if _STARTED.fullmatch(run.header.started):
        found["startTimeUtc"] = run.header.started
    if run.failure:
        found["exitCodeDescription"] = run.failure
    return found


def _unjudged(report: Report) -> list[str]:
    closing, *lacks = judged.closings(report)
    return [closing, *lacks] if lacks else []


def _notification(text: str, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": _text(text)}}


def _text(text: str) -> str:
    """`text` as a message, in which braces and links have a meaning (section 3.11)."""
    return printable(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
