"""The language of filters, on one page for people: what ``qmpconf help filter`` prints."""

from __future__ import annotations

from collections.abc import Iterator

from qmpconf.report.tables import fitted
from qmpconf.trace.filter.fields import FIELDS, Field, Scope
from qmpconf.trace.filter.literals import SIZES, TIMES

_BEGIN = """\
A filter says which messages are meant. It compares fields with values, and puts such tests
together with and, or, not and parentheses:

  command ~ block* and took > 50ms and not error
  (event in (STOP, RESUME) or command in (stop, cont)) and session = 2
  arguments/device = disk0 or return/**/node-name ~ "#block*"
  command and not answered

A call is a command and its response. What the call says holds for both of them alike, so that
they are selected together: 'error' selects the failed commands with their errors, and 'kind = error'
the errors alone. An event stands for itself."""

_TITLES: dict[Scope, str] = {
    "call": "of a call",
    "message": "of the message itself",
    "session": "of its session",
}

_TYPES = {
    "text": "= != ~ ~~ in",
    "word": "= != in",
    "number": "= != < <= > >= in",
    "duration": "= != < <= > >= in, with a unit",
    "size": "= != < <= > >= in, with a unit or in bytes",
    "yes": "stands alone",
    "json": "= != ~ ~~ < <= > >= in",
}

_END = f"""\
operators
  =  !=        the same, another one
  ~            a text matches a pattern with *, ? and [a-z]; all of the text counts
  ~~, matches  a regular expression is found in a text
  <  <=  >  >= of numbers, times and sizes
  in           one of a list: line in (3..9, 20..), error not in (GenericError, CommandNotFound)
  alone        there is one: 'error', 'event', 'arguments/device', 'fds'

  A comparison with what a message does not have is false, with != as well: 'command != cont'
  selects the calls of other commands, and 'not command = cont' events and the rest, too.

values
  times: {", ".join(TIMES)}; sizes: {", ".join(SIZES)}.
  A value with spaces, commas, parentheses, quotes or operators stands in quotes, "..." or '...', in
  which \\" \\' and \\\\ stand for a quote and a backslash, and any other backslash for itself.

paths
  arguments/..., return/... and data/... lead to a value: members, and numbers of list elements from
  0. The step * is any member or element, ** any number of steps. A path with them holds where
  one of its values does. A value without quotes is JSON's true, false, null, a number (sizes have
  units), or else a text; in quotes it is a text."""


def page(width: int) -> Iterator[str]:
    """The page in paragraphs, its tables in `width` columns as far as their words allow."""
    yield _BEGIN
    for scope, title in _TITLES.items():
        rows = [
            (one.name, one.means + _words(one), _TYPES[one.type])
            for one in FIELDS.values()
            if one.scope == scope
        ]
        yield fitted(rows, (title, "what it is", "compared with"), width)
    yield _END


def _words(one: Field) -> str:
    return f": {', '.join(one.words)}" if one.words else ""
