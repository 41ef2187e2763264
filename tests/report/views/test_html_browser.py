"""The HTML view in a real browser: it loads, filters, moves by keys, fits, prints, and stays tame."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpconf.report.results.merge import Report, merged
from qmpconf.report.views.html import page
from tests.report.views.browser import Browser
from tests.report.views.pages import (
    ATTACKS,
    alike,
    filled,
    large,
    ordinary,
    recorded,
    report,
    servers,
)

ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"

#: Finding 1 of the ordinary report.
SECOND = "f-0000000000000001"

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"

#: Texts whose contrast with what is behind them is below WCAG's AA.
CONTRAST = """
const parts = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b]
  .map((one) => one / 255)
  .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
  .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
const behind = (one) => {
  for (; one; one = one.parentElement) {
    const colour = parts(getComputedStyle(one).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
    if (colour[3] !== 0) return null;
  }
  return null;
};
const bad = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const one = node.parentElement;
  if (!node.data.trim() || !one.checkVisibility() || one.closest("script, style, .off, option")) {
    continue;
  }
  const style = getComputedStyle(one);
  const front = parts(one.closest("svg") ? style.fill : style.color);
  const back = behind(one);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
  const contrast = (high + 0.05) / (low + 0.05);
  if (contrast < (large ? 3 : 4.5)) {
    bad.add(`${contrast.toFixed(2)} ${one.tagName}.${one.className} in ` +
      `${one.parentElement.className}: ${node.data.trim().slice(0, 30)}`);
  }
}
return [...bad];
"""


#: Follow a link of the bar: its address, whether it stands in the window, and whether the heading
#: that it leads to is below the bar and above the end of the window.
LINK = """
const link = document.querySelectorAll('nav a')[arguments[0]];
const own = link.getBoundingClientRect();
const inside = own.left >= 0 && own.right <= innerWidth && own.top >= 0 && own.bottom <= innerHeight;
link.click();
const heading = document.querySelector(link.hash).querySelector('h1, h2').getBoundingClientRect();
const bar = document.querySelector('.bar').getBoundingClientRect();
return [link.hash, inside, heading.top >= bar.bottom, heading.bottom <= innerHeight];
"""


#: Close the entry that is open, and say what the address is once the page has noticed.
CLOSE = """
const fold = document.querySelector('.finding > details[open]');
return new Promise((done) => {
  fold.addEventListener('toggle', () => done(location.hash), {once: true});
  fold.querySelector('summary').click();
});
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on disk, by name."""
    attacks = itertools.cycle(ATTACKS)
    found: dict[str, Report] = {
        "ordinary": ordinary(),
        "hostile": filled(lambda: next(attacks)),
        "servers": servers(20),
        "few": servers(3),
        "large": large(2000),
        "real": recorded(),
        "alike": report(*alike(12)),
        "empty": merged([]),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, one in found.items():
        (folder / f"{name}.html").write_bytes(page(one).encode())
    return {name: folder / f"{name}.html" for name in found}


def shown(browser: Browser) -> list[str]:
    """The ids of the findings that are not filtered away."""
    return browser.run(
        "return [...document.querySelectorAll('.finding:not([hidden]) .body')].map((one) => one.id)"
    )


def opened(browser: Browser) -> list[str]:
    """The ids of the findings that are open."""
    return browser.run(
        "return [...document.querySelectorAll('.finding > details[open] > .body')]"
        ".map((one) => one.id)"
    )


def focused(browser: Browser) -> str:
    """The id of the finding that has the focus, or the focused element's own."""
    return browser.run(
        "const one = document.activeElement; const finding = one.closest('.finding');"
        "return finding ? finding.querySelector('.body').id : one.id"
    )


def hash_of(browser: Browser) -> str:
    return browser.run("return location.hash")


