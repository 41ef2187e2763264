"""TOML that users write: one reader for all of it, whose errors name file and line.

Pure.  Python's parser does the work; what it refuses only by running out of stack or digits is an
error of the file like any other.
"""

from __future__ import annotations

import bisect
import json
import re
import tomllib
from typing import Any

from qmpconf.errors import InputError

#: Tables within tables, and arrays within arrays; no list of ours has more than five.
_DEEPEST = 50

_PLACE = re.compile(r" \(at line (\d+), (column \d+)\)$")
_END = " (at end of document)"


def parse_toml(text: str, where: str, what: str = "TOML") -> dict[str, Any]:
    """The table that `text` is.

    Raises InputError, which names the file `where`, the line, and `what` the file should be ("a
    baseline"): for what is not TOML, and for a number or a nesting that nobody needs.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words, line = str(error), text.count("\n") + 1
        if place := _PLACE.search(words):
            words, line = f"{words[: place.start()]} ({place[2]})", int(place[1])
        raise _refused(where, line, what, words.removesuffix(_END)) from None
    except ValueError:
        raise _refused(where, _line_of(text, ValueError), what, "a number is too long") from None
    except RecursionError:
        line = _line_of(text, RecursionError)
        raise _refused(where, line, what, "the values are nested too deeply") from None
    if _depth(found) > _DEEPEST:
        raise _refused(where, 1, what, f"the tables are nested deeper than {_DEEPEST}")
    return found


def toml_string(text: str) -> str:
    """`text` as a basic string of TOML, on one line; half a surrogate pair stands as its escape."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007F")


def _refused(where: str, line: int, what: str, words: str) -> InputError:
    return InputError(f"{where}:{line}: is not {what}: {words}")


def _line_of(text: str, kind: type[Exception]) -> int:
    """The line with which an error of that kind begins."""
    lines = text.split("\n")

    def fails(number: int) -> bool:
        try:
            tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            return False  # the rest of a value is missing
        except kind:
            return True
        return False

    return bisect.bisect_left(range(len(lines)), True, key=fails)


def _depth(value: Any) -> int:
    """How deep containers lie in each other, as far as it matters."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        depth += 1
    return depth
