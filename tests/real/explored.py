"""Campaigns of ``qmpconf explore`` against releases of QEMU: the published page.

::

    python -m tests.real.explored [--minutes 60] [--only NAME] --keep FOLDER [-o reports/explored.md]

Each server of ``explored.toml`` is explored in turn, what it came to is kept in the folder (its result as
JSON, the traces, the scripts), and the page is made of all that is kept there: a server that has a result
is not explored again.  Each script is then run against a fresh server of every release of the product, which
shows where else it is so.  What somebody has to say of a finding after running its script by hand stands in
``explored.toml``, by fingerprint.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from qmpconf.explore.bursts import commands_of
from qmpconf.protocol.messages import Command
from qmpconf.protocol.values import dumps
from qmpconf.report.explore import RECORD

COMMAND = "python -m tests.real.explored"
SERVERS = Path(__file__).with_suffix(".toml")

#: Commands of a finding that the page shows, and characters of each.
_COMMANDS, _LONGEST = 12, 500
#: Seconds of a whole campaign; what is found last may be shrunk a little longer.
_HOUR = 3600.0
#: Seconds that a script may take.
_SCRIPT = 240.0
#: Findings that a script sees: the end of a server.
_OUTSIDE = ("explore.crash", "explore.ended", "explore.hang", "explore.closed")


def listed() -> dict[str, Any]:
    """Servers and notes."""
    return tomllib.loads(SERVERS.read_text(encoding="utf-8"))


def explore(server: Mapping[str, str], minutes: float, folder: Path, seed: int) -> None:
    """Explore one server; what it came to goes to ``FOLDER.json``, the rest into the folder."""
    words = [sys.executable, "-m", "qmpconf", "explore", "--minutes", f"{minutes:g}"]
    words += ["--seed", str(seed), "--seen", "traces", "-o", str(folder)]
    with open(f"{folder}.log", "wb") as log:
        done = subprocess.run(
            [*words, "--spawn", server["spawn"]],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{server['name']}: exit code {done.returncode}; see {folder}.log")
    (folder / RECORD).rename(f"{folder}.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Explore what has no result yet, and write the page."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="servers with this in their name")
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args(argv)
    arguments.keep.mkdir(parents=True, exist_ok=True)
    known = listed()
    for server in known["server"]:
        folder = arguments.keep / slug(server["name"], arguments.seed)
        if arguments.only in server["name"] and not Path(f"{folder}.json").exists():
            explore(server, arguments.minutes, folder, arguments.seed)
    if arguments.output:
        campaigns = [one for server in known["server"] for one in kept(arguments.keep, server)]
        read = known.get("read", [])
        false = {one["fingerprint"] for one in read if "false" in one}
        by_hand = frozenset(one["fingerprint"] for one in read if "hand" in one)
        found = [one for one in together(campaigns, by_hand) if one.fingerprint not in false]
        across(found, known["server"], arguments.keep / "across.json")
        text = "\n".join(page(campaigns, found, read)) + "\n"
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def slug(name: str, seed: int = 1) -> str:
    """The name of a campaign's folder."""
    more = [] if seed == 1 else [f"seed{seed}"]
    return "-".join([*name.lower().replace(",", "").split(), *more])


# --- what is kept ----------------------------------------------------------------------------------


@dataclass
class Campaign:
    """One server, its folder, and what exploring it came to."""

    server: Mapping[str, str]
    folder: Path
    result: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.server["name"]


@dataclass
class Found:
    """One finding, of one or several servers; `where` says of which servers its script shows it."""

    first: Mapping[str, Any]
    folder: Path
    servers: dict[str, int] = field(default_factory=dict)
    where: dict[str, bool] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return str(self.first["fingerprint"])

    @property
    def script(self) -> Path | None:
        name = self.first["script"]
        return self.folder / name if name and self.first["kind"] in _OUTSIDE else None


