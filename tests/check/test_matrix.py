"""Which server can serve this client: a call's standing in a catalog, and a trace's."""

from __future__ import annotations

import pytest

from qmpconf.check import matrix
from qmpconf.check.basis import Basis
from qmpconf.check.calls import Standing
from qmpconf.check.matrix import Judges, Matrix
from qmpconf.protocol.framing import Framer
from qmpconf.report.matrix import as_data, as_text
from qmpconf.schema.model import Catalog, Command, Facts, Member, Object, Source
from qmpconf.trace.items import Item

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}\r\n'


def catalog(name: str, *commands: Command, members: tuple[str, ...] = ("a",)) -> Basis:
    listed = tuple(Member(one, "int", optional=True) for one in members)
    negotiation = Command("qmp_capabilities")
    return Basis(
        Catalog(
            name,
            Source("document", title=f"{name} document", form="man-roff"),
            {one.name: one for one in (negotiation, *commands)},
            {},
            {"q_arg": Object(listed)},
        ),
        named=True,
    )


def talk(*lines: tuple[str, bytes]) -> list[Item]:
    items = []
    for number, (arrow, text) in enumerate(lines, 2):
        frame = Framer().feed(text)[0]
        items.append(Item(number, 0.0, 1, "client" if arrow == "->" else "server", frame))
    return items


OPENING = (
    ("<-", GREETING),
    ("->", b'{"execute":"qmp_capabilities"}'),
    ("<-", b'{"return": {}}\r\n'),
)
SESSION = talk(
    *OPENING,
    ("->", b'{"execute":"frob","arguments":{"a":1,"b":2}}'),
    ("<-", b'{"return": {}}\r\n'),
    ("->", b'{"execute":"refused"}'),
    ("<-", b'{"error": {"class": "CommandNotFound", "desc": "no"}}\r\n'),
)


def judged(items: list[Item] = SESSION) -> Matrix:
    old = Facts(features=("deprecated",), line=17)
    return Judges(
        {
            "none": catalog("none"),
            "narrow": catalog("narrow", Command("frob", "q_arg")),
            "wide": catalog("wide", Command("frob", "q_arg"), members=("a", "b")),
            "old": catalog("old", Command("frob", "q_arg", facts=old), members=("a", "b")),
        }
    ).matrix({"t.qmptrace": items})


def test_names_in_a_trace_stay_text_and_have_their_column() -> None:
    sent = [b'{"execute":"\\u001b[2J","arguments":{}}', b'{"execute":"1e5"}']
    sent += [
        b'{"execute":"%b"}' % (b"x" * 100_000),
        b'{"execute":"frob","arguments":{"\\u202e":1}}',
    ]
    lines = [part for one in sent for part in (("->", one), ("<-", b'{"return": {}}\r\n'))]
    bases = {"wide": catalog("wide", Command("frob", "q_arg"))}
    page = as_text(Judges(bases).matrix({"\x9b.qmptrace": talk(*OPENING, *lines)}))
    assert page.replace("\n", "").isprintable()
    assert "\\u001B[2J" in page
    assert "\n1e5 " in page
    assert max(map(len, page.splitlines())) <= 130


def test_each_catalog_gives_the_call_its_standing_and_the_reason() -> None:
    row = judged().commands["frob"]
    assert {name: cell[0] for name, cell in row.cells.items()} == {
        "none": Standing.COMMAND_UNKNOWN,
        "narrow": Standing.ARGUMENT_UNKNOWN,
        "wide": Standing.WORKS,
        "old": Standing.DEPRECATED,
    }
    reason = row.cells["narrow"][1]
    assert reason is not None
    assert (reason.line, reason.pointer) == (5, "/arguments/b")
    reason = row.cells["old"][1]
    assert reason is not None
    assert reason.source == "old document, line 17"


def test_a_trace_stands_as_its_worst_call() -> None:
    matrix = judged()
    assert matrix.traces["t.qmptrace"].standing("none") is Standing.COMMAND_UNKNOWN
    assert matrix.traces["t.qmptrace"].standing("narrow") is Standing.COMMAND_UNKNOWN
    assert matrix.standing("narrow") is Standing.COMMAND_UNKNOWN
    assert matrix.commands["refused"].calls == 1
    assert matrix.refused == 1


def test_what_was_refused_when_recorded_is_never_a_yes() -> None:
    bases = {
        "has": catalog("has", Command("refused"), Command("frob", "q_arg"), members=("a", "b"))
    }
    matrix = Judges({**bases, "lacks": catalog("lacks")}).matrix({"t.qmptrace": SESSION})
    assert matrix.standing("has") is Standing.NOT_JUDGED
    assert matrix.standing("lacks") is Standing.COMMAND_UNKNOWN
    cause = matrix.cause("has")
    assert cause is not None
    assert (cause.subject, cause.line, cause.what) == ("refused", 7, "refused when recorded")
    text = as_text(matrix)
    assert " not judged " in text
    assert "refused (line 7): refused when recorded" in text
    assert as_data(matrix)["answers"] == {"has": "not judged", "lacks": "no"}


def test_the_views_say_who_can_serve_the_client() -> None:
    text = as_text(judged(SESSION[:-2]))
    rows = {line.split()[1]: line for line in text.splitlines() if line[:2].strip().isdigit()}
    assert " no " in rows["none"]
    assert " no " in rows["narrow"]
    assert " yes " in rows["wide"]
    assert "yes, with marked parts" in rows["old"]
    assert max(map(len, as_text(judged(), 72).splitlines())) <= 72
    cells = as_data(judged())["commands"]["frob"]["catalogs"]
    assert cells["narrow"]["standing"] == "argument-unknown"
    assert cells["wide"] == {"standing": "works"}


def test_there_is_an_end_to_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "MOST_ROWS", 3)
    sent = [("->", b'{"execute":"c%d"}' % number) for number in range(9)]
    found = Judges({"none": catalog("none")}).matrix({"t": talk(*OPENING, *sent)})
    assert list(found.commands) == ["qmp_capabilities", "c0", "c1", matrix.OTHERS]
    assert found.commands[matrix.OTHERS].calls == 7
    cause = found.commands[matrix.OTHERS].cells["none"][1]
    assert cause is not None
    assert cause.subject == "c2"


def test_what_the_recorded_server_carried_out_is_named_before_what_it_refused() -> None:
    items = talk(
        *OPENING,
        ("->", b'{"execute":"refused"}'),
        ("<-", b'{"error": {"class": "CommandNotFound", "desc": "no"}}\r\n'),
        ("->", b'{"execute":"frob","arguments":{"b":2}}'),
        ("<-", b'{"return": {}}\r\n'),
    )
    found = judged(items)
    for name, subject in (("narrow", "frob"), ("none", "frob"), ("wide", "refused")):
        cause = found.cause(name)
        assert found.standing(name) is Standing.COMMAND_UNKNOWN
        assert cause is not None
        assert cause.subject == subject