@pytest.mark.parametrize("name", ["ordinary", "hostile", "servers", "few", "large", "empty"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_loads_without_errors_and_fits(
    chromium: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    chromium.open(pages[name], width=width)
    assert chromium.texts("h1")
    if name != "large":
        chromium.run(OPEN_ALL)
    assert chromium.overflow <= 0
    assert chromium.faults == []
    assert chromium.loaded == []


@pytest.mark.parametrize("name", ["ordinary", "real", "servers"])
def test_on_a_phone_each_link_of_the_bar_is_seen_and_leads_to_its_section(
    chromium: Browser, pages: dict[str, Path], name: str
) -> None:
    chromium.open(pages[name], width=390, height=844)
    assert chromium.run("return document.scrollingElement.scrollWidth <= innerWidth")
    count = chromium.run("return document.querySelectorAll('nav a').length")
    assert count >= 3
    for number in range(count):
        hash_, inside, below, above = chromium.run(LINK, number)
        assert inside, f"{hash_} stands outside of the window"
        assert below, f"the heading of {hash_} is behind the bar"
        assert above, f"the heading of {hash_} is below the window"
    assert chromium.run("return document.scrollingElement.scrollWidth <= innerWidth")


def test_coverage_that_was_never_used_is_folded(chromium: Browser, pages: dict[str, Path]) -> None:
    for width in (390, 1280):
        chromium.open(pages["real"], width=width)
        folds = chromium.texts(".unused > summary")
        assert folds
        assert all(" of " in one for one in folds)
        assert chromium.texts(".unused .words code") == []


def test_a_link_to_a_note_among_others_opens_their_entry(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    first, *_, last = (f"f-{one.fingerprint}" for one in alike(12))
    chromium.open(pages["alike"], f"#{last}")
    assert opened(chromium) == [first]
    assert hash_of(chromium) == f"#{last}"
    assert chromium.run(CLOSE) == ""


def test_hostile_strings_run_nothing(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["hostile"])
    chromium.run(OPEN_ALL)
    chromium.run(
        "for (const one of document.querySelectorAll('a, button, summary, input, label'))"
        " one.click()"
    )
    assert chromium.run("return window.pwned") is None
    counts = chromium.run(
        "return ['script', 'style', 'img', 'iframe', 'svg svg', 'object', 'base']"
        ".map((one) => document.querySelectorAll(one).length)"
    )
    assert counts == [1, 1, 0, 0, 0, 0, 0]
    text = chromium.run("return document.body.textContent")
    for attack in ("<script>window.pwned=1</script>", '"><img src=x onerror', "\\u202Emirrored"):
        assert attack in text
    assert not set("\u202e\u2066\u200b\x00\x07\x1b\u2028\ufffd") & set(text)
    assert chromium.faults == []


def test_the_policy_would_stop_what_got_through(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"])
    chromium.run(
        "document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src=x onerror="window.pwned=1"><b style="color:red">x</b>\');'
        "const one = document.createElement('script');"
        "one.textContent = 'window.pwned=1'; document.body.append(one)"
    )
    assert chromium.run("return window.pwned") is None
    refused = " ".join(chromium.faults)
    for directive in ("img-src", "script-src-elem", "style-src-attr"):
        assert directive in refused


# Filters, search and links


def test_the_search_narrows_the_list_and_escape_shows_all(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["ordinary"])
    assert len(shown(chromium)) == 5
    chromium.keys("/")
    assert focused(chromium) == "q"
    chromium.keys("CR no")
    assert shown(chromium) == [SECOND]
    assert chromium.texts("#shown") == ["1 of 5 shown"]
    assert hash_of(chromium) == "#q=CR+no"
    chromium.keys("thing of the sort")
    assert shown(chromium) == []
    assert chromium.texts("#nothing")
    chromium.keys(ESCAPE)
    assert len(shown(chromium)) == 5
    assert hash_of(chromium) == ""
    assert chromium.faults == []


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("severity", "error", 3),
        ("severity", "note", 1),
        ("blame", "server", 1),
        ("status", "known", 1),
    ],
)
def test_chips_filter(
    chromium: Browser, pages: dict[str, Path], name: str, value: str, count: int
) -> None:
    chromium.open(pages["ordinary"])
    chromium.run(
        "document.querySelector(`[name='${arguments[0]}'][value='${arguments[1]}']`).click()",
        name,
        value,
    )
    assert len(shown(chromium)) == count
    assert hash_of(chromium) == f"#{name}={value}"


def test_two_chips_of_one_kind_show_both_and_kinds_narrow_each_other(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["ordinary"], "#severity=error,warning&status=new")
    assert len(shown(chromium)) == 3


def test_rule_and_subject_filter(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"], "#rule=framing.crlf")
    assert shown(chromium) == [SECOND]
    chromium.open(pages["servers"], "#subject=2")
    assert shown(chromium) == []
    chromium.open(pages["servers"], "#subject=1")
    assert len(shown(chromium)) == 1


def test_a_broken_requirement_leads_to_its_findings(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["ordinary"])
    chromium.run("document.querySelector('#r-framing\\\\.crlf .filtering').click()")
    assert shown(chromium) == [SECOND]


def test_a_link_to_a_finding_opens_it(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"], f"#{SECOND}")
    assert opened(chromium) == [SECOND]
    top = chromium.run(
        "return document.getElementById(arguments[0]).closest('.finding')"
        ".getBoundingClientRect().top",
        SECOND,
    )
    assert 0 <= top < 900
    assert hash_of(chromium) == f"#{SECOND}"
    chromium.keys("j")
    assert focused(chromium) == "f-0000000000000002"


def test_a_shared_link_shows_what_its_sender_saw(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"], "#severity=error")
    chromium.run("document.querySelectorAll('.finding > details > summary')[1].click()")
    # The browser reports an opened element a moment later.
    chromium.driver.execute_async_script("setTimeout(arguments[0], 50)")
    link = hash_of(chromium)
    assert link == f"#severity=error&at={SECOND}"
    chromium.open(pages["ordinary"], link)
    assert len(shown(chromium)) == 3
    assert opened(chromium) == [SECOND]


@pytest.mark.parametrize(
    "fragment", ["#f-none", "#%E0%A4%A", "#=&=&%", "#q=%00<b>&severity=,,&at=top", "#severity"]
)
def test_a_broken_link_breaks_nothing(
    chromium: Browser, pages: dict[str, Path], fragment: str
) -> None:
    chromium.open(pages["ordinary"], fragment)
    assert chromium.texts("h1")
    assert chromium.faults == []


# Keys


def test_keys_move_open_and_close(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"])
    chromium.keys("j")
    assert focused(chromium) == "f-0000000000000000"
    chromium.keys("jj")
    assert focused(chromium) == "f-0000000000000002"
    chromium.keys("k")
    assert focused(chromium) == SECOND
    chromium.keys(ENTER)
    assert opened(chromium) == [SECOND]
    chromium.keys(ENTER)
    assert opened(chromium) == []
    chromium.keys("kkkk")
    assert focused(chromium) == "f-0000000000000000"


def test_keys_skip_what_is_filtered_and_type_in_the_search(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["ordinary"], "#severity=note")
    chromium.keys("j")
    assert focused(chromium) == "f-0000000000000003"
    chromium.keys("/jk/")
    assert chromium.run("return document.getElementById('q').value") == "jk/"


def test_the_first_tab_is_a_way_past_the_bar_and_focus_is_seen(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["ordinary"])
    chromium.keys(TAB)
    assert chromium.texts(":focus") == ["Skip to the report"]
    chromium.keys(ENTER)
    assert focused(chromium) == "main"
    for _ in range(12):
        chromium.keys(TAB)
        style = chromium.run(
            "const one = document.activeElement;"
            "const chip = one.closest('.chip') ? one.nextElementSibling : one;"
            "const style = getComputedStyle(chip); return style.outlineStyle"
        )
        assert style != "none"


def test_a_message_shows_its_text(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"], "#f-0000000000000000")
    assert chromium.texts(".here pre") == []
    chromium.run("document.querySelector('.here summary').click()")
    assert chromium.texts(".here pre") == ['{"line": 5}']


# Colours, print, no script, size


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ordinary", "servers", "few"])
def test_texts_can_be_told_from_what_is_behind_them(
    chromium: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    chromium.open(pages[name], scheme=scheme)
    chromium.run(OPEN_ALL)
    assert chromium.run(CONTRAST) == []


def test_the_button_switches_the_colours(chromium: Browser, pages: dict[str, Path]) -> None:
    back = "return getComputedStyle(document.body).backgroundColor"
    for scheme, other in (("light", "dark"), ("dark", "light")):
        chromium.open(pages["ordinary"], scheme=other)
        wanted = chromium.run(back)
        chromium.open(pages["ordinary"], scheme=scheme)
        before = chromium.run(back)
        assert before != wanted
        chromium.run("document.getElementById('theme').click()")
        assert chromium.run(back) == wanted
        chromium.run("document.getElementById('theme').click()")
        assert chromium.run(back) == before


def test_print_shows_the_findings_and_no_filter(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["ordinary"], scheme="dark")
    assert chromium.texts("#filter")
    chromium.medium("print", "dark")
    assert chromium.texts("#filter, .bar, .filtering") == []
    heights = chromium.run(
        "return [...document.querySelectorAll('.finding .body')]"
        ".map((one) => one.getBoundingClientRect().height)"
    )
    assert len(heights) == 5
    assert min(heights) > 100
    assert chromium.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_without_its_script_everything_can_be_read(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(pages["ordinary"], f"#{SECOND}")
        assert len(shown(chromium)) == 5
        assert opened(chromium) == [SECOND]
        assert chromium.texts("#filter, #theme, #keys, .filtering") == []
    finally:
        chromium.devtools("Emulation.setScriptExecutionDisabled", value=False)


def test_thousands_of_findings_are_searched(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["large"], "#severity=note")
    assert len(shown(chromium)) == 666
    chromium.keys("/m1999'")
    assert shown(chromium) == []
    chromium.open(pages["large"], "#q=m1999'")
    assert shown(chromium) == [f"f-{1999:016x}"]
    assert chromium.faults == []


@pytest.mark.parametrize("width", [390, 1280])
def test_twenty_servers_are_a_table_or_cards(
    chromium: Browser, pages: dict[str, Path], width: int
) -> None:
    chromium.open(pages["servers"], width=width)
    rows = chromium.run(
        "return getComputedStyle(document.querySelector('table.card tbody tr:last-child')).display"
    )
    assert rows == ("table-row" if width == 1280 else "block")
    signs = chromium.texts("#r-family1\\.rule-7 td i")
    assert signs.count("✗") == 7
    if width == 390:
        assert "with all 20" in " ".join(chromium.texts("span.same"))


def test_only_what_is_broken(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["servers"])
    rows = "#card tbody tr:not(.family)"
    assert len(chromium.texts(rows)) == 30
    chromium.run("document.getElementById('only-card').click()")
    assert len(chromium.texts(rows)) == 1
