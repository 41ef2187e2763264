"""The baseline: known findings do not fail a run, and findings that are gone do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.errors import InputError
from qmpconf.findings import Groups
from tests.test_findings import ONE

NOTE = replace(ONE, severity="note")


def baseline(*fingerprints: str) -> Baseline:
    text = "".join(
        f'[[known]]\nfingerprint = "{one}"\nreason = "because"\n' for one in fingerprints
    )
    return Baseline.parse(text, "known.toml")


def test_nothing_found_nothing_known() -> None:
    assert not baseline().compare(Groups()).failed()


def test_something_new_fails() -> None:
    compared = baseline().compare(Groups([ONE]))
    assert compared.failed()
    assert len(compared.new) == 1


def test_a_note_does_not_fail() -> None:
    assert not baseline().compare(Groups([NOTE])).failed()


def test_a_warning_fails_where_warnings_count() -> None:
    compared = baseline().compare(Groups([replace(ONE, severity="warning")]))
    assert not compared.failed()
    assert compared.failed(strict=True)


def test_something_known_does_not_fail() -> None:
    compared = baseline(ONE.fingerprint).compare(Groups([ONE, ONE]))
    assert not compared.failed()
    assert (compared.new, len(compared.known)) == ([], 1)


def test_something_gone_fails() -> None:
    compared = baseline(ONE.fingerprint, NOTE.fingerprint).compare(Groups([NOTE]))
    assert compared.failed()
    assert compared.gone == [ONE.fingerprint]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "known.toml:1: is not a baseline: "),
        ("[known]\n", "known.toml:1: write [[known]], once for each known"),
        ("knwon = 1", "known.toml:1: unknown key 'knwon'; did you mean 'known'?"),
        ('[[known]]\nfingerprint = "a"', "known.toml:1: known 1 has no 'reason'"),
        ('\n[[known]]\nfingerprint = 5\nreason = "a"', "known.toml:3: 'fingerprint' must be"),
        ('[[known]]\nfingerprint = "a"\nreason = " "', "known.toml:3: 'reason' must be a string"),
        ('[[known]]\nfingerprint = "a"\nreason = "b"\nline = 5', "known.toml:4: unknown key"),
        ('[[known]]\ncase = "a"\nreason = "b"', "known.toml:1: 'case' is for the conformance"),
        ("known = 5", "known.toml:1: write [[known]]"),
        ("known = [5]", "known.toml:1: known 1 is not a table"),
    ],
)
def test_what_is_no_baseline(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        Baseline.parse(text, "known.toml")
    assert str(error.value).startswith(words)
