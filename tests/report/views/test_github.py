"""Annotations of a GitHub job."""

from __future__ import annotations

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import Gone, Note
from qmpconf.report.views import github
from tests.report.results.samples import checked, finding, warning


def test_an_annotation() -> None:
    line, closing = github.page(merged([checked(finding(path="a,b:c.qmptrace"))])).splitlines()
    assert line == (
        "::error file=a%2Cb%3Ac.qmptrace,line=16,title=qmpconf%3A schema.arguments::"
        "block_resize /arguments/size: is not an integer%0Aexpected: integer"
        '%0Aseen: string "1M"%0Asource: qemu-7.2.22, block_resize'
        "%0Afingerprint: a6c07ef7defaac9c"
        "%0Aschema.arguments (MUST): The arguments of a command are those of its schema."
    )
    assert closing == ("::notice title=qmpconf::15 messages in 1 session checked: 1 error")


def test_ten_of_each_the_worst_first_and_how_many_are_left_out() -> None:
    many = [
        one(fingerprint=f"{n:016}", line=n + 1, severity=severity)
        for n in range(15)
        for one, severity in ((finding, "error"), (warning, "warning"), (finding, "note"))
    ]
    many = [
        one if one.severity != "note" else finding(fingerprint=f"n{at}", severity="note")
        for at, one in enumerate(many)
    ]
    cut = checked(*many)
    cut.finish = None
    lines = github.page(merged([cut])).splitlines()
    commands = [line.split(" ")[0] for line in lines]
    assert commands == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    assert "NOT WHOLE" in lines[0]
    assert "line=1," in lines[1]
    left = 46 - 29
    assert lines[-1].startswith(
        f"::notice title=qmpconf::{left} more findings of this report had no place here: "
    )


def test_files_are_named_from_the_workspace() -> None:
    report = merged([checked(finding(path="/home/runner/work/p/traces/s.qmptrace"))])
    assert "file=traces/s.qmptrace," in github.page(report, "/home/runner/work/p")
    assert "file=/home/runner/" in github.page(report, "/home/runner/work/p2")


def test_gone_and_notes() -> None:
    records = (Gone(subject="", fingerprint="0f3c"), Note(subject="s.qmptrace", text="is torn"))
    assert github.page(merged([checked(*records)])).splitlines() == [
        "::error title=qmpconf%3A known, but gone::0f3c: in the baseline, but not found".replace(
            "known,", "known%2C"
        ),
        "::notice title=qmpconf%3A s.qmptrace::is torn",
        ("::notice title=qmpconf::15 messages in 1 session checked: no findings; 1 known one gone"),
    ]


def test_nothing_found_is_nothing_said() -> None:
    assert github.page(merged([checked()])) == ""


def test_a_message_has_an_end() -> None:
    page = github.page(merged([checked(finding(seen="x" * 100_000))]))
    assert len(page) < 5_000
