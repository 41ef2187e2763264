"""A report as one HTML page that needs nothing else: no network, no other file.

What a trace holds is hostile.  Every value goes through `words.shown` and through jinja2's
autoescape; and the page's own policy lets nothing run but the one script whose digest it names, so
that even a hole in both would be no more than a blemish.  All of it can be read without the
script, which filters, searches and moves.

The same report gives the same bytes: there is no clock and no random number here.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from urllib.parse import quote_plus

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from qmpconf.findings import SEVERITIES
from qmpconf.report.results.merge import Report
from qmpconf.report.views.html import words
from qmpconf.report.views.html.card import MANY, card, cases, meanings
from qmpconf.report.views.html.findings import MOST_BODIES, MOST_DIAGRAMS, entries, facets
from qmpconf.report.views.html.headline import headline, judged, meaning
from qmpconf.report.views.html.heat import STEPS, maps
from qmpconf.report.views.html.plot import plots
from qmpconf.report.views.judged import closing, unjudged
from qmpconf.report.views.words import alarms, sides
from qmpconf.text import counted, duration, printable
from qmpconf.version import __version__

#: Rows of one table that a page shows.
MOST_ROWS = 1000


def page(report: Report) -> str:
    """The whole page."""
    found = entries(report)
    subjects = judged(report)
    style, script = _asset("style.css"), _asset("script.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            head=headline(report),
            alarms=alarms(report),
            closing=closing(report),
            lacks=unjudged(report),
            style=style,
            script=script,
            policy=(
                f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
                "base-uri 'none'; form-action 'none'"
            ),
            version=__version__,
            subjects=subjects,
            many=len(subjects) >= MANY,
            meaning=meaning,
            families=card(report),
            cases=cases(report),
            meanings=meanings(report),
            entries=found,
            facets={
                "severity": {
                    one: count
                    for one in SEVERITIES
                    if (count := sum(entry.first.severity == one for entry in found))
                },
                "blame": facets(found, lambda entry: entry.first.blame),
                "status": facets(found, lambda entry: entry.status),
                "rule": facets(found, lambda entry: entry.first.rule),
            },
            maps=maps(report),
            steps=STEPS,
            plots=plots(report),
            most_rows=MOST_ROWS,
            most_diagrams=MOST_DIAGRAMS,
            most_bodies=MOST_BODIES,
        )
    )


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader(__name__, "templates"),
        autoescape=True,
        finalize=words.shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "anchor": lambda name, prefix: words.anchor(prefix, name),
        "counted": counted,
        "cut": lambda text, most=words.MOST_WORD: words.cut(text, most),
        "duration": duration,
        "sides": lambda one: zip(("Expected", "Seen"), sides(one, words.MOST), strict=True),
        "fragment": lambda text: quote_plus(printable(text)),
    }
    return found


@cache
def _asset(name: str) -> Markup:
    """The text of a file beside this one; it is the project's own, and stands as it is."""
    return Markup(files(__name__).joinpath("templates", name).read_text("utf-8"))  # noqa: S704


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