def kept(keep: Path, server: Mapping[str, str]) -> Iterator[Campaign]:
    """The campaigns of a server, one for each seed."""
    name = slug(server["name"])
    paths = [*keep.glob(f"{name}.json"), *sorted(keep.glob(f"{name}-seed*.json"))]
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        yield Campaign(server, path.with_suffix(""), result)


def together(campaigns: Sequence[Campaign], by_hand: frozenset[str] = frozenset()) -> list[Found]:
    """The findings of all servers, equal ones as one.

    What did not come again is left out, unless somebody has seen it `by_hand`.
    """
    found: dict[str, Found] = {}
    for campaign in campaigns:
        for one in campaign.result["findings"]:
            if not (one["verified"] or (one["commands"] and one["fingerprint"] in by_hand)):
                continue
            entry = found.setdefault(one["fingerprint"], Found(one, campaign.folder))
            if one["commands"] < entry.first["commands"]:
                entry.first, entry.folder = one, campaign.folder
            entry.servers[campaign.name] = entry.servers.get(campaign.name, 0) + one["times"]
    kinds = [*_OUTSIDE, "explore.contradiction"]

    def rank(one: Found) -> tuple[int, str]:
        kind = one.first["kind"]
        return kinds.index(kind) if kind in kinds else len(kinds), one.first["subject"]

    return sorted(found.values(), key=rank)


