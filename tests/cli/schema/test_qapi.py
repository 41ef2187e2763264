"""QAPI source on the command line: compile, show, check, diff, export, audit, agree."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from qmpconf.cli.main import main
from qmpconf.schema import store
from qmpconf.schema.model import Enum
from tests.check.scripts import OPENING, write
from tests.check.test_named import call, reply
from tests.schema.qapi.sources import GOOD, MAIN
from tests.schema.test_resolve import SERVER, SOURCE


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of sources as QEMU has it."""
    for name, text in GOOD.items():
        path = tmp_path / "qemu" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "qemu/VERSION").write_text("10.0.13\n")
    monkeypatch.chdir(tmp_path)
    return Path("qemu", MAIN)


def report(out: str) -> dict[str, str]:
    return dict(line.split(None, 1) for line in out.split("\n\n", maxsplit=1)[0].splitlines())


def test_compile_and_show(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "compile", str(tree), "-o", "mine.json.gz"]) == 0
    out = capsys.readouterr().out
    told = report(out)
    assert told["catalog"] == "qemu-storage-daemon-10.0.13-qapi"
    assert (told["form"], told["commands"], told["events"]) == ("QAPI schema", "2", "1")
    assert told["examples"] == "2 messages"
    assert told["conditional"] == "5 places with 4 conditions left open"
    assert "CONFIG_BRIGHT or (HAVE_DARK and HAVE_CAT) 1 " in " ".join(out.split())
    assert main(["schema", "show", "mine.json.gz", "lamp-add"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "command lamp-add  (may be sent out of band, taken before the machine is made, deprecated, "
        "since 2.4, qapi/lamps.json:"
    )
    for words in (
        "\n  Add a lamp.\n",
        "  Feature deprecated: Use lamp-set instead.\n",
        "    id?: string  (since 1.2)\n      | its name, and the only thing to call it by",
        "      2nd  (if CONFIG_SECOND)\n        another one\n",
        "    when colour is white (if CONFIG_BRIGHT):\n      level: uint8  (unstable)\n",
    ):
        assert words in shown
    assert main(["schema", "show", "mine.json.gz", "LampRef"]) == 0
    assert "dimmed if not CONFIG_PLAIN" not in capsys.readouterr().out
    assert main(["schema", "show", "mine.json.gz", "Lamp"]) == 0
    assert "(dimmed if not CONFIG_PLAIN, qapi/lamps.json:" in capsys.readouterr().out


def test_what_a_comment_says_controls_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "a.json", tmp_path / "b.json"
    source.write_text("##\n# @go:\n#\n# red \x1b[31m\n##\n{ 'command': 'go' }")
    assert main(["schema", "compile", str(source), "-o", str(out)]) == 0
    assert main(["schema", "show", str(out), "go"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "red" in shown


def test_settings_resolve_conditions(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config-host.h").write_text("#define CONFIG_BRIGHT 1\n#undef CONFIG_PLAIN\n")
    for second in ("!CONFIG_SECOND", "CONFIG_SECOND=n", "CONFIG_SECOND=0"):
        settings = ["--config", "config-host.h", "--config", second]
        assert main(["schema", "compile", str(tree), *settings, "-o", "mine.json"]) == 0
        assert (
            report(capsys.readouterr().out)["conditional"] == "4 there in this build, 1 not there"
        )
        assert "CONFIG" not in Path("mine.json").read_text()
    assert main(["schema", "compile", str(tree), "--config", "CONFIG_SECOND=y"]) == 0
    assert "CONFIG_SECOND  " not in capsys.readouterr().out
    assert main(["schema", "compile", str(tree), "--config", "!A=n"]) == 2
    assert main(["schema", "compile", str(tree), "--config", "CONFIG PLAIN"]) == 2
    assert "expected NAME" in capsys.readouterr().err
    assert main(["schema", "compile", str(tree), "-o", "qemu/qapi/colours.json", "--force"]) == 2
    assert "would overwrite an input" in capsys.readouterr().err


def test_a_server_resolves_conditions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source, answer = tmp_path / "pick.json", tmp_path / "reply.json"
    source.write_text(SOURCE)
    itself = {"name": "query-qmp-schema", "meta-type": "command", "arg-type": "0", "ret-type": "0"}
    said = json.dumps({"return": [*SERVER, itself]})
    answer.write_text(said)
    asked = [*OPENING, '> {"execute": "query-qmp-schema"}', f"< {said}"]
    trace = write(tmp_path / "t.qmptrace", asked)
    out = tmp_path / "mine.json"
    for server in (answer, trace):
        command = ["schema", "compile", str(source), "--introspection", str(server)]
        assert main([*command, "-o", str(out)]) == 0
        told = capsys.readouterr().out
        assert report(told)["conditional"] == "4 there in this build, 5 not there"
        assert "lacks the rest:" in told
        assert "SIX or SEVEN" in told
        kind = store.read(out).types["Kind"]
        assert isinstance(kind, Enum)
        assert [one.name for one in kind.values] == ["one", "six"]
    assert main(["schema", "compile", str(source), "--introspection", "qemu-5.2.0-doc"]) == 2
    assert "is not made from a server's schema reply" in capsys.readouterr().err


def test_other_verbs_take_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "compile", str(tree), "-o", "mine.json"]) == 0
    trace = write(Path("t.qmptrace"), [*OPENING, call("lamp-add", colour="2nd"), reply([])])
    capsys.readouterr()
    assert main(["check", str(trace), "--schema", "mine.json", "--short"]) == 0
    out = capsys.readouterr().out
    assert "schema.built-in: lamp-add /arguments/colour: value '2nd' is there only in builds" in out
    assert main(["check", str(trace), "--schema", str(tree)]) == 3
    assert "'qmpconf schema compile'" in capsys.readouterr().err
    newer = Path("new.json")
    newer.write_text(
        "{ 'struct': 'LampBase', 'data': {} }\n"
        "{ 'command': 'lamp-add', 'data': 'LampBase', 'returns': ['LampBase'], 'if': 'A' }"
    )
    assert main(["schema", "diff", str(tree), str(newer), "--level", "risk"]) == 1
    out = capsys.readouterr().out
    assert "command lamp-set: the command is gone" in " ".join(out.split())
    assert "is no longer there in all builds: it needs A" in " ".join(out.split())
    assert "perhaps only not built: it needs CONFIG_BRIGHT or" in " ".join(out.split())
    assert "qapi/lamps.json:" in out
    assert main(["schema", "diff", str(newer), str(tree)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "event LAMP_OUT: the event is new, in builds with CONFIG_BRIGHT or" in out
    assert "the command is now there in all builds" in out
    assert main(["schema", "agree", str(tree), "mine.json"]) == 0
    assert "100.00 %" in capsys.readouterr().out
    assert main(["schema", "audit", str(tree), "--format", "json"]) == 1
    assert "qapi/lamps.json" in capsys.readouterr().out
    assert main(["schema", "export", "mine.json", "-o", "bundle.json"]) == 0
    bundle = json.loads(Path("bundle.json").read_text())
    jsonschema.Draft202012Validator.check_schema(bundle)
    one = jsonschema.Draft202012Validator({**bundle, "$ref": "#/$defs/command.lamp-add.arguments"})
    assert one.is_valid({"colour": "white", "level": 255})
    assert not one.is_valid({"colour": "white", "level": 256})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{ 'enum': 'One', 'data': [ 'a' 'b' ] }", "s.json:1:32: expected ',' or ']'"),
        (b"{ 'include': 'none.json' }", "s.json:1:1: the included file is missing"),
        (b"{ 'include': 's.json' }", "s.json:1:1: 's.json' includes itself"),
        (b"{ 'enum': 'One', 'data': [ '\xff' ] }", "s.json: is not UTF-8"),
        (b"", "s.json: defines nothing"),
        (b"# nothing\n{ 'pragma': { 'doc-required': true } }", "s.json: defines nothing"),
        (b'{"qmpconf-catalog": 1}', "no known form"),
    ],
)
def test_what_is_wrong_is_said(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    assert main(["schema", "compile", str(path)]) == 3
    assert words in capsys.readouterr().err
    assert main(["schema", "compile", str(tmp_path)]) == 3
    assert "Is a directory" in capsys.readouterr().err


def test_the_release_is_the_one_that_is_given(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Path("old.json")
    old.write_text("{ 'type': 'Size', 'data': { 'a': 'int' } }")
    assert main(["schema", "compile", str(old), "--release", "1.6"]) == 0
    assert report(capsys.readouterr().out)["describes"] == "qemu-storage-daemon 1.6"
    assert main(["schema", "compile", str(old), "--release", "10.0"]) == 3
    assert "a definition has one of" in capsys.readouterr().err
    assert main(["schema", "compile", str(old), "--release", "new"]) == 2
    assert main(["schema", "compile", str(tree), "--release", "10.0.2", "--name", "x"]) == 0
    assert report(capsys.readouterr().out)["catalog"] == "x"
