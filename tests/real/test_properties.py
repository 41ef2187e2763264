"""Properties: the shipped catalogs are what real builds say, and the judgement is what they do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qmpconf.check.checking import chooser, findings
from qmpconf.cli.main import main
from qmpconf.schema.property_catalog import (
    encode,
    load_shipped_properties,
    properties_with,
)
from qmpconf.trace.reader import TraceReader
from tests.check.scripts import write
from tests.real.conftest import StartServer, require
from tests.real.property_calls import MACHINE, calls
from tests.real.test_schema import BUILDS
from tests.real.wire import Wire
from tests.usual import share

EMULATORS = [name for name in BUILDS if "storage" not in name]

#: What a server says when a value is not what the property is, or there is no such property.
ABOUT_TYPES = re.compile(
    r"Invalid parameter type for|expects (?:u?int\d*(?:_t)?|integer|size|a non-negative number)\b"
    r"|expects 'on' or 'off'|Property '[^']*' not found|Invalid parameter type"
)
#: What it says when all properties were taken: they are set before the rest is looked at.
PLACE = re.compile(
    r"slot 0 function 0|Bus '.*' (?:not found|full)|drive property not set|has no .* bus|in use by"
    r"|does not support hotplugging|not a valid device model|must be set|is not set|no such port|can't go on|usb port|chassis slot|Out-of-range port"
)


@pytest.mark.parametrize("build", EMULATORS)
def test_a_shipped_property_catalog_is_made_again(
    build: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(build)
    out = tmp_path / "fetched.json.gz"
    fetch = ["schema", "fetch", "--properties", "--target", str(server.path), "-o", str(out)]
    assert main(fetch) == 0
    fetched, shipped = properties_with(str(out)), load_shipped_properties(BUILDS[build])
    assert fetched is not None
    if fetched.source.package != shipped.source.package:
        pytest.skip(f"another build: {fetched.source.package}")
    assert encode(fetched) == encode(shipped)


def test_a_server_of_ones_own_is_asked(tmp_path: Path) -> None:
    build = require("qemu-7.2")
    out = tmp_path / "mine.json"
    command = f"{build.launcher} -M none -nodefaults -display none -S"
    spawn = f"{command} -qmp unix:{{socket}},server=on,wait=off"
    assert main(["schema", "fetch", "--properties", "--spawn", spawn, "-o", str(out)]) == 0
    found = properties_with(str(out))
    assert found is not None
    assert found.devices["virtio-rng-pci"]["max-bytes"] == "uint64"


@pytest.mark.timeout(300)  # before 10.0, a device that is refused takes a server 60 ms
@pytest.mark.parametrize("build", share(EMULATORS[::-1], 4))
def test_the_judgement_is_what_the_server_does(
    build: str, start_rich: StartServer, tmp_path: Path
) -> None:
    """No error where it takes the call, none missing where a type is the reason that it does not."""
    server = start_rich(build, *MACHINE)
    script: list[str] = []
    sent: dict[int, tuple[dict[str, Any], str]] = {}
    with Wire(server.path) as wire:
        script.append("< " + json.dumps(wire.negotiate()))
        script += ['> {"execute": "qmp_capabilities"}', '< {"return": {}}']
        # All of them on the release that takes text and on the one that does not; of the others,
        # which differ from these in little, each third.
        every = 1 if build in ("qemu-7.2", "qemu-11.1") else 3
        for name, arguments in list(calls())[::every]:
            command = {"execute": name, "arguments": arguments}
            wire.send(json.dumps(command).encode() + b"\n")
            reply = wire.reply()
            sent[len(script) + 3] = command, reply.get("error", {}).get("desc", "")
            script += ["> " + json.dumps(command), "< " + json.dumps(reply)]
    assert len(sent) > 500 // every
    path = write(tmp_path / "calls.qmptrace", script)
    errors, deprecated = judged(str(path), BUILDS[build])
    wrong = []
    for line, (command, why) in sent.items():
        refused = bool(ABOUT_TYPES.search(why))
        taken = not why or bool(PLACE.search(why))
        if (
            (line in errors and taken)
            or (refused and line not in errors)
            or (line in deprecated and refused and line not in errors)
        ):
            if command["arguments"].get("value") == 2**64 - 1:
                continue  # "int" is the name of several sizes
            wrong.append((line in errors, line in deprecated, json.dumps(command), why))
    assert wrong == []
    assert bool(deprecated) == (build == "qemu-7.2")
    found, _ = judged(str(path), "auto")
    assert found == errors


def judged(path: str, schema: str) -> tuple[set[int], set[int]]:
    """Lines with an error by the client, and with something deprecated."""
    errors, deprecated = set(), set()
    for one in findings(TraceReader(path), chooser(schema)):
        if one.requirement == "schema.arguments":
            errors.add(one.line)
        elif one.requirement == "compat.deprecated":
            deprecated.add(one.line)
    return errors, deprecated
