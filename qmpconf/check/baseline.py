"""The baseline: findings that are known, each with a reason (qmpconf/README.md, Findings and verdicts).

TOML, so that people can write and comment it::

    [[known]]
    fingerprint = "0f3c5a9e12b44d07"
    reason = "QEMU bug 1234, fixed in 8.0"

A known finding does not fail the run.  One that no longer shows does, so that the list stays true.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qmpconf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qmpconf.check.findings import Group, Groups

#: What the reason of a new entry begins with, until somebody writes one.
UNEXPLAINED = "to be explained"

_MEMBERS = {"fingerprint", "reason"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """Fingerprints of known findings, with the reasons."""

    reasons: Mapping[str, str]

    @classmethod
    def parse(cls, text: str, where: str) -> Baseline:
        """Read a baseline file's text.  Raises InputError, which names `where`."""
        try:
            value = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{where}: is no baseline: {error}") from None
        entries = value.pop("known", [])
        if value or not isinstance(entries, list):
            odd = ", ".join(value) or "known"
            raise InputError(f"{where}: unexpected {odd!r}; a baseline has [[known]] tables alone")
        return cls(dict(_entry(one, f"{where}: entry {n}") for n, one in enumerate(entries, 1)))

    def compare(self, groups: Groups) -> Comparison:
        """Which groups are new, which are known, and which known ones did not show."""
        new = [group for group in groups if group.fingerprint not in self.reasons]
        known = [group for group in groups if group.fingerprint in self.reasons]
        shown = {group.fingerprint for group in known}
        gone = [one for one in self.reasons if one not in shown]
        return Comparison(new, known, gone)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings held against a baseline; `gone` are fingerprints that did not show."""

    new: list[Group]
    known: list[Group]
    gone: list[str]

    @property
    def failed(self) -> bool:
        """Whether the run fails: something new that is more than a note, or something gone."""
        return bool(self.gone) or any(group.first.severity != "note" for group in self.new)


def dumped(found: Mapping[str, str], old: Baseline) -> str:
    """The baseline that `found` makes true: fingerprints, each with what it is about.

    Reasons of `old` are kept; a new entry asks for one.
    """
    parts = ["# Known findings, written by qmpconf check --update-baseline.\n"]
    for fingerprint, words in found.items():
        reason = old.reasons.get(fingerprint) or f"{UNEXPLAINED}: {words}"
        entry = {"fingerprint": fingerprint, "reason": reason}
        parts.append("[[known]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in entry.items()))
    return "\n".join(parts)


def _toml(text: str) -> str:
    """`text` as a basic string of TOML, in which DEL and the controls above it stand escaped."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007F")


def _entry(value: Any, where: str) -> tuple[str, str]:
    if not isinstance(value, dict) or not all(isinstance(value.get(one), str) for one in _MEMBERS):
        raise InputError(f"{where}: needs the strings `fingerprint` and `reason`")
    if odd := value.keys() - _MEMBERS:
        raise InputError(f"{where}: unexpected {', '.join(sorted(odd))!r}")
    if not value["reason"].strip():
        raise InputError(f"{where}: the reason is empty; say why the finding is accepted")
    return value["fingerprint"], value["reason"]
