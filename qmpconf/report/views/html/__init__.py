"""A report as one HTML page that needs nothing else: no network, no other file.

What a trace holds is hostile.  Every value goes through `words.shown` and through jinja2's
autoescape; and the page's own policy lets nothing run but the one script whose digest it names, so
that even a hole in both would be no more than a blemish.  All of it can be read without the
script, which filters, searches and moves.

The same report gives the same bytes: there is no clock and no random number here.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote_plus

from jinja2 import Environment

from qmpconf.findings import SEVERITIES
from qmpconf.report import one_page
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
    style, script = one_page.style(__name__), one_page.asset(__name__, "script.js")
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
            policy=one_page.policy(style, script),
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
    found = one_page.environment(__name__, words.shown)
    found.filters |= {
        "anchor": lambda name, prefix: words.anchor(prefix, name),
        "counted": counted,
        "cut": lambda text, most=words.MOST_WORD: words.cut(text, most),
        "duration": duration,
        "sides": lambda one: zip(("Expected", "Seen"), sides(one, words.MOST), strict=True),
        "fragment": lambda text: quote_plus(printable(text)),
    }
    return found
