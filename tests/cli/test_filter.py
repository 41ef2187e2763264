"""``--filter`` of each verb that takes it: the same messages, and what is not selected is said."""

from __future__ import annotations

import io
import json
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeGuard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.cli.main import main
from qmpconf.protocol.framing import Kind
from qmpconf.trace.filter.fields import FIELDS
from qmpconf.trace.filter.parsing import parse
from qmpconf.trace.items import Item
from qmpconf.trace.reader import TraceReader
from qmpconf.view.document import Document
from tests.usual import examples
from tests.view.samples import sample

#: Tests of which filters are made that let some of a recording pass.
ASKED = (
    "command",
    "event",
    "error",
    "command ~ query-*",
    "command != query-status",
    "command ~~ '^block|status$'",
    "took > 50ms",
    "took in (1ms..2ms, 150ms..)",
    "answered",
    "wrong",
    "arguments/size = '1M'",
    "return/** = true",
    "desc ~ *type*",
    "kind in (return, greeting)",
    "kind = open",
    "sender = client",
    "session = 2",
    "size > 50 B",
    "line in (4..9, 12, 20..)",
    "time <= 10ms",
    "id = a",
    "text ~~ running",
)
EXPRESSIONS = st.recursive(
    st.sampled_from(ASKED),
    lambda one: st.one_of(
        one.map(lambda text: f"not ({text})"),
        st.tuples(one, st.sampled_from(("and", "or")), one).map(
            lambda said: "({} {} {})".format(*said)
        ),
    ),
    max_leaves=5,
)

