"""The baseline: known findings do not fail a run, and findings that are gone do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.check.findings import Groups
from qmpconf.errors import InputError
from tests.check.test_findings import ONE

NOTE = replace(ONE, severity="note")


def baseline(*fingerprints: str) -> Baseline:
    text = "".join(
        f'[[known]]\nfingerprint = "{one}"\nreason = "because"\n' for one in fingerprints
    )
    return Baseline.parse(text, "known.toml")


def test_nothing_found_nothing_known() -> None:
    assert not baseline().compare(Groups()).failed


def test_something_new_fails() -> None:
    compared = baseline().compare(Groups([ONE]))
    assert compared.failed
    assert len(compared.new) == 1


def test_a_note_does_not_fail() -> None:
    assert not baseline().compare(Groups([NOTE])).failed


def test_something_known_does_not_fail() -> None:
    compared = baseline(ONE.fingerprint).compare(Groups([ONE, ONE]))
    assert not compared.failed
    assert (compared.new, len(compared.known)) == ([], 1)


def test_something_gone_fails() -> None:
    compared = baseline(ONE.fingerprint, NOTE.fingerprint).compare(Groups([NOTE]))
    assert compared.failed
    assert compared.gone == [ONE.fingerprint]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no baseline"),
        ("[known]\n", "entry"),
        ("knwon = 1", "unexpected 'knwon'"),
        ('[[known]]\nfingerprint = "a"', "entry 1: needs"),
        ('[[known]]\nfingerprint = 5\nreason = "a"', "entry 1: needs"),
        ('[[known]]\nfingerprint = "a"\nreason = " "', "entry 1: the reason is empty"),
        ('[[known]]\nfingerprint = "a"\nreason = "b"\nline = 5', "unexpected 'line'"),
        ("known = 5", "[[known]]"),
        ("known = [5]", "entry 1: needs"),
    ],
)
def test_what_is_no_baseline(text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        Baseline.parse(text, "known.toml")
    assert "known.toml" in str(error.value)
    if words != "entry":
        assert words in str(error.value)
