"""Validators of JSON Schema 2020-12 that are not part of qmpconf, over the bundles that it exports.

Two are in Python (`qmpconf check` asks them as well, about the schema in another form), three in JavaScript
(`tests.schema.bundles.node` gets these).  Run it to make the published figures again::

    python -m tests.schema.bundles.validators -o reports/json-schema.md
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs

from qmpconf.schema.bundle import build, reference
from qmpconf.schema.model import Catalog
from qmpconf.schema.select import PRODUCTS, of_product
from qmpconf.schema.store import load_shipped, source_of
from tests.schema.bundles.messages import Message, judged_by_check, messages
from tests.schema.bundles.node import lacking, packages_folder

#: A validator's name: what it is.
NAMES: Mapping[str, str] = {
    "ajv": "ajv, strict mode (npm)",
    "hyperjump": "@hyperjump/json-schema (npm)",
    "cfworker": "@cfworker/json-schema (npm)",
    "jsonschema-rs": "jsonschema-rs (Python, Rust)",
    "jsonschema": "jsonschema (Python)",
}
#: Reads numbers as JavaScript does.
_IN_JAVASCRIPT = frozenset({"ajv", "hyperjump", "cfworker"})
_SCRIPT = Path(__file__).with_name("validators.mjs")

_HEAD = """\
# The JSON Schema bundle

`qmpconf schema export` writes a catalog as one JSON Schema 2020-12 bundle. Here, {count} validators compile
every definition of it, and judge generated messages: arguments, results and event data, half of them right, of the others most
wrong in one or two places. `qmpconf check` judges the same bytes. Made by:

```console
$ python -m tests.schema.bundles.node
$ python -m tests.schema.bundles.validators --messages {number} -o reports/json-schema.md
```
"""


def catalogs() -> list[str]:
    """The catalogs that are compared: all that ship, but those of other architectures.

    In a part of a document, `qmpconf check` judges nothing for sure, so there is nothing to compare.
    """
    names = (name for product in PRODUCTS for name in of_product(product))
    return [name for name in names if not source_of(name).partial]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one validator said: how many definitions it compiled, and whether it takes each message."""

    validator: str
    definitions: int
    taken: Sequence[bool]


def in_python(catalog: Catalog, some: Sequence[Message], *, every: int = 1) -> Iterator[Verdicts]:
    """The verdicts of the validators in Python; jsonschema, which is slow, has each `every`-th message."""
    exported = build(catalog, exported=True)
    made: Mapping[str, Callable[[str], Any]] = {
        "jsonschema-rs": functools.cache(_in_rust(exported)),
        "jsonschema": functools.cache(
            lambda name: jsonschema.Draft202012Validator({**exported, "$ref": reference(name)})
        ),
    }
    for validator, of in made.items():
        asked = some[:: every if validator == "jsonschema" else 1]
        taken = [of(one.definition).is_valid(json.loads(one.text)) for one in asked]
        compiled = (
            exported["$defs"] if validator == "jsonschema-rs" else {one.definition for one in asked}
        )
        for name in compiled:
            of(name)
        yield Verdicts(validator, len(compiled), taken)


def _in_rust(exported: Mapping[str, Any]) -> Callable[[str], Any]:
    registry = jsonschema_rs.Registry([(exported["$id"], exported)])

    def made(name: str) -> Any:
        schema = {"$ref": exported["$id"] + reference(name)}
        return jsonschema_rs.Draft202012Validator(schema, registry=registry)

    return made