TRACES = Path(__file__).parents[2] / "traces"
WRONG = str(TRACES / "qemu-7.2.22-wrong.qmptrace.gz")
SHELL = str(TRACES / "qemu-7.2.22-shell.qmptrace.gz")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", WRONG, "--filter", "command = block_resize and error")
    rows = out.splitlines()[2:]
    assert code == 0
    assert rows
    assert [" -> " in row for row in rows] == [True, False] * (len(rows) // 2)
    code, out, err = run(capsys, "show", WRONG, "--filter", "command = nothing")
    assert (code, err) == (1, f"{WRONG}: no message passes the filter: command = nothing\n")
    asked = "command = block_resize", "--errors"
    assert [json.loads(line)["kind"] for line in run(
        capsys, "show", WRONG, "--format", "json", "--filter", *asked
    )[1].splitlines()] == ["error"] * (len(rows) // 2)  # fmt: skip


def test_check_keeps_what_is_found_at_messages_that_pass(
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = json.loads(run(capsys, "check", WRONG, "--format", "json", "-q")[1])
    wanted = "command ~ block*"
    code, out, _ = run(capsys, "check", WRONG, "--filter", wanted, "--format", "json", "-q")
    part = json.loads(out)
    rows = [
        json.loads(line)["line"]
        for line in run(capsys, "show", WRONG, "--filter", wanted, "--format", "json")[
            1
        ].splitlines()
    ]
    expected = [one for one in whole["findings"] if one["line"] in rows]
    assert code == 1
    assert expected
    assert [one["fingerprint"] for one in part["findings"]] == [
        one["fingerprint"] for one in expected
    ]
    facts = part["subjects"][0]["facts"]
    total = sum(one["count"] for one in whole["findings"])
    assert facts["selected"] == len(rows)
    assert facts["findings elsewhere"] == total - sum(one["count"] for one in expected)
    assert part["closing"][0].startswith(
        f"{len(rows)} messages selected of {facts['messages']} in 1"
    )
    # What was not judged is not said to be right.
    assert {one["verdict"] for one in part["verdicts"]} <= {"fail", "warn"}


@settings(max_examples=examples(40), deadline=None)
@given(text=EXPRESSIONS)
def test_every_verb_selects_the_same_messages(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, new = sample(Path(folder)), str(Path(folder, "new.qmptrace"))
        shown = _said("show", path, "--filter", text, "--format", "json").splitlines()
        rows = [json.loads(row) for row in shown]
        messages = [row for row in rows if row["kind"] not in ("open", "shut", "close", "gap")]

        with Document(path) as document:
            document.start()
            filtered = document.filtered(parse(text))
            while not (document.read and filtered.done):
                time.sleep(0.001)
            assert [
                document.index.line(row)
                for row in map(filtered.rows.__getitem__, range(len(filtered.rows)))
            ] == [row["line"] for row in rows]

        judged = _said("check", path, "--filter", text, "--schema=none", "--format=json", "-q")
        facts = json.loads(judged)["subjects"][0]["facts"]
        assert facts["selected"] == len(messages)

        counted = json.loads(_said("stats", path, "--filter", text, "--format", "json", "-q"))
        assert sum(counted["figures"]["kinds"].values()) == len(messages)

        if not messages:
            with pytest.raises(AssertionError, match="no message passes"):
                _said("convert", path, new, "--filter", text, "-q")
            return
        _said("convert", path, new, "--filter", text, "-q", "--no-redact")
        kept = [one for one in TraceReader(new).items() if is_message(one)]
        lines = {row["line"] for row in messages}
        assert [one.frame.data for one in kept] == [
            one.frame.data
            for one in TraceReader(path).items()
            if is_message(one) and one.line in lines
        ]


def _said(*words: str) -> str:
    """What a verb prints."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(words)
    assert code in (0, 1), err.getvalue()
    return out.getvalue()


def is_message(one: object) -> TypeGuard[Item]:
    return isinstance(one, Item) and one.frame.kind is not Kind.SPACE


def test_a_check_of_nothing_is_not_green(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", SHELL, "-q", "--filter", "command = nothing")
    assert code == 1
    assert "0 messages selected of" in out
    assert "nothing was judged" in out
    assert run(capsys, "check", SHELL, "-q", "--filter", "kind = greeting")[0] == 0


@pytest.mark.parametrize("option", ["--follow", "--update", "--schema=all"])
def test_what_is_about_all_findings_takes_no_filter(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--baseline", str(tmp_path / "known.toml")] if option == "--update" else []
    code, _, err = run(capsys, "check", SHELL, "--filter", "event", option, *more)
    assert code == 2
    assert "--filter" in err


def test_what_a_filter_leaves_out_is_not_gone_from_a_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = str(tmp_path / "known.toml")
    assert run(capsys, "check", WRONG, "--baseline", known, "--update", "-q")[0] == 0
    assert run(capsys, "check", WRONG, "--baseline", known, "--filter", "event", "-q")[0] == 0


def test_stats(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["stats", WRONG, SHELL, "--format", "json", "-q", "--filter", "command and not error"]
    code, out, _ = run(capsys, *words)
    assert code == 0
    found = json.loads(out)
    assert set(found["figures"]["kinds"]) == {"command", "return"}
    assert found["figures"]["sessions"]["count"] == 2
    assert not any(one["errors"] for one in found["figures"]["latencies"])
    assert "messages selected of" in found["notes"][-1]["text"]
    again = json.loads(run(capsys, *words, "--jobs", "2")[1])
    for one in (*found["runs"], *again["runs"]):
        del one["started"], one["command"]
    assert again == found
    assert run(capsys, "stats", SHELL, "--filter", "command = nothing")[0] == 1


def test_record_keeps_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["record", "--server", "q", "--listen", "p", "-o", str(tmp_path / "a.qmptrace")]
    code, _, err = run(capsys, *words, "--filter", "event")
    assert code == 2
    assert "qmpconf convert --filter" in err
    assert not list(tmp_path.iterdir())


def test_a_wrong_filter_is_pointed_at(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, *more in (["show"], ["stats"], ["check"], ["convert", "out.qmptrace"]):
        with pytest.raises(SystemExit) as left:
            main([verb, SHELL, *more, "--filter", "took > 5"])
        assert left.value.code == 2
        assert capsys.readouterr().err.splitlines()[:3] == [
            f"qmpconf {verb}: argument --filter: column 8: 5 of what? Write a unit behind it: ns, us, "
            "\\u00B5s, ms, s, min, h, d".replace("\\u00B5", "µ"),
            "  took > 5",
            "         ^",
        ]


def test_the_help_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "help", "filter")
    assert code == 0
    page = Path("qmpconf/trace/filter/README.md").read_text(encoding="utf-8")
    for name in FIELDS:
        assert f"\n{name} " in out
    assert out in page
