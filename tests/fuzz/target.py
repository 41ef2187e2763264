"""One file that one verb reads, and how the verb is called with it: a row of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: Peers that a target needs: a monitor that answers, one that says what the input holds, and
#: clients of what the verb serves; and who writes the input while the verb reads it.
MONITOR, LIAR, CLIENT, TALKER = "monitor", "liar", "client", "talker"
WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Target:
    """One file that one verb reads.

    `reads` names the verb and the argument, as `inputs` does.  In `call` and `options` (groups, of
    which some are added) stand ``{in}`` for the input, ``{out}`` for an output, ``{sock}`` for the
    peer's socket, and names of fixed files.  `kind` is that of the input, `out` that of the output.
    """

    reads: str
    kind: str
    call: str
    options: tuple[str, ...] = ()
    out: str = ""
    peer: str = ""
    named: str = ""

    @property
    def verb(self) -> str:
        """The verb, with its sub-verb."""
        return self.reads.rpartition(" ")[0]

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.reads}~{self.named or self.kind}"

    def words(self, rng: Random) -> list[str]:
        """A command line, with some of the options."""
        chosen = rng.sample(self.options, min(len(self.options), rng.choice((0, 1, 1, 2, 3))))
        return [*self.call.split(), *(word for group in chosen for word in group.split(" "))]


VIEWS = tuple(f"--format {one}" for one in ("markdown", "html", "junit", "sarif", "github", "json"))
SCHEMAS = ("--schema none", "--schema {catalog}", "--schema {reply}", "--schema qemu-7.2.22-doc")
REPLAY = "--timeout 0.5 --event-timeout 0.1"
COMPARE = (
    "--compare exact",
    "--compare shape",
    "--compare outcome",
    "--masks {masks}",
    "--baseline {known}",
)
