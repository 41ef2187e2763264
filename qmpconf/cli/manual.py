"""Manual pages, as the macros of man(7) have them, made from the parsers: no text stands twice.

A page has the parser's usage, description and options.  What stands below the options in ``--help`` is
taken apart at its headings (`examples:`, `exit codes:`); its columns are kept as they are.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping

from qmpconf.cli.main import VERBS, Parser, parser_of, top_parser
from qmpconf.version import __version__

#: Columns of the usage.
_WIDTH = 78

#: Headings in the help's last part, the sections that they become, and for what they hold (``with TRACE``).
_SECTIONS = {"examples": "EXAMPLES", "exit codes": "EXIT STATUS"}
_HEADING = re.compile(r"^(examples|exit codes)([^:\n]*:) ?\n?", re.MULTILINE)


def pages() -> dict[str, str]:
    """The pages by the names of their files: ``qmpconf.1``, one for each verb and sub-verb."""
    found = {"qmpconf": (top_parser(), "recorder and conformance suite for QMP")}
    for verb, (_, text) in VERBS.items():
        parser = parser_of(verb)
        found[f"qmpconf-{verb}"] = parser, text
        for name, sub in parser.subverbs().items():
            said = (sub.description or name).rstrip(".")
            found[f"qmpconf-{verb}-{name}"] = sub, said[:1].lower() + said[1:]
    names = list(found)
    return {
        f"{name}.1": "".join(f"{line}\n" for line in _page(name, parser, text, names))
        for name, (parser, text) in found.items()
    }


def _page(name: str, parser: Parser, text: str, names: list[str]) -> Iterator[str]:
    yield f'.TH {escaped(name).upper()} 1 "" "qmpconf {escaped(__version__)}" "qmpconf"'
    yield ".SH NAME"
    yield f"{escaped(name)} \\- {escaped(text)}"
    yield ".SH SYNOPSIS"
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    formatter.add_usage(
        parser.usage,
        parser._actions,  # noqa: SLF001 - argparse has no other way to list them
        parser._mutually_exclusive_groups,  # noqa: SLF001 - likewise
        prefix="",
    )
    yield from _as_it_is(formatter.format_help().rstrip("\n").split("\n"))
    yield ".SH DESCRIPTION"
    yield escaped(parser.description or "")
    before, sections = _parts(parser.epilog or "")
    yield from _paragraphs(before)
    subverbs = parser.subverbs()
    if subverbs:
        yield ".SH SUB-VERBS"
        for word, sub in subverbs.items():
            yield from (".TP", f".B {escaped(word)}", escaped(sub.description or ""))
    yield from _options(parser, formatter)
    for title, body in sections.items():
        yield f".SH {title}"
        yield from _paragraphs(body)
    yield from (".SH SEE ALSO", ".nh")
    others = [one for one in names if one != name and _is_near(name, one)]
    yield ",\n".join(f".BR {escaped(one)} (1)" for one in others)


def _is_near(name: str, other: str) -> bool:
    """Whether one page shall name the other: its parent, or one of its own."""
    return other.rpartition("-")[0] == name or name.startswith(f"{other}-") or name == "qmpconf"


def _options(parser: Parser, formatter: argparse.HelpFormatter) -> Iterator[str]:
    for group in parser._action_groups:  # noqa: SLF001 - argparse has no other way to list them
        shown = [
            action
            for action in group._group_actions  # noqa: SLF001 - likewise
            if action.help != argparse.SUPPRESS
            and not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - likewise
        ]
        if not shown:
            continue
        yield f".SH {escaped((group.title or 'options').upper())}"
        for action in shown:
            yield ".TP"
            yield f".B {escaped(formatter._format_action_invocation(action))}"  # noqa: SLF001 - likewise
            if action.help:
                yield escaped(formatter._expand_help(action))  # noqa: SLF001 - likewise


def _parts(epilog: str) -> tuple[str, Mapping[str, str]]:
    """What stands before the first heading, and the sections behind it by their titles."""
    before, *rest = _HEADING.split(epilog)
    sections = {}
    for heading, whose, body in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        whose = whose.strip().removesuffix(":")  # noqa: PLW2901
        sections[_SECTIONS[heading]] = f"{whose[0].upper()}{whose[1:]}: {body}" if whose else body
    return before, sections


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs; lines that are indented, and what stands between them, keep their columns."""
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        lines = paragraph.split("\n")
        if any(line.startswith(" ") for line in lines):
            yield ".PP"
            yield from _as_it_is(lines)
        elif paragraph:
            yield ".PP"
            yield from map(escaped, lines)


def _as_it_is(lines: list[str]) -> Iterator[str]:
    yield ".nf"
    yield from map(escaped, lines)
    yield ".fi"


#: What troff would take for a request or an escape, or would make a nicer character of.
_ESCAPES = str.maketrans(
    {
        "\\": "\\e",
        "-": "\\-",
        "'": "\\[aq]",
        "`": "\\[ga]",
        "^": "\\[ha]",
        "~": "\\[ti]",
        "\n": " ",
    }
)


def escaped(text: str) -> str:
    """Text for troff, which it shows as it is."""
    text = text.translate(_ESCAPES)
    text = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
    return f"\\&{text}" if text.startswith(".") else text
