"""The help of every verb: there are examples, and each is a command line that the verb takes."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import pytest

from qmpconf.cli.completion import everything
from qmpconf.cli.main import VERBS, main
from qmpconf.cli.schema import SUBVERBS
from qmpconf.version import __version__

#: What ends a command for a shell.
OPERATORS = ("|", ">", "&&")

CALLS = [[verb] for verb in VERBS if verb != "schema"] + [["schema", one] for one in SUBVERBS]


def helped(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert left.value.code == 0
    captured = capsys.readouterr()
    assert not captured.err
    return captured.out


def examples(text: str) -> Iterator[list[str]]:
    """The command lines below ``examples:``; an indented line goes on with the one before."""
    below = re.split(r"^examples?:\n", text, flags=re.MULTILINE)[-1]
    for line in re.split(r"\n(?! {4})", below):
        if line.startswith("  qmpconf "):
            command = re.split(r" {2,}\(", line.strip())[0]
            words = shlex.shlex(command, posix=True, punctuation_chars=True)
            words.whitespace_split = True
            yield list(takewhile(lambda word: word not in OPERATORS, words))[1:]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_verb_shows_examples(
    call: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = helped(call, capsys)
    found = list(examples(text))
    assert call in [words[: len(call)] for words in found]
    for words in found:
        client = words.index("--") if "--" in words else len(words)
        try:
            everything().parse_args([*words[:client], *(["--", "x"] if "--" in words else [])])
        except SystemExit as left:
            if left.code == 0:
                continue  # as --list does
            pytest.fail(f"is not a call of the verb: {words}\n{capsys.readouterr().err}")


def test_help_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for call in ([], *CALLS):
        lines = helped(call, capsys).splitlines()
        usage = list(takewhile(str.strip, lines))
        assert [line for line in usage if len(line) > 120] == []
        assert [line for line in lines[len(usage) :] if len(line) > 100] == []


def test_the_overview_names_every_verb_and_the_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = helped([], capsys)
    for verb, (_, words) in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(words)}$", text, re.MULTILINE)
    assert "130 interrupted" in text


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("chek x", "'chek' is not a verb; did you mean 'check'?"),
        ("xyz x", "'xyz' is not a verb; there are demo, help, record, "),
        ("help chek", "'chek' is not a verb; did you mean 'check'?"),
        ("schema shwo", "'shwo' is not a sub-verb; did you mean 'show'?"),
        ("help schema shwo", "'shwo' is not a sub-verb; did you mean 'show'?"),
        ("help check x", "qmpconf check has no sub-verbs: 'x' is one word too many"),
        ("help check --man x", "--man writes the pages of all verbs: name none"),
        ("check x --basline y", "there is no option '--basline'; did you mean '--baseline'?"),
        ("check --basline", "there is no option '--basline'; did you mean '--baseline'?"),
        ("schema diff --fromat=json", "no option '--fromat'; did you mean '--format'?"),
        ("learn --xyz", "there is no option '--xyz'; there are --help, --output, --force"),
        (
            "schema show qemu-7.3",
            "'qemu-7.3' is neither a shipped catalog nor a file; did you mean qemu-7.2.22, ",
        ),
        ("check x --schema qemu-12", "did you mean qemu-11.1.3, qemu-11.1.3-doc, qemu-10.0.13"),
        ("schema show qemu-stroage-daemon", "did you mean qemu-storage-daemon-"),
        (
            "schema export nonsense",
            "neither a shipped catalog nor a file; 'qmpconf schema list' lists all",
        ),
    ],
)
def test_what_is_wrong_and_what_was_probably_meant(
    call: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(call.split())
    except SystemExit as left:
        code = left.code
    assert code == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert not captured.out


def test_words_behind_two_dashes_are_the_clients(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform-client", "--list", "--", "client", "--nonsense"]) == 0
    assert capsys.readouterr().out


def test_an_option_may_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "list", "--nam"]) == 0
    assert "qemu-7.2.22\n" in capsys.readouterr().out


@pytest.mark.parametrize("call", [[], *CALLS], ids=" ".join)
def test_the_verb_help_says_the_same(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    wanted = helped(call, capsys)
    assert main(["help", *call]) == 0
    assert capsys.readouterr().out == wanted


def test_a_call_of_nothing_helps_and_is_not_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = helped([], capsys)
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == wanted
    assert not captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"qmpconf {__version__} (")


def test_version_says_that_the_compiled_core_is_switched_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QMPCONF_CORE", "python")
    with pytest.raises(SystemExit):
        main(["--version"])
    assert "compiled core switched off by QMPCONF_CORE" in capsys.readouterr().out


def test_everything_is_one_parser() -> None:
    assert isinstance(everything(), argparse.ArgumentParser)
    assert everything().parse_args(["schema", "list"]).verb == "schema"
