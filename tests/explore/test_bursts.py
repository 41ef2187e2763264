"""What went out without waiting is known from the trace alone, also when it is sent again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from qmpconf.explore.bursts import commands_of
from qmpconf.explore.life import Ground, Life
from qmpconf.explore.reproducers import typed
from qmpconf.explore.shrinking import _in_band, _one_by_one, _smaller
from qmpconf.protocol.messages import Command, from_client
from qmpconf.protocol.values import dumps, loads
from tests.explore.test_exploring import spawned
from tests.usual import examples


def test_bursts_are_read_as_they_were_sent(tmp_path: Path) -> None:
    path = str(tmp_path / "life.qmptrace")
    sent = [["stop"], ["query-status", "cont", "query-status"], ["query-name", "qmpconf-none"]]
    with Life(Ground(spawned("Sound")), path) as life:
        life.negotiate()
        for burst in sent:
            said = life.say_all([{"execute": name, "id": name + "-1"} for name in burst])
            assert len(said) == len(burst)
            assert None not in said
        life.finish()
    found = [[one.name for one in burst] for burst in commands_of(path)]
    assert found == [["qmp_capabilities"], *sent, ["quit"]]


def test_what_is_executed_out_of_band_comes_first_and_each_has_its_own_answer(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "life.qmptrace")
    with Life(Ground(spawned("Sound")), path) as life:
        assert life.offers_oob
        life.negotiate(oob=True)
        status, name, yank = life.say_all(
            [
                {"execute": "query-status", "id": 1},
                {"execute": "query-name", "id": 2},
                {"exec-oob": "query-yank", "id": 3},
            ]
        )
    assert status is not None
    assert name is not None
    assert yank is not None
    assert status.result["running"] is not None
    assert isinstance(yank.result, list)
    assert yank.line < name.line


def commands(*texts: str) -> list[Command]:
    return [one for one in map(from_client, map(str.encode, texts)) if isinstance(one, Command)]


def test_lines_for_qmp_shell_say_what_they_cannot_say() -> None:
    lines, untyped = typed(
        [
            commands('{"execute": "qmp_capabilities"}'),
            commands('{"execute": "stop", "id": 1}'),
            commands(
                '{"execute": "cont", "id": 2}', '{"exec-oob": "yank", "id": 3, "arguments": {}}'
            ),
            commands('{"execute": "set_link", "arguments": {"name": "two words", "up": true}}'),
        ]
    )
    assert lines == [
        "stop",
        "# was sent at once, which cannot be typed: the next 2 commands",
        "cont",
        '# cannot be typed: {"exec-oob": "yank", "id": 3}',
        '# cannot be typed: {"execute": "set_link", "arguments": {"name": "two words", "up": true}}',
    ]
    assert untyped == 3


NAMES = st.sampled_from(["stop", "cont", "query-name", "yank"])
MESSAGES = st.builds(
    lambda key, name, arguments: dumps({key: name, "arguments": arguments}).decode(),
    st.sampled_from(["execute", "exec-oob"]),
    NAMES,
    st.dictionaries(st.sampled_from("ab"), st.lists(st.integers(0, 2), max_size=2), max_size=2),
)
BURSTS = st.lists(st.lists(MESSAGES, min_size=1, max_size=4), min_size=1, max_size=4)


def shape(bursts: list[list[str]]) -> tuple[list[int], int, int]:
    """How much is at once, out of band, and how much there is in all."""
    texts = [text for burst in bursts for text in burst]
    return (
        [len(one) for one in bursts],
        sum("exec-oob" in one for one in texts),
        len("".join(texts)),
    )


@settings(max_examples=examples(300), deadline=None)
@given(BURSTS, NAMES, NAMES)
def test_what_is_not_needed_is_made_simpler_and_what_is_needed_stays(
    bursts: list[list[str]], first: str, second: str
) -> None:
    """The fault: `second` goes out with `first` before it, out of band."""

    def shows(sent: object) -> bool:
        assert isinstance(sent, list)
        for burst in sent:
            names = [loads(text.encode()) for text in burst]
            for at, one in enumerate(names):
                before = [other.get("execute", other.get("exec-oob")) for other in names[:at]]
                if one.get("exec-oob") == second and first in before:
                    return True
        return False

    made: object = bursts
    for simpler in (_one_by_one, _in_band, _smaller):
        made = simpler(made, shows)  # type: ignore[arg-type]
    assert isinstance(made, list)
    if not shows(bursts):
        return  # nobody simplifies what does not show
    assert shows(made)
    together, urgent, length = shape(made)
    assert sum(together) == sum(map(len, bursts))
    assert sum(one > 1 for one in together) == 1
    assert urgent == 1
    assert length <= shape(bursts)[2]
    assert all(not loads(text.encode())["arguments"] for burst in made for text in burst)
