"""What the user has set, read once for a run: the catalog, the baseline, masks, known differences.

Raises QmpconfError for what cannot be read, with the file and what is wrong in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from qmpconf.check.baseline import Baseline
from qmpconf.check.checking import chooser
from qmpconf.check.practice import Practice, ignoring, limits
from qmpconf.replay.configuration import Configuration, find, read_known, read_masks

if TYPE_CHECKING:
    from qmpconf.check.choice import Choose

_CHOOSERS = pytest.StashKey["dict[str, Choose | None]"]()
_BASELINE = pytest.StashKey[Baseline]()
_CONFIGURATION = pytest.StashKey[Configuration]()
_PRACTICE = pytest.StashKey[Practice]()


def choice(config: pytest.Config, schema: str = "") -> Choose | None:
    """What chooses the catalogs: by `schema`, or by --qmp-schema; None for ``auto``."""
    made = config.stash.setdefault(_CHOOSERS, {})
    name = schema or config.option.qmp_schema
    if name not in made:
        made[name] = chooser(name)
    return made[name]


def baseline(config: pytest.Config) -> Baseline:
    """The baseline; an empty one without --qmp-baseline."""
    if _BASELINE not in config.stash:
        path = config.option.qmp_baseline
        config.stash[_BASELINE] = Baseline(read_known(path) if path else {})
    return config.stash[_BASELINE]


def configuration(config: pytest.Config) -> Configuration:
    """Masks and known differences: those of qmpconf.toml or pyproject.toml, and the options'."""
    if _CONFIGURATION not in config.stash:
        found = find(str(config.rootpath))
        masks = [*found.masks]
        for path in config.option.qmp_masks:
            masks += read_masks(path)
        known = config.option.qmp_known_differences or found.known_differences
        config.stash[_CONFIGURATION] = replace(found, masks=tuple(masks), known_differences=known)
    return config.stash[_CONFIGURATION]


def practice(config: pytest.Config) -> Practice:
    """What is looked for beyond protocol and schema: the configuration, without --qmp-ignore."""
    if _PRACTICE not in config.stash:
        found = configuration(config)
        ignored = [*found.ignore, *config.getini("qmp_ignore"), *config.option.qmp_ignore]
        config.stash[_PRACTICE] = Practice(ignoring(ignored), limits(found.max_latency))
    return config.stash[_PRACTICE]


def known_differences(config: pytest.Config) -> Mapping[str, str]:
    """The reasons of known differences, by fingerprint."""
    path = configuration(config).known_differences
    return read_known(path) if path else {}


def server(config: pytest.Config) -> tuple[str, str]:
    """The address of a server and the command line of one, of which one or none is set."""
    option = config.option
    return cast("str", option.qmp_target or ""), cast("str", option.qmp_spawn or "")
