"""Secrets on the command lines of programs: the server's and the client's, which a trace's header keeps.

A line is for a shell, or is the list of a program's words.  A word is an option with its value, JSON,
or a script with such words in it; an option whose name announces a secret hides the word behind it.
What a program takes for a secret without saying so (``client.py hunter2``) is not known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qmpconf.trace.redaction.content import hide_string
from qmpconf.trace.redaction.names import REPLACEMENT, SWITCHES, is_secret
from qmpconf.trace.redaction.values import Values

#: A shell's word: parts in quotes or without, with nothing between.
_WORD = re.compile(
    r"(?:[^\s\"'\\]|\\.|\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'[^']*+(?:'|\Z)|\\\Z)++", re.DOTALL
)
_IN_QUOTES = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'[^']*+'", re.DOTALL)
#: Options whose value is a user's name with the password behind a colon.
_LOGINS = frozenset({"-u", "--user", "-U", "--proxy-user"})
#: Programs that take a password with -p.
_TAKES_P = re.compile(r"(?:.*/)?(?:sshpass|mysql\w*|mariadb\w*|smbclient|ldap\w+)")
#: Commands of monitors in a script: what stands behind one on its line may be a secret.
_COMMANDS = re.compile(
    r"\b((?:set|block|expire|change)[_-](?:vnc[_-])?passw(?:or)?d|change\s+vnc|object_add|qom-set|"
    r"guest-set-user-password)\b(?!\")([^\n|\\]*)"
)
#: A longer line is replaced as a whole, and scripts in scripts are looked into so deep.
_LONGEST, _DEEPEST = 1 << 16, 4


def hide_command_line(line: str, values: Values) -> str:
    """A shell's command line without its secrets; `values` counts them."""
    return _line(line, values, 0)


def hide_words(words: Sequence[str], values: Values) -> list[str]:
    """A program's words without their secrets; `values` counts them."""
    return _hidden(words, values, 0)


def _line(line: str, values: Values, level: int) -> str:
    if len(line) > _LONGEST:
        values.add(line)
        return REPLACEMENT
    found = list(_WORD.finditer(line))
    raw = [one.group() for one in found]
    bare = [text[1:-1] if _IN_QUOTES.fullmatch(text) else text for text in raw]
    pieces: list[str] = []
    done = 0
    for one, before, after in zip(found, bare, _hidden(bare, values, level), strict=True):
        if after != before:
            quote = one.group()[0] if len(before) < len(one.group()) else ""
            pieces += (line[done : one.start()], quote + after + quote)
            done = one.end()
    return "".join((*pieces, line[done:]))


def _hidden(words: Sequence[str], values: Values, level: int) -> list[str]:
    new: list[str] = []
    before, takes_p = "", False
    for word in words:
        announced = before.startswith("-") and "=" not in before and is_secret(before.lstrip("-"))
        user, colon, secret = word.partition(":")
        if (announced or (takes_p and before == "-p")) and word.lower() not in SWITCHES:
            values.add(word, word.strip("\"'"))
            new.append(REPLACEMENT)
        elif takes_p and word.startswith("-p") and len(word) > 2:
            values.add(word[2:])
            new.append(f"-p{REPLACEMENT}")
        elif before in _LOGINS and colon and secret:
            values.add(secret, secret.strip("\"'"))
            new.append(f"{user}:{REPLACEMENT}")
        else:
            names = _names_behind(before)
            new.append(_word(word, values, names, level))
        takes_p = takes_p or _TAKES_P.fullmatch(word) is not None
        before = word
    return new


def _word(word: str, values: Values, names: frozenset[str], level: int) -> str:
    """One word: what it shows, and what stands in it if it is a script."""

    def is_name(name: str) -> bool:
        return is_secret(name) or name.rsplit(".", 1)[-1] in names

    def behind(found: re.Match[str]) -> str:
        values.add_words(found[2])
        return f"{found[1]} {REPLACEMENT}" if found[2].strip() else found[0]

    if len(word) > _LONGEST:
        values.add(word)
        return REPLACEMENT
    if " " in word or "\n" in word or "\\n" in word:
        word = _COMMANDS.sub(behind, word)
        if level < _DEEPEST:
            word = _line(word, values, level + 1)
    return hide_string(word, values, is_name=is_name)


#: Options whose value is secret behind these names besides the usual ones.
_NAMES = frozenset({"data"})
_NAMES_OF = {"-fw_cfg": frozenset({"data", "string"})}


def _names_behind(option: str) -> frozenset[str]:
    return _NAMES_OF.get(option, _NAMES)