def across(found: Sequence[Found], servers: Sequence[Mapping[str, str]], path: Path) -> None:
    """Run each script against every release of the product; what is known already stays."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for one in found:
        if one.script is None:
            continue
        seen = known.setdefault(one.fingerprint, {})
        products = {"daemon" in name for name in one.servers}
        for server in servers:
            name = server["name"]
            if name not in seen and ("daemon" in name) in products:
                seen[name] = shows(one.script, server["spawn"])
                path.write_text(json.dumps(known, indent=1), encoding="utf-8")
        one.where = seen


def shows(script: Path, spawn: str) -> bool:
    """Whether a script says that the server ended, or does not answer."""
    words = [sys.executable, str(script), spawn]
    try:
        done = subprocess.run(
            words, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SCRIPT
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 1


# --- the page --------------------------------------------------------------------------------------


def page(
    campaigns: Sequence[Campaign], found: Sequence[Found], read: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """The page, line by line."""
    notes = {one["fingerprint"]: one for one in read}
    yield from (
        "# Explored",
        "",
        f"Made by `{COMMAND} --minutes 60 --keep FOLDER -o reports/explored.md`{_shorter(campaigns)}.",
        "The servers, with their command lines, and what was said by hand are in `tests/real/explored.toml`.",
        "",
        "`qmpconf explore` makes calls out of a server's own schema and of what it has said. Each finding was shrunk,",
        "and has come again with a fresh server before it got here. These are faults of releases as Debian packages",
        "them; whoever may send QMP commands may end the machine anyway (`quit`).",
        "",
        "## How far it came",
        "",
        "*before* is what the recordings in `traces/` exercise of the same schema.",
        "",
    )
    yield _table(
        (
            "server",
            "seed",
            "minutes",
            "lives",
            "commands",
            "succeeded",
            "commands of all",
            "arguments of all",
            "found",
        ),
        [
            _figures(one, {name for name, note in notes.items() if "false" in note})
            for one in campaigns
        ],
    )
    yield from (
        "",
        "## What was found",
        "",
        "Each script was run against a fresh server of every release of its product, once; what needs luck does not show",
        "each time. *By hand*: somebody has run the script besides, and read what it printed. Without the limit on memory",
        "the crashes are the same (tried by hand).",
        "",
    )
    yield _table(
        ("", "finding", "with", "commands", "found in", "its script shows it in", "by hand"),
        [_row(number, one, notes) for number, one in enumerate(found, 1)],
    )
    yield from _not_shown(campaigns, notes)
    for number, one in enumerate(found, 1):
        yield from _details(number, one, notes.get(one.fingerprint, {}))


def _shorter(campaigns: Sequence[Campaign]) -> str:
    """What is to be said where a campaign did not have its hour."""
    least = min((one.result["seconds"] for one in campaigns), default=_HOUR)
    return "" if least >= _HOUR else ", here with fewer minutes for some (the table says how many)"


def _not_shown(
    campaigns: Sequence[Campaign], notes: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """What is not in the table: seen and not shown again, or a false alarm."""
    lines = []
    for campaign in campaigns:
        for one in campaign.result["findings"]:
            note = notes.get(one["fingerprint"], {})
            false = note.get("false")
            if false or not (one["verified"] or "hand" in note):
                what = f"{one['subject']}: {one['message']}"
                what += f" ({_code(one['seen'])})" if one["seen"] != "nothing was printed" else ""
                again = note.get("again", "not shown again")
                why = f"a false alarm: {false}" if false else f"not counted: {again}"
                lines.append(f"- {campaign.name}: {what}: {why}")
    if lines:
        yield from ("", "Seen as well:", "", *dict.fromkeys(lines))


def _figures(one: Campaign, false: set[str]) -> tuple[str, ...]:
    result = one.result
    kinds = {row["kind"]: row for row in result["coverage"]}

    def part(kind: str) -> str:
        row = kinds.get(kind)
        return f"{row['before']} → {row['exercised']} / {row['all']}" if row else ""

    return (
        one.name,
        str(result["seed"]),
        f"{result['seconds'] / 60:.1f}",
        f"{result['lives']:,}",
        f"{result['commands']:,}",
        f"{result['succeeded']:,}",
        part("commands"),
        part("arguments"),
        str(
            sum(
                bool(found["verified"]) and found["fingerprint"] not in false
                for found in result["findings"]
            )
        ),
    )


def _row(number: int, one: Found, notes: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    where = ", ".join(_short(name) for name, is_so in one.where.items() if is_so)
    return (
        f"[{number}](#{number})",
        one.first["kind"].removeprefix("explore."),
        f"`{one.first['subject']}`" if one.first["subject"] else "",
        str(one.first["commands"]),
        ", ".join(map(_short, one.servers)),
        where if one.script else "(an answer)",
        str(notes.get(one.fingerprint, {}).get("hand", "")),
    )


def _short(name: str) -> str:
    return name.replace("QEMU ", "").replace(", q35", "").replace("qemu-storage-daemon ", "daemon ")


def _details(number: int, one: Found, note: Mapping[str, Any]) -> Iterator[str]:
    first = one.first
    yield from (
        "",
        f"### {number}",
        "",
        f"{_code(first['message'])} ({_code(first['subject'])}).",
        "",
    )
    if first["seen"] and first["seen"] != "nothing was printed":
        if first["kind"] in _OUTSIDE:
            yield from ("```text", first["seen"], "```", "")
        else:
            yield from (f"Expected: {_code(first['expected'])}; seen: {_code(first['seen'])}.", "")
    yield "```json"
    bursts = commands_of(str(one.folder / first["trace"]))
    lines = [line for burst in bursts for line in _lines(burst)]
    yield from lines[:_COMMANDS]
    if len(lines) > _COMMANDS:
        yield f"... and {len(lines) - _COMMANDS} more"
    yield "```"
    if note.get("says"):
        yield from ("", note["says"])


def _lines(burst: Sequence[Command]) -> Iterator[str]:
    """What was sent at once, but for the negotiation."""
    commands = [one for one in burst if one.name != "qmp_capabilities"]
    for number, one in enumerate(commands):
        arguments = {"arguments": one.arguments} if one.arguments else {}
        text = dumps({"exec-oob" if one.oob else "execute": one.name, **arguments}).decode()
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
        yield shown + (" // and at once, without waiting:" if number < len(commands) - 1 else "")


def _code(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return str(tabulate(rows, head, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    sys.exit(main())
