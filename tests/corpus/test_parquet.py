"""Traces as Parquet, and the queries of the page."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from pathlib import Path

import pytest

from qmpconf.cli.main import main
from qmpconf.trace.convert import parquet as ours
from tests.usual import share

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

TRACES = sorted(Path("traces").glob("*.qmptrace.gz"))
PAGE = Path("qmpconf/corpus/README.md")


@pytest.mark.parametrize("path", share(TRACES, 5), ids=lambda path: path.name)
def test_there_and_back_are_the_same_bytes(path: Path, tmp_path: Path) -> None:
    there, back = str(tmp_path / "a.parquet"), tmp_path / "b.qmptrace"
    assert main(["convert", "--no-redact", str(path), there]) == 0
    assert main(["convert", "--no-redact", there, str(back)]) == 0
    assert back.read_bytes() == gzip.decompress(path.read_bytes())


#: Two sessions at once, a gap, noise in pieces, descriptors, what was redacted, no end.
_STRANGE = """\
{"qmptrace":1,"started":"2026-11-20T23:59:59.000000Z","recorder":"x","meta":{"a":[1]}}
{"t":0.000000,"conn":1,"open":{"client":"unix:a","server":"unix:b"}}
{"t":0.000000,"conn":2,"open":{"client":"","server":"unix:b"}}
{"t":0.000001,"conn":1,"from":"server","raw":"{\\"ret"}
{"t":0.000002,"conn":2,"from":"client","end":"","fds":[{"kind":"file","access":"rw"}],"redacted":["/arguments/p"],"msg":{"execute":"a","arguments":{"p":"x"},"id":"\\u00e9"}}
{"t":0.500000,"conn":1,"from":"server","raw":"urn\\":{}}\\r\\n"}
{"t":0.600000,"conn":1,"from":"server","gap":7}
{"t":0.600000,"conn":1,"from":"client","b64":"/w=="}
{"t":0.700000,"conn":2,"from":"server","msg":{"error":{"class":"GenericError","desc":"no"},"id":"\\u00e9"}}
{"t":2.000000,"conn":2,"shut":"client"}
{"t":3.000000,"conn":1,"close":"server","error":"reset"}
"""


def test_what_is_strange_stays_and_says_what_it_is(tmp_path: Path) -> None:
    there = tmp_path / os.fsdecode(b"s\xff.parquet")  # as Linux takes it
    trace, back = tmp_path / "s.qmptrace", tmp_path / "t.qmptrace"
    trace.write_text(_STRANGE)
    assert main(["convert", "--no-redact", str(trace), str(there)]) == 0
    assert main(["convert", "--no-redact", str(there), str(back)]) == 0
    assert back.read_text() == _STRANGE
    import pyarrow.parquet  # noqa: PLC0415 - not everybody has it

    with there.open("rb") as file:
        rows = pyarrow.parquet.read_table(file).to_pylist()
    assert [row["line"] for row in rows] == list(range(2, 12))
    assert {row["trace"] for row in rows} == {"s.qmptrace"}
    refused = next(row for row in rows if row["kind"] == "error")
    assert (refused["command"], refused["error"], refused["text"]) == ("a", "GenericError", "no")
    assert (refused["session"], refused["latency"]) == (2, 0.699998)
    assert str(refused["time"]) == "2026-11-20 23:59:59.700000+00:00"
    assert set(rows[0]) == set(ours.SCHEMA)


def test_secrets_are_replaced_on_the_way(tmp_path: Path) -> None:
    import pyarrow.parquet  # noqa: PLC0415 - not everybody has it

    trace, there = tmp_path / "s.qmptrace", tmp_path / "s.parquet"
    head, *_ = _STRANGE.splitlines()
    message = '{"execute":"change-vnc-password","arguments":{"password":"hunter22"}}'
    trace.write_text(f'{head}\n{{"t":0.0,"conn":1,"from":"client","msg":{message}}}\n')
    for options, is_there in ((["--force"], False), (["--force", "--no-redact"], True)):
        assert main(["convert", *options, str(trace), str(there)]) == 0
        (row,) = pyarrow.parquet.read_table(there).to_pylist()
        assert (b"hunter22" in row["raw"]) is is_there
        assert bool(row["redacted"]) is not is_there


def test_what_is_not_ours_or_of_another_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa  # noqa: PLC0415 - not everybody has it
    import pyarrow.parquet  # noqa: PLC0415

    there, other, no = (str(tmp_path / f"{name}.parquet") for name in ("a", "b", "c"))
    pyarrow.parquet.write_table(pa.table({"a": [1]}), other)
    Path(no).write_bytes(b"PAR1 and no more")
    with monkeypatch.context() as patch:
        patch.setattr(ours, "VERSION", 2)
        assert main(["convert", str(TRACES[0]), there]) == 0
    for path, said in (
        (there, "is of version 2 of qmpconf's Parquet files, and this qmpconf reads version 1"),
        (other, "was not made of a trace by qmpconf"),
        (no, "is not a Parquet file"),
    ):
        assert main(["convert", path, str(tmp_path / "out.qmptrace")]) == 3
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out.qmptrace").exists()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings as a dataset, and back."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "night").mkdir()
    for name in ("7.2.22-rich", "7.2.22-libvirtd", "5.2.0-wrong"):
        shutil.copy(f"traces/qemu-{name}.qmptrace.gz", folder / "night")
    assert main(["convert", "--to", "parquet", f"{folder}/night", f"{folder}/corpus"]) == 0
    return folder


def test_a_folder_becomes_a_dataset_by_day_and_a_folder_again(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sorted(path.relative_to(corpus).as_posix() for path in corpus.glob("corpus/*/*"))
    assert len(made) == 3
    assert all(re.fullmatch(r"corpus/day=2026-\d\d-\d\d/qemu-.*\.parquet", one) for one in made)
    assert main(["convert", f"{corpus}/corpus", f"{corpus}/again"]) == 0
    assert "3 files" in capsys.readouterr().out
    assert len(list(corpus.glob("again/*.qmptrace"))) == 3
    assert main(["convert", f"{corpus}/corpus", f"{corpus}/again"]) == 2  # they are there
    assert main(["convert", f"{corpus}/night", f"{corpus}/other"]) == 2  # as what?


def test_the_queries_of_the_page(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(corpus)
    queries = re.findall(r"```sql\n(.*?)```", _PAGE_TEXT, re.DOTALL)
    found = [duckdb.sql(query).fetchall() for query in queries]
    assert len(found) == 5
    slowest, errors, storms, unanswered, sizes = found
    assert slowest[0][3] >= slowest[-1][3] > 0
    assert {row[0] for row in errors} & {"7.2.22", "5.2.0"}
    assert all(row[4] > 5 for row in storms)
    assert [(row[0], row[2]) for row in unanswered] == [
        ("qemu-5.2.0-wrong.qmptrace.gz", "query-status")
    ]
    assert sizes[0][1] == "query-qmp-schema"


_PAGE_TEXT = PAGE.read_text()


def test_the_page_lists_the_columns() -> None:
    for name, (_, text) in ours.SCHEMA.items():
        assert f"| `{name}` | {text} |" in _PAGE_TEXT
