"""Which recorded message of a client is most like one that was not recorded.  Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator
from difflib import SequenceMatcher
from itertools import chain, islice

from qmpconf.replay.serve.script import Asked, Cue, Scene

#: How similar two names are at least, of which one is named as the nearest to the other.
_ALIKE = 0.6
#: Characters of two messages that are compared, and messages of one name that are looked at.
_WIDTH, _MOST = 2000, 200


def nearest_of(scene: Scene, heard: Asked, at: int, played: Container[int]) -> Cue | None:
    """The cue that is most like `heard`: of the same command, or else of a similar name.

    Those that were not `played` (by their numbers) go first, and those from place `at` on.  None where there is no such.
    """
    name = _nearest_name(scene, heard.name, played)
    if not name:
        return None
    text = heard.text[:_WIDTH]
    best: tuple[float, Cue] | None = None
    for cue in islice(_different(scene, name, at, played), _MOST if name == heard.name else 1):
        ratio = SequenceMatcher(None, cue.asked.text[:_WIDTH], text).ratio()
        if best is None or ratio > best[0]:
            best = (ratio, cue)
    return best[1] if best else None


def _nearest_name(scene: Scene, wanted: str, played: Container[int]) -> str:
    """The name of a command that was recorded; empty where none is similar."""
    for is_played in (False, True):
        names = dict.fromkeys(
            cue.name for cue in scene.cues if cue.name and (cue.number in played) == is_played
        )
        if wanted in names:
            return wanted
        ratios = [(SequenceMatcher(None, name, wanted).ratio(), name) for name in names]
        ratio, name = max(ratios, key=lambda pair: pair[0], default=(0.0, ""))
        if wanted and ratio > _ALIKE:
            return name
    return ""


def _different(scene: Scene, name: str, at: int, played: Container[int]) -> Iterator[Cue]:
    """The cues of one name, each of those that say the same once."""
    cues, signs = scene.cues, scene.signs
    seen: set[int] = set()
    for is_played in (False, True):
        for place in chain(range(at, len(cues)), range(at)):
            cue = cues[place]
            if (
                cue.name == name
                and (cue.number in played) == is_played
                and signs[place] not in seen
            ):
                seen.add(signs[place])
                yield cue
        if seen:
            return
