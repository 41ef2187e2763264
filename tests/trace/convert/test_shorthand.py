"""What is typed into qmp-shell, as qmp-shell itself understands it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.convert.shorthand import command_of

shell = pytest.importorskip("qemu.qmp.qmp_shell")


class Bare:
    """As much of the real shell as is needed to read a line."""

    _transmode = False
    _build_cmd = shell.QMPShell._build_cmd
    _cli_expr = shell.QMPShell._cli_expr
    _parse_value = shell.QMPShell._parse_value


@pytest.mark.parametrize(
    "line",
    [
        "query-status",
        "block_resize device=d0 size=1024",
        "x a=-1 b=true c=FALSE d=1.5 e= f='a b' g=\"c d\"",
        "x a.b=1 a.c.d=text",
        'x a=[1,{"b":null}] b={"c":[]} c=[ d={',
        "x a={'b':True,'c':None} b=[true,'x']",
        "x a=b=c",
    ],
)
def test_it_means_what_the_shell_makes_of_it(line: str) -> None:
    found = command_of(line.encode())
    assert found is not None
    assert json.loads(found) == Bare()._build_cmd(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "what is this",
        "a b",
        "x a=1 a=2",
        "x a=1 a.b=2",
        "{}",
        "\xff",
        "transaction(",
        "-x",
    ],
)
def test_what_is_no_command(line: str) -> None:
    assert command_of(line.encode("latin-1")) is None


@given(st.text() | st.lists(st.sampled_from([*"ab.= '\"[]{}:,1", "true", "\\"])).map("".join))
def test_anything_may_be_typed(text: str) -> None:
    found = command_of(b"x " + text.encode("utf-8", "replace"))
    assert found is None or json.loads(found)["execute"] == "x"


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    command_of(data)
