"""What QAPI source has under a condition is there only where it was built in: nobody's fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmpconf.check.basis import Basis
from qmpconf.check.calls import Judge, Standing
from qmpconf.check.offers import Offered
from qmpconf.protocol.messages import Command, from_client
from qmpconf.schema.conditions import Settings
from qmpconf.schema.model import Catalog
from qmpconf.schema.resolve import resolved
from tests.check.test_named import NOT_FOUND, OK, call, opening, outcome, reply
from tests.schema.qapi.sources import TODAY, compiled

SOURCE = """\
{ 'enum': 'Kind', 'data': [ 'one', { 'name': 'two', 'if': 'TWO' } ] }
{ 'struct': 'Found', 'data': { 'kind': { 'type': 'Kind', 'if': 'TWO' } } }
{ 'struct': 'Pick', 'data': { 'kind': 'Kind', '*fast': { 'type': 'bool', 'if': 'FAST' } } }
{ 'command': 'pick', 'data': 'Pick', 'boxed': true, 'returns': 'Found', 'allow-oob': true }
{ 'command': 'later', 'if': { 'all': [ 'FAST', 'TWO' ] } }
"""
CALLS = [
    (("pick", {"kind": "one"}), ""),
    (("pick", {"kind": "two"}), "value 'two' is there only in builds with TWO"),
    (("pick", {"kind": "one", "fast": True}), "member 'fast' is there only in builds with FAST"),
    (("later", {}), "the command 'later' is there only in builds with FAST and TWO"),
]


def build(**known: bool) -> Catalog:
    return resolved(compiled(SOURCE), Settings(known)).catalog


@pytest.mark.parametrize(("sent", "words"), CALLS)
@pytest.mark.parametrize("refused", [False, True])
def test_a_note_says_on_what_it_depends(
    sent: tuple[str, dict[str, object]], words: str, refused: bool, tmp_path: Path
) -> None:
    name, arguments = sent
    success = reply({"kind": "one"}) if name == "pick" else OK
    script = [*opening(TODAY), call(name, **arguments), NOT_FOUND if refused else success]
    found = outcome(tmp_path / "t", script, build()).groups
    told = [(one.first.requirement, one.first.severity, one.first.message) for one in found]
    assert told == ([("schema.built-in", "note", words)] if words else [])
    # Where all is decided, nothing is left to say, and what is not there is an error.
    assert not outcome(tmp_path / "t", script, build(FAST=True, TWO=True)).groups
    without = outcome(tmp_path / "t", [*script[:-1], OK], build(FAST=False, TWO=False)).groups
    assert [one.first.severity for one in without] == (["error"] if words else [])


def test_a_server_that_lacks_a_conditional_member_is_not_to_blame(tmp_path: Path) -> None:
    script = [*opening(TODAY), call("pick", kind="one"), reply({})]
    assert not outcome(tmp_path / "t", script, build()).groups
    (missing,) = outcome(tmp_path / "t", script, build(TWO=True)).groups
    assert (missing.first.requirement, missing.first.blame) == ("schema.return", "server")


def test_the_matrix_says_the_same() -> None:
    judge = Judge(Basis(build(), named=True))
    for (name, arguments), words in CALLS:
        sent = from_client(json.dumps({"execute": name, "arguments": arguments}).encode())
        assert isinstance(sent, Command)
        standing, reason = judge.judge(sent, Offered([0])).stands()
        assert standing is (Standing.BUILT_IN if words else Standing.WORKS)
        assert standing.answer == ("conditional" if words else "yes")
        assert (reason.what if reason else "") == words


def test_source_says_what_may_be_sent_out_of_band() -> None:
    basis = Basis(build(), named=True)
    assert basis.tells_oob
    assert basis.cite(basis.catalog.commands["pick"]) == "qapi/lamps.json, line 4"
