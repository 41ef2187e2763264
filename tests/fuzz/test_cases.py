"""The harness sees what it is there to see: each kind of fault, shown by a verb that has it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import cases, corpus
from tests.fuzz.cases import Case, run
from tests.fuzz.harness import alone, shortened
from tests.fuzz.mutate import KINDS, mutated
from tests.fuzz.seeds import Seeds
from tests.fuzz.targets import BY_NAME
from tests.fuzz.texts import LONGEST
from tests.fuzz.values import parsed

TARGET = BY_NAME["show trace~trace"]
WRITES = BY_NAME["redact named~trace"]

Verb = Callable[[Sequence[str]], int]


@pytest.fixture
def fixed(tmp_path: Path) -> dict[str, str]:
    for name in ("known", "good"):
        (tmp_path / "fixed").mkdir(exist_ok=True)
        (tmp_path / "fixed" / name).write_bytes(b'{"qmptrace":1,"started":"","recorder":""}\n')
    return {name: str(tmp_path / "fixed" / name) for name in ("known", "good")}


def _raises(_: Sequence[str]) -> int:
    raise KeyError("x")


def _prints(_: Sequence[str]) -> int:
    print("qmpconf show: 'utf-8' codec can't encode character", file=sys.stderr)
    return 3


def _unknown(_: Sequence[str]) -> int:
    return 17


def _hungry(_: Sequence[str]) -> int:
    return len(bytearray(400 << 20)) & 1


def _changes(words: Sequence[str]) -> int:
    Path(words[1]).write_bytes(b"")
    return 0


def _usage(_: Sequence[str]) -> int:
    raise SystemExit(2)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        (_raises, "raises KeyError"),
        (_prints, 'prints "codec can\'t encode"'),
        (_unknown, "exit code 17"),
        (_hungry, "MB"),
        (_changes, "changes its input"),
        (_usage, ""),
    ],
)
def test_a_fault_is_seen(
    verb: Verb, wrong: str, fixed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "main", verb)
    place = tmp_path / "case"
    place.mkdir()
    outcome = run(Case(TARGET, ["show", "{in}"], "a.qmptrace", b"x\n"), fixed, place)
    assert wrong in outcome.wrong
    assert bool(wrong) == bool(outcome.wrong)


@pytest.mark.parametrize(
    ("left", "wrong"),
    [
        (None, "its older output is gone"),
        (b'{"qmptrace":1,"started":"","recorder":""}\n{"t":', "the last line is torn"),
        (b"hello\n", "its output is not whole"),
        (b'{"qmptrace":1,"started":"","recorder":""}\n', ""),
    ],
)
def test_an_output_that_is_not_whole_is_seen(
    left: bytes | None,
    wrong: str,
    fixed: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def verb(words: Sequence[str]) -> int:
        if left is None:
            Path(words[2]).unlink()
        else:
            Path(words[2]).write_bytes(left)
        return 3

    monkeypatch.setattr(cases, "main", verb)
    place = tmp_path / "case"
    place.mkdir()
    case = Case(WRITES, ["redact", "{in}", "{out}"], "a.qmptrace", b"x\n", old=True)
    outcome = run(case, fixed, place)
    assert wrong in outcome.wrong
    assert bool(wrong) == bool(outcome.wrong)


def test_a_process_that_dies_or_hangs_is_seen(
    fixed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(TARGET, ["show", "{in}"], "a.qmptrace", b"x\n")
    monkeypatch.setattr(cases, "main", lambda _words: __import__("os")._exit(9))
    assert alone(case, fixed).wrong == "ends the process (9)"
    monkeypatch.setattr(cases, "main", lambda _words: __import__("threading").Event().wait())
    assert alone(case, fixed, seconds=0.5).wrong == "hangs"


def test_endless_work_is_seen(fixed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def verb(_: Sequence[str]) -> int:
        while True:
            pass

    monkeypatch.setattr(cases, "main", verb)
    monkeypatch.setattr(cases, "MOST_SECONDS", 0.2)
    case = Case(TARGET, ["show", "{in}"], "a.qmptrace", b"x\n")
    assert alone(case, fixed).wrong == "takes too long"


def test_a_finding_is_made_short_kept_and_shown_again(
    fixed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verb(words: Sequence[str]) -> int:
        if b"bad" in Path(words[1]).read_bytes():
            raise KeyError("x")
        return 0

    monkeypatch.setattr(cases, "main", verb)
    data = b"".join(b"line %d\n" % number for number in range(40)) + b"a bad one\nmore\n"
    case = Case(TARGET, ["show", "{in}"], "a.qmptrace", data)
    outcome = alone(case, fixed)
    assert outcome.wrong == "raises KeyError"
    short = shortened(case, outcome, Seeds(fixed=fixed))
    assert short.data == b"bad"
    corpus.keep(short, outcome, tmp_path / "corpus")
    [entry] = corpus.entries(tmp_path / "corpus")
    assert entry.case().data == b"bad"
    assert alone(entry.case(), fixed).key == outcome.key


@pytest.mark.parametrize("kind", KINDS)
def test_changes_depend_on_the_seed_alone_and_have_a_bound(kind: str) -> None:
    data = b'{"a":{"b":[1,"x",null]},"msg":{"execute":"stop"}}\nname = "x"\n'
    pool = [parsed('{"c":[1,{"d":2}]}')]
    made = [mutated(Random(number), kind, data, pool, [data]) for number in range(300)]
    again = [mutated(Random(number), kind, data, pool, [data]) for number in range(300)]
    assert made == again
    assert len(set(made)) > 150
    assert max(map(len, made)) <= LONGEST
