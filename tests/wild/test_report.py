"""The report on public files: what is classified, what is not, what is in it (no network)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real import builds, sources, wild
from tests.real.judged import OPEN, Class, Classes, judge

REPLIES = """\
{
  "execute": "qmp_capabilities",
  "id": "libvirt-1"
}

{
  "return": {},
  "id": "libvirt-2"
}
"""


def part(tmp_path: Path, *texts: str) -> wild.Part:
    """A part of the report with one file for each of `texts`."""
    found = wild.Part()
    for number, text in enumerate(texts):
        path = tmp_path / f"caps_{number}.replies"
        path.write_text(text)
        found.judged.append(judge(path, f"libvirt-9.0.0/{path.name}", tmp_path))
        found.also[found.judged[-1].name] = []
    return found


def test_a_file_is_converted_and_checked(tmp_path: Path) -> None:
    (one,) = part(tmp_path, REPLIES).judged
    assert (one.format, one.sessions, one.messages, one.missed) == ("replies", 1, 2, 0)
    assert "response.id-echo" in {group.first.requirement for group in one.groups}


def test_a_file_that_cannot_be_read_is_in_the_report(tmp_path: Path) -> None:
    found = part(tmp_path, "nothing\n")
    (one,) = found.judged
    assert one.failed
    text = "\n".join(wild._files(found))
    assert one.failed in text
    assert str(tmp_path) not in text


@pytest.mark.whole
def test_what_is_not_classified_is_named_first(tmp_path: Path) -> None:
    found = part(tmp_path, REPLIES)
    first, *_ = wild.sums(found.judged, Classes([]))
    assert first.name == OPEN
    text = "\n".join(wild.page([("Files", found)], Classes([])))
    assert "**Not finished.**" in text
    assert first.first.fingerprint in text.partition("## Files")[0]


def test_a_class_holds_for_the_files_that_it_names(tmp_path: Path) -> None:
    found = part(tmp_path, REPLIES, REPLIES)
    row = next(
        group for group in found.judged[0].groups if group.first.requirement == "response.id-echo"
    )
    classes = Classes(
        [Class(row.fingerprint, ("libvirt-9.0.0/caps_1.*",), "true", "libvirt", "another id")]
    )
    told = {
        (one.name, tuple(one.files))
        for one in wild.sums(found.judged, classes)
        if one.first.fingerprint == row.fingerprint
    }
    assert told == {
        ("true", ("libvirt-9.0.0/caps_1.replies",)),
        (OPEN, ("libvirt-9.0.0/caps_0.replies",)),
    }
    assert classes.unused == []


@pytest.mark.whole
def test_a_class_without_a_finding_is_named(tmp_path: Path) -> None:
    gone = Class("0123456789abcdef", ("libvirt-9.0.0/gone.replies",), "form", "", "masked")
    text = "\n".join(wild.page([("Files", part(tmp_path, REPLIES))], Classes([gone])))
    assert "classified, and not found: `0123456789abcdef`" in text


def test_classes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "classes.toml"
    row = '[[read]]\nfinding = "{}"\nfiles = ["*"]\nclass = "{}"\nfault = ""\nreason = ""\n'
    (group, *_) = part(tmp_path, REPLIES).judged[0].groups
    for finding in (group.fingerprint, group.first.requirement):
        path.write_text(row.format(finding, "true"))
        assert Classes.load(path).of(group, "any") is not None
    path.write_text(row.format("0123456789abcdef", "true"))
    assert Classes.load(path).of(group, "any") is None
    path.write_text(row.format("f", "perhaps"))
    with pytest.raises(ValueError, match="perhaps"):
        Classes.load(path)


def test_the_classes_that_are_kept_can_be_read() -> None:
    assert Classes.load(wild.CLASSIFIED).unused


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which two suites ship the same release, and one ships what could not be had."""
    monkeypatch.setenv("QMPCONF_BUILDS", str(tmp_path))
    folder = tmp_path / "sources"
    for suite, version in (("bookworm", "9.0.0-4"), ("trixie", "9.0.0-5"), ("sid", "12.8.0-1")):
        folder.mkdir(exist_ok=True)
        (folder / f"{suite}.json").write_text(json.dumps({"libvirt": version}))
    (folder / "libvirt-9.0.0/tests").mkdir(parents=True)
    (folder / "libvirt-9.0.0/tests/caps_8.replies").write_text(REPLIES)
    (folder / "libvirt-9.0.0/tests/again").mkdir()
    (folder / "libvirt-9.0.0/tests/again/caps_8.replies").write_text(REPLIES)
    (folder / "libvirt-9.0.0/tests/empty.replies").write_text("{}\n")
    return folder


@pytest.mark.usefixtures("cache")
def test_releases_are_what_the_suites_ship() -> None:
    releases, missing = sources.sources("libvirt", offline=True)
    assert [(one.release, one.debian) for one in releases] == [
        ("9.0.0", (("bookworm", "9.0.0-4"), ("trixie", "9.0.0-5")))
    ]
    assert "sid lists libvirt 12.8.0-1, and its archive did not give it" in missing
    assert "the suite bullseye was not reached" in missing


@pytest.mark.usefixtures("cache")
def test_equal_files_are_judged_once() -> None:
    found = wild.part("libvirt", ".replies", offline=True)
    assert [one.name for one in found.judged] == ["libvirt-9.0.0/caps_8.replies"]
    assert found.without == 1


def test_no_sources_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMPCONF_BUILDS", str(tmp_path))
    with pytest.raises(builds.BuildError, match="no sources of libvirt"):
        sources.sources("libvirt", offline=True)
    assert wild.main(["--offline"]) == 4
