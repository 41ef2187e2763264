"""Saved web pages: what their reader sees."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.trace.convert.converting import convert
from qmpconf.trace.convert.webpage import is_page, text_of
from qmpconf.trace.reader import TraceReader
from qmpconf.trace.records import Traffic

COMMAND = '{"execute": "x-a<q>&c", "id": "\u00e9"}'
ANSWER = '{"return": {"a": "1 < 2"}}'
PAGE = """<?xml version="1.0"?>
<!-- saved -->
<!DOCTYPE html>
<html><head><style>pre > {"return": 1}</style>
<script type="application/json">{"execute": "of-the-script"}</script></head>
<body><p>It says:<br>%s</p><pre
 class="log"><span class="l">%s</span></pre>
<!-- {"return": "commented out"} --></body></html>
"""


def marked(text: str) -> str:
    """Each name in a tag of its own, as whoever highlights a message does."""
    return (
        html.escape(text)
        .replace("&quot;e", '<b title="1">&quot;</b><i>e')
        .replace("te&", "te</i>&")
    )


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_message_is_read_through_its_markup(size: int) -> None:
    page = (PAGE % (marked(COMMAND), html.escape(ANSWER))).encode()
    assert is_page(page)
    pieces = [page[at : at + size] for at in range(0, len(page), size)]
    shown = b"".join(text_of(pieces)).decode()
    assert COMMAND in shown.split("\n")
    assert ANSWER in shown.split("\n")
    assert "script" not in shown
    assert "commented" not in shown


def test_a_page_is_a_transcript_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "bug.html").write_text(PAGE % (marked(COMMAND), marked(ANSWER)))
    done = convert(str(tmp_path / "bug.html"), str(tmp_path / "t.qmptrace"))
    records = TraceReader(str(tmp_path / "t.qmptrace")).records()
    assert [one.data.decode().strip() for one in records if isinstance(one, Traffic)] == [
        COMMAND,
        ANSWER,
    ]
    assert done.notes.misses == 0
    assert any("web page" in text for _, _, text in done.notes.told())


@pytest.mark.parametrize("text", [b'-> {"execute": "x"}', b"<htmlish>", b"", b"a <html>"])
def test_other_texts_stay_as_they_are(text: bytes) -> None:
    assert not is_page(text)


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "<b", "<script>", "</script>", "<!--", "-->", "&", "&lt;", "a\n"]
        )
    ),
    st.integers(1, 9),
)
def test_the_pieces_in_which_a_page_comes_do_not_count(parts: list[str], size: int) -> None:
    page = "".join(parts).encode()
    pieces = [page[at : at + size] for at in range(0, len(page), size)]
    assert b"".join(text_of(pieces)) == b"".join(text_of([page]))


@pytest.mark.parametrize("part", [b"<a", b"<script", b"<!--", b"&", b"<br>", b"</script "])
def test_megabytes_of_half_a_tag_take_no_longer(part: bytes) -> None:
    page = part * (1 << 18)
    pieces = (page[at : at + 65536] for at in range(0, len(page), 65536))
    assert sum(map(len, text_of(pieces))) <= len(page)
