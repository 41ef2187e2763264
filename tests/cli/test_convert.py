"""``qmpconf convert``: what it says, where, and with which exit code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qmpconf.check.checking import check_trace
from qmpconf.cli.main import main
from qmpconf.trace.convert import FORMATS
from tests.trace.convert.golden import FOLDER

TRACES = Path(__file__).parents[2] / "traces"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        code = main(["convert", *map(str, words)])
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_conversion_tells_what_there_is_and_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shell.log").write_bytes((FOLDER / "qmp-shell.log").read_bytes())
    code, out, err = run(capsys, "shell.log", "shell.qmptrace")
    assert (code, out) == (
        0,
        "shell.qmptrace: 1 session, 6 messages (qmp-shell to qmptrace)\n",
    )
    assert err == (
        'qmpconf convert: shell.log: read as qmp-shell (line 1 holds \'{"execute": "query-status", '
        '"arguments":\')\n'
        "qmpconf convert: shell.log: the format gives no times: all are 0, and the header has that of the "
        "conversion\n"
        "qmpconf convert: shell.log: the format does not hold the white space behind a message: "
        "\\r\\n stands for it\n"
        "qmpconf convert: shell.log:1: the shell does not give the ids that were on the wire "
        "(2 times)\n"
        "qmpconf convert: shell.log:1: a session does not begin with the greeting: a gap stands "
        "for what came before\n"
    )
    code, out, err = run(capsys, "-q", "--force", "shell.log", "shell.qmptrace")
    assert (code, err) == (0, "")


def test_damaged_input_is_kept_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("libvirtd.log").write_bytes((FOLDER / "libvirtd.log").read_bytes())
    code, out, err = run(capsys, "-q", "libvirtd.log", "vm.qmptrace")
    assert code == 3
    assert out == (
        "vm.qmptrace: 2 sessions, 9 messages; 1 line not understood (first: line 23: "
        '\'{"return": {"status": "paus\') (libvirt-log to qmptrace)\n'
    )
    assert err.startswith(
        "qmpconf convert: libvirtd.log:23: a message breaks off, or is not JSON\n"
    )
    lines = Path("vm.qmptrace").read_bytes().splitlines(keepends=True)
    Path("bad.qmptrace").write_bytes(b"".join(lines[:4]) + b"\x1b[2Jnonsense\n")
    code, out, err = run(capsys, "bad.qmptrace", "bad.txt")
    assert code == 3
    assert out == "bad.txt: 1 session, 2 messages (qmptrace to transcript)\n"
    assert "bad.qmptrace:5: not a record of a trace" in err
    assert err.endswith("; what could be read is in bad.txt\n")
    assert "\x1b" not in err
    assert Path("bad.txt").read_text().startswith('<- {"QMP"')


def test_standard_output_holds_the_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, FOLDER / "document.txt", "-", "--to", "libvirt-log")
    assert code == 0
    assert out.count("QEMU_MONITOR_SEND_MSG") == 2
    assert "messages (" not in out
    assert "times are in milliseconds" in err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nothing.log", "a.qmptrace"), 3, "cannot read nothing.log: No such file"),
        ((FOLDER / "mail.txt", "a.xyz"), 2, "a.xyz shows no format; choose one with --to"),
        ((FOLDER / "mail.txt", "a.log"), 2, "fits several formats; choose one with --to"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--from", "x"), 2, "invalid choice: 'x'"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--session", "0"), 2, "'0' is not a number from 1"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--session", "2"), 2, "has no session 2"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--from", "pcap"), 3, "mail.txt"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--pattern", "(x"), 2, "not a regular expression"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--pattern", "x"), 2, "no group 'message'"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--pattern", "(?P<me>x)"), 2, "the group 'me'"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--session-by", "x"), 2, "'x' does not tell sessions"),
        ((FOLDER / "mail.txt", "a.qmptrace", "--to", "kata"), 2, "invalid choice: 'kata'"),
        (
            (FOLDER / "mail.txt", "a.qmptrace", "--from", "qmptrace"),
            3,
            "mail.txt:1: is not the first line of a trace",
        ),
        ((FOLDER / "libvirtd.log", "a.txt"), 2, "choose one with --session"),
        (("one.txt",), 2, "OUT"),
        ((FOLDER / "mail.txt", "a.qmptrace", "-o", "b.qmptrace"), 2, "the output is named twice"),
        ((FOLDER / "mail.txt", "-o", "a.xyz"), 2, "a.xyz shows no format; choose one with --to"),
    ],
)
def test_wrong_calls_and_files_leave_nothing_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = run(capsys, *words)
    assert (found, out) == (code, "")
    assert says in err
    assert not list(tmp_path.iterdir())


def test_a_port_that_cannot_be_is_a_wrong_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["convert", "a.qmptrace", str(tmp_path / "a.pcapng"), "--port", "65536"])
    assert caught.value.code == 2
    assert "'65536' is not a port" in capsys.readouterr().err


def test_the_list_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--list")
    assert (code, err) == (0, "")
    for one in FORMATS:
        assert f"\n{one.name} " in out
    assert max(map(len, out.splitlines())) <= 120


def test_the_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert "examples:\n  qmpconf convert libvirtd.log vm.qmptrace\n" in out
    assert "exit codes: 0 converted" in out


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("t", ["1e308", "-1e308"])
def test_times_beyond_all_clocks(tmp_path: Path, t: str, form: str) -> None:
    trace = tmp_path / "t.qmptrace"
    trace.write_text(
        '{"qmptrace":1,"started":"2026-01-01T00:00:00Z"}\n{"t":0,"conn":1,"open":{}}\n'
        f'{{"t":{t},"conn":1,"from":"server","msg":{{"QMP":{{}}}}}}\n'
    )
    assert main(["convert", str(trace), str(tmp_path / f"t.{form}")]) == 0


def test_lines_that_are_not_understood_are_counted_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = "".join(f'-> {{"execute" {number}\n' for number in range(7))
    Path("mail.txt").write_text('-> {"execute": "stop"}\n<- {"return": {}}\n' + broken)
    code, out, err = run(capsys, "mail.txt", "mail.qmptrace")
    assert code == 3
    assert out == (
        "mail.qmptrace: 1 session, 2 messages; 7 lines not understood "
        """(first: line 3: '-> {"execute" 0') (transcript to qmptrace)\n"""
    )
    assert """mail.txt:3: not understood: '-> {"execute" 0'\n""" in err
    assert err.endswith("mail.txt: 2 more lines not understood\n")
    [lack] = [one for one in check_trace("mail.qmptrace").unjudged if one.kind == "line"]
    assert (lack.kind, lack.line, lack.count) == ("line", 7, 7)


SENT, ANSWERED = '{"execute": "stop", "id": "libvirt-1"}', '{"return": {}, "id": "libvirt-1"}'
TEXTS = {
    "transcript": "-> {sent}\n<- {answered}\n-> {bad}\n",
    "log": "10:00:00 vm send: {sent}\n10:00:01 vm recv: {answered}\n10:00:02 vm send: {bad}\n",
    "qmp-shell": '(QEMU) stop\n{"return": {}}\n(QEMU) cont\n{bad}\n',
    "libvirt-log": "2026-11-20 10:00:00.000+0000: 1: info : QEMU_MONITOR_RECV_REPLY: mon=0x7f reply={answered}\n"
    "2026-11-20 10:00:01.000+0000: 1: info : QEMU_MONITOR_RECV_REPLY: mon=0x7f reply={bad}\n",
}


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("form", "bad"),
    [
        (form, bad)
        for form in TEXTS
        for bad in ('{"execute": "cont", so}', '{"return": [1, 2', '{"return": "br')
        # libvirt logs what was said whole, whatever that is.
        if (form, bad[-1]) != ("libvirt-log", "}")
    ],
)
def test_what_is_not_understood_has_one_exit_code_in_all_texts(
    form: str, bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "a.txt"
    wanted = TEXTS[form].replace("{sent}", SENT).replace("{answered}", ANSWERED)
    text.write_text(wanted.replace("{bad}", bad))
    code, out, _ = run(capsys, "--from", form, text, tmp_path / "bad.qmptrace")
    assert (code, "1 line not understood" in out) == (3, True), out
    text.write_text(wanted.replace("{bad}", ANSWERED))
    assert run(capsys, "--from", form, text, tmp_path / "good.qmptrace")[0] == 0


def test_the_output_behind_its_option_as_with_other_verbs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one.qmptrace", tmp_path / "two.qmptrace"
    assert run(capsys, FOLDER / "mail.txt", one)[0] == 3  # one line is not understood
    assert run(capsys, "-o", two, FOLDER / "mail.txt")[0] == 3
    _, *first = one.read_bytes().splitlines()
    _, *second = two.read_bytes().splitlines()
    assert first == second, "but for when it was made"


def test_a_folder_takes_a_filter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, new = tmp_path / "old", tmp_path / "new"
    folder.mkdir()
    names = ("qemu-7.2.22-libvirtd", "qemu-storage-daemon-7.2.22-storage")
    for name in names:
        shutil.copy(TRACES / f"{name}.qmptrace.gz", folder)
    only = ("--to", "qmptrace", "--filter", "event = RESET")
    code, out, _ = run(capsys, folder, new, *only)
    assert code == 0
    assert "1 file, 1 session, 1 message; no message of 1 more passes the filter" in out
    assert [one.name for one in new.iterdir()] == [f"{names[0]}.qmptrace"]
    single = tmp_path / "single.qmptrace"
    assert run(capsys, folder / f"{names[0]}.qmptrace.gz", single, *only)[0] == 0
    assert single.read_bytes() == (new / f"{names[0]}.qmptrace").read_bytes()
    code, out, err = run(capsys, folder, tmp_path / "no", "--to", "qmptrace", "--filter", "fds > 9")
    assert (code, out) == (2, "")
    assert "there is nothing to write" in err
    code, _, err = run(capsys, folder, tmp_path / "no", "--to", "qmptrace", "--session", "2")
    assert code == 2
    assert "write --filter 'session = 2' instead" in err
