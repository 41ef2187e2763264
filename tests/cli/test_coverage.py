"""``qmpconf coverage``: figures, what is missing, limits, formats; and the published report."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import traces
from qmpconf.check.exercised import NOT_SHOWN, RULES
from qmpconf.cli.main import main
from tests.check.scripts import OPENING, write

ROOT = Path(__file__).parents[2]
FOLDER = Path(traces.__file__).parent
RICH = str(FOLDER / "qemu-7.2.22-rich.qmptrace.gz")
SHELL = str(FOLDER / "qemu-7.2.22-shell.qmptrace.gz")
DAEMON = str(FOLDER / "qemu-storage-daemon-7.2.22-storage.qmptrace.gz")

#: How many requirements a trace can put to the test, and the part of them that `RICH` does.
JUDGEABLE, EXERCISED = sum(not one.startswith("agent.") for one in RULES), 43
PART = f"{EXERCISED / JUDGEABLE:.1%}".replace("%", " %")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["coverage", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["coverage", *arguments])
    return int(str(stopped.value.code)), capsys.readouterr().err


def test_the_published_report_is_what_its_head_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "reports" / "coverage.md").read_text()
    head = page.splitlines()[2]
    assert head.startswith("Made by `qmpconf coverage ")
    words = shlex.split(head.split("`")[1])[2:]
    at = words.index("-o") + 1
    assert words[at] == "reports/coverage.md"
    monkeypatch.chdir(ROOT)
    made = tmp_path / "coverage.md"
    words[at] = str(made)
    assert run(capsys, *words) == (0, "", "")
    assert made.read_text().replace(str(made), "reports/coverage.md") == page


def test_the_published_report_has_every_server_of_the_corpus() -> None:
    page = (ROOT / "reports" / "coverage.md").read_text()
    for version in ("5.2.0", "7.2.22", "10.0.13", "11.1.3"):
        for product in ("qemu", "qemu-storage-daemon"):
            assert f"\n## {product}-{version}\n" in page


def test_figures_rows_and_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, RICH)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "qemu-7.2.22: 1 trace"
    assert "commands 118 128 216 54.6 %" in lines
    assert "events 13 13 52 25.0 %" in lines
    assert "block-dirty-bitmap-add 1 3/5" in lines
    assert "query-version 1 5/5" in lines
    assert "JOB_STATUS_CHANGE 75 11/13" in lines
    assert "Queries that need no arguments:" in lines
    assert any(line.startswith("driver = blkdebug, blklogwrites,") for line in lines)
    assert (
        f"Requirements put to the test: {EXERCISED} of {JUDGEABLE}; "
        f"{len(NOT_SHOWN)} more are not judgeable from a trace" in lines
    )
    assert "framing.json-strict input that is not JSON is answered" in lines
    assert max(map(len, out.splitlines())) <= 120


def test_traces_of_one_server_are_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, RICH, SHELL, "--short", "--missing", "0")
    assert out.startswith("qemu-7.2.22: 2 traces; 1 message with a command or event that it lacks")
    assert "Missing" not in out
    assert "query-version" not in out


def test_several_servers_have_a_section_each_and_an_overview(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = run(capsys, RICH, DAEMON, "--short", "--missing", "1")
    assert out.startswith("catalog ")
    assert "\nqemu-7.2.22: 1 trace\n" in out
    assert "\nqemu-storage-daemon-7.2.22: 1 trace\n" in out


def test_one_catalog_can_be_named_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, RICH, DAEMON, "--schema", "qemu-10.0.13", "--short")
    assert out.startswith("qemu-10.0.13: 2 traces")


def test_the_order_of_the_traces_does_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for order in ((RICH, SHELL), (SHELL, RICH)):
        _, out, _ = run(capsys, *order, "--format", "json")
        found.append(json.loads(out)["exercised"])
    assert found[0] == found[1]


def test_a_folder_stands_for_its_traces(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/one.qmptrace", "two.qmptrace"):
        write(tmp_path / name, OPENING)
    _, out, _ = run(capsys, str(tmp_path), "--schema", "qemu-7.2.22", "--short")
    assert out.startswith("qemu-7.2.22: 2 traces\n")
    code, _, err = run(capsys, str(FOLDER / "clients"))
    assert code == 2
    assert "there is no trace (*.qmptrace, *.qmptrace.gz) in this folder" in err


def test_json_has_every_place_and_the_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, RICH, "--format", "json")
    found = json.loads(out)["exercised"]
    (one,) = found["catalogs"]
    assert {total["kind"]: total["exercised"] for total in one["totals"]}["events"] == 13
    records = {(record["kind"], record["name"]): record for record in one["records"]}
    assert len(records) == 216 + 52
    version = records["command", "query-version"]
    assert (version["calls"], version["refused"], version["missing"]) == (1, 0, [])
    assert version["places"]["/return/qemu/major"] == 1
    events = [row for row in one["missing"] if row["kind"] == "events"]
    assert len(events) == 52 - 13
    rules = found["requirements"]
    assert (rules["exercised"], len(rules["ids"])) == (EXERCISED, EXERCISED)
    assert {row["id"] for row in rules["missing"]} & set(rules["ids"]) == set()


def test_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, RICH, "--kind", "variants", "--missing", "1")
    assert "netdev_add" in out
    assert "query-version" not in out  # it has no variants
    assert "Requirements" not in out
    _, out, _ = run(capsys, RICH, "--kind", "requirements")
    assert "Missing" not in out
    assert "Requirements put to the test" in out


@pytest.mark.parametrize(
    ("limit", "code", "said"),
    [
        ("commands=50", 0, ""),
        ("commands=60", 1, "54.6 % of the commands are exercised, which is under 60 %"),
        ("10", 0, ""),
        ("50", 1, "of the places are exercised, which is under 50 %"),
        ("requirements=60", 0, ""),
        ("requirements=70", 1, f"{PART} of the requirements are exercised, which is under 70 %"),
        ("0", 0, ""),
    ],
)
def test_limits(capsys: pytest.CaptureFixture[str], limit: str, code: int, said: str) -> None:
    found, out, err = run(capsys, RICH, "--short", "--fail-under", limit)
    assert found == code
    assert out
    assert said in err
    assert bool(err) == bool(said)


def test_a_limit_holds_for_each_catalog_and_requirements_count_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = ("--fail-under", "commands=50", "--fail-under", "requirements=90")
    code, _, err = run(capsys, RICH, DAEMON, "--short", *limits)
    assert code == 1
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        "qemu-storage-daemon-7.2.22",
        f"{PART} of the requirements are exercised, which is under 90 %",
    ]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("x", "'x' is not a percentage"),
        ("101", "'101' is not a percentage"),
        ("nan", "'nan' is no"),
        ("comands=5", "'comands' is not a kind; there are commands,"),
    ],
)
def test_limits_that_are_none(capsys: pytest.CaptureFixture[str], limit: str, said: str) -> None:
    code, err = failed(capsys, RICH, "--fail-under", limit)
    assert code == 2
    assert said in err


def test_without_a_schema_there_are_the_requirements(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, RICH, "--schema", "none")
    assert code == 0
    assert out.startswith(f"Requirements put to the test: 30 of {JUDGEABLE}")
    for more in (("--kind", "values"), ("--fail-under", "5")):
        code, out, err = run(capsys, RICH, "--schema", "none", *more)
        assert (code, out) == (2, "")
        assert "there is no schema to hold the traces against" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((RICH, "--schema", "qemu-0"), 2), (("no-such.qmptrace",), 3), ((__file__,), 3)],
)
def test_what_cannot_be_read(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("qmpconf coverage: ")


def test_names_of_a_hostile_catalog_stay_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "x\x1b[31m|`<b>²\n"
    entries = [
        {"meta-type": "builtin", "name": "str", "json-type": "string"},
        {"meta-type": "object", "name": "0", "members": [{"name": name, "type": "str"}]},
        {"meta-type": "command", "name": name, "arg-type": "0", "ret-type": "0"},
        {"meta-type": "event", "name": name, "arg-type": "0"},
    ]
    schema = tmp_path / "²\x1b.json"
    schema.write_text(json.dumps(entries))
    call = json.dumps({"execute": name, "arguments": {name: "a"}})
    event = json.dumps(
        {"event": name, "data": {name: "b"}, "timestamp": {"seconds": 1, "microseconds": 2}}
    )
    script = [*OPENING, f"> {call}", '< {"return": {}}', f"< {event}"]
    trace = str(write(tmp_path / "t.qmptrace", script))
    for form in ("text", "markdown"):
        code, out, _ = run(capsys, trace, "--schema", str(schema), "--format", form)
        assert code == 0
        assert "\x1b" not in out
        assert "[31m" in out
    assert "[31m\\|'<b>" in out