def in_javascript(catalog: Catalog, some: Sequence[Message], folder: Path) -> Iterator[Verdicts]:
    """The verdicts of the validators in JavaScript, all of which compile every definition.

    Raises AssertionError, with what node says, where one does not.
    """
    exported, asked = folder / f"{catalog.name}.schema.json", folder / f"{catalog.name}.messages"
    exported.write_text(json.dumps(build(catalog, exported=True)))
    asked.write_text("".join(json.dumps([one.definition, one.text]) + "\n" for one in some))
    done = subprocess.run(
        ["node", str(_SCRIPT), str(exported), str(asked)],
        env={**os.environ, "NODE_PACKAGES": str(packages_folder())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{catalog.name}: {done.stderr[-1000:]}"
    for validator, (definitions, bits) in json.loads(done.stdout).items():
        yield Verdicts(validator, definitions, [bit == "1" for bit in bits])


@dataclass(slots=True)
class Compared:
    """Verdicts of a validator held against those of `qmpconf check`.

    `accepted` and `rejected` count the messages by the verdict of `check`; `apart` what JSON Schema has no
    words for, where it takes what `check` does not, by the reason; `differences` all others.
    """

    validator: str
    definitions: int = 0
    accepted: int = 0
    rejected: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[str, Message]] = field(default_factory=list)

    def add(
        self, catalog: str, some: Sequence[Message], taken: Sequence[bool], by: Verdicts
    ) -> None:
        """Count one catalog's messages; `taken` says what `check` said of each."""
        self.definitions += by.definitions
        for message, check, here in zip(some, taken, by.taken, strict=True):
            self.accepted += check
            self.rejected += not check
            if check == here:
                continue
            reason = message.wordless
            exact = reason == "integers beyond 2^53" and self.validator not in _IN_JAVASCRIPT
            if reason and here and not exact:
                self.apart[reason] += 1
            else:
                self.differences.append((catalog, message))


@dataclass(frozen=True, slots=True)
class Judged:
    """Messages of a catalog, and what `qmpconf check` said of each."""

    catalog: Catalog
    messages: Sequence[Message]
    taken: Sequence[bool]


def judged(name: str, number: int) -> Judged:
    """`number` messages of a shipped catalog, judged by `qmpconf check`."""
    catalog = load_shipped(name)
    some = list(messages(catalog, number))
    with tempfile.TemporaryDirectory() as scratch:
        return Judged(catalog, some, judged_by_check(catalog, some, Path(scratch)))


def compare(all_of: Iterable[Judged], *, node: bool, every: int = 1) -> dict[str, Compared]:
    """The validators in Python, or with `node` those in JavaScript, held against `qmpconf check`."""
    found: dict[str, Compared] = {}
    for one in all_of:
        with tempfile.TemporaryDirectory() as scratch:
            if node:
                verdicts = list(in_javascript(one.catalog, one.messages, Path(scratch)))
            else:
                verdicts = list(in_python(one.catalog, one.messages, every=every))
        for said in verdicts:
            step = every if said.validator == "jsonschema" else 1
            compared = found.setdefault(said.validator, Compared(said.validator))
            compared.add(one.catalog.name, one.messages[::step], one.taken[::step], said)
    return found


def page(found: Mapping[str, Compared], names: Sequence[str], number: int) -> str:
    """The figures as Markdown."""
    rows = [
        f"| {NAMES[name]} | {one.definitions:,} | {one.accepted:,} | {one.rejected:,} "
        f"| {len(one.differences)} | {sum(one.apart.values())} |"
        for name, one in ((name, found[name]) for name in NAMES if name in found)
    ]
    reasons: Counter[str] = Counter()
    for one in found.values():
        reasons |= one.apart
    lines = [
        _HEAD.format(count=len(found), number=number),
        f"Catalogs: {', '.join(names)}.\n",
        "| validator | definitions compiled | accepted by `check` | rejected by `check` | other verdict | not in words |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *rows,
        "",
        "*Not in words* are messages that `check` rejects and that a validator of JSON Schema cannot reject:\n",
        *(
            f"- {reason} (up to {count} messages of a validator)"
            for reason, count in sorted(reasons.items())
        ),
        "",
        "JSON Schema takes `1.0` for an integer, and sees of two members of one name only the last. Integers beyond 2^53 are read",
        "exactly by the validators in Python, and rounded by JavaScript, so that 2^64 passes there for 2^64 - 1. Not compared are rules that no",
        "schema states: how fast events come, what is deprecated, what properties a device has. `jsonschema` compiles only the definitions that",
        "messages are judged by. `check` judges a server of exactly that catalog; where a document contradicts itself, or only lets conclude",
        "something, it has notes, and the bundle demands nothing.",
    ]
    for one in found.values():
        lines += [
            f"\n{NAMES[one.validator]}, {catalog}: `{message.definition}`: `{message.text}`"
            for catalog, message in one.differences[:20]
        ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; exit code 1 where a verdict differs."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.schema.bundles.validators", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=1000, metavar="N", help="of each catalog")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if why := lacking():
        print(why, file=sys.stderr)
        return 1
    names = catalogs()
    all_of = [judged(name, options.messages) for name in names]
    found = compare(all_of, node=False) | compare(all_of, node=True)
    text = page(found, names, options.messages)
    if options.output:
        options.output.write_text(text)
    else:
        print(text, end="")
    return int(any(one.differences for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
