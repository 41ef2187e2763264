"""What compiling a document gives besides the catalog: an account of every line that mattered.

Nothing is guessed in silence (qmpconf/README.md, Catalogs): what a source does not determine is
`Undetermined`, what it contradicts is a `Finding` (`defect`), and every heading of the document
stands in `Compilation.headings` with what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmpconf.findings import Finding
from qmpconf.schema.model import Catalog


def defect(
    rule: str,
    line: int,
    subject: str,
    message: str,
    pointer: str = "",
    expected: str = "",
    seen: str = "",
    column: int = 0,
) -> Finding:
    """The finding of one place where a document is wrong, or contradicts itself.

    `rule` names the kind of defect, as ``document.example.not-json`` or
    ``document.args-type.disagrees``; `line` is 1-based in the source as given; `subject` is the
    command, event or type that it is about; `pointer` the place inside of it (a JSON pointer,
    or a member's name), empty for the whole.  `column` (1-based, 0: unknown) tells places apart
    in a document whose lines were lost.  Which file it is, nobody has said yet: `path` is empty.
    Two are equal that say the same of one subject, wherever inside of it.
    """
    return Finding(
        requirement=rule,
        level="MUST",
        severity="error",
        blame="document",
        line=line,
        pointer=pointer,
        subject=subject,
        message=message,
        expected=expected,
        seen=seen,
        column=column,
        identity=(rule, subject, message),
    )


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A place whose type the source does not tell; the catalog has ``any`` there.

    What it does tell stays: an array of ``any``, an object or enumeration that is open.
    """

    line: int
    subject: str
    pointer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the document, and what it became.

    `became` is ``command NAME``, ``event NAME``, ``type NAME``, ``prose`` (a section that
    describes nothing) or ``finding`` (it could not be understood; a finding has its line).
    """

    line: int
    text: str
    became: str


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange that a document shows, reassembled but not yet parsed.

    `direction` is ``->`` or ``<-``; `text` the JSON text as the document has it, with its lines
    joined; `line` and `last_line` where it stands; `subject` the command, event or type whose
    section holds it.  `lines` has the source's line for each line of `text` (empty: `text` is
    the source's lines from `line` on), `column` is where `text` begins in the first of them.
    `file` is where it stands, in a source of several files.
    """

    direction: str
    text: str
    line: int
    last_line: int
    subject: str
    lines: tuple[int, ...] = ()
    column: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Compilation:
    """A compiled document; `files` are all that were read, where it is more than one."""

    catalog: Catalog
    findings: tuple[Finding, ...]
    undetermined: tuple[Undetermined, ...]
    headings: tuple[Heading, ...]
    examples: tuple[Example, ...]
    files: tuple[str, ...] = ()
