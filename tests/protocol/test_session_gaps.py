"""The session machine behind gaps: which command a response answers, as far as that can be known."""

from __future__ import annotations

import pytest

from tests.protocol.playbook import NEGOTIATED, OOB, Play, check


def test_behind_a_lost_greeting_every_answer_has_its_command() -> None:
    play = Play(
        """
        gap server
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"cont"}
        <- {"return": 2}
        """
    )
    assert play.answered == [(1, "stop"), (2, "cont")]
    assert not play.found
    lost = Play(
        """
        gap client
        gap server
        -> {"execute":"stop"}
        <- {"return": 1}
        """
    )
    assert lost.answered == []


def test_where_a_command_is_left_out_its_answer_is_nobodys() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        <- {"return": 1}
        gap client 1
        <- {"return": 2}
        -> {"execute":"cont"}
        <- {"return": 3}
        <- {"return": 4}
        !! response.exactly-one server
        """
    )
    assert play.answered[1:] == [(1, "stop"), (3, "cont")]


def test_where_an_answer_is_left_out_the_next_command_has_its_own() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        gap server 1
        -> {"execute":"cont"}
        <- {"return": 1}
        -> {"execute":"quit"}
        """
    )
    assert play.answered[1:] == [(1, "cont")]
    assert [one.name for one in play.session.pending] == ["quit"]
    assert play.session.certain


def test_which_of_two_answers_is_left_out_is_not_known_but_for_ids() -> None:
    play = check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        -> {"execute":"cont"}
        gap server 1
        <- {"return": 1}
        <- {"return": 2}
        -> {"execute":"a","id":1}
        -> {"execute":"b","id":2}
        -> {"execute":"c"}
        -> {"execute":"d"}
        gap server 1
        <- {"return": 3, "id": 2}
        <- {"return": 4}
        """
    )
    assert play.answered[1:] == [(3, "b")]


def test_what_is_left_out_may_be_an_event() -> None:
    check(
        NEGOTIATED
        + """
        -> {"execute":"stop"}
        gap server 1
        <- {"return": 1}
        -> {"execute":"cont"}
        <- {"return": 2}
        <- {"return": 3}
        !! response.exactly-one server
        """
    )


def test_an_answer_is_that_of_the_command_which_it_fits_also_when_others_are_left_out() -> None:
    play = check(
        """
        gap server
        gap client 1
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"cont","id":5}
        <- {"return": 2, "id": 6}
        <- {"return": 3, "id": 5}
        """
    )
    assert play.answered == [(1, "stop"), (3, "cont")]


def test_what_is_left_out_before_the_negotiation_may_be_that() -> None:
    check(
        """
        <- GREETING
        gap client 1
        gap server 1
        -> {"execute":"stop"}
        <- {"return": 1}
        -> {"execute":"qmp_capabilities"}
        <- {"return": 2}
        """
    )


def test_an_answer_out_of_band_is_known_by_its_id_across_a_gap() -> None:
    """Commands sent before and behind it; the order in band is known with the first id in band."""
    play = check(
        OOB
        + """
        -> {"exec-oob":"o","id":1}
        -> {"execute":"a","id":2}
        gap server
        -> {"exec-oob":"p","id":3}
        -> {"execute":"b","id":4}
        -> {"execute":"c","id":5}
        <- {"return": 3, "id": 3}
        <- {"return": 1, "id": 1}
        <- {"return": 4, "id": 4}
        <- {"return": 6, "id": 6}
        !! response.id-echo server /id
        """
    )
    assert play.answered[1:] == [(3, "p"), (1, "o"), (4, "b"), (6, "c")]


def test_an_answer_out_of_band_says_nothing_of_the_order_behind_a_gap() -> None:
    play = check(
        OOB
        + """
        -> {"execute":"a","id":1}
        gap client
        -> {"exec-oob":"o","id":2}
        -> {"execute":"b","id":3}
        <- {"return": 2, "id": 2}
        <- {"return": 9, "id": 9}
        <- {"return": 1, "id": 1}
        <- {"return": 8}
        <- {"return": 3, "id": 3}
        """
    )
    # 9 and 8 may answer what is missing; 1 was sent before the gap.
    assert play.answered[1:] == [(2, "o"), (1, "a"), (3, "b")]
    assert play.session.certain
    assert play.session.pending == ()


def test_an_answer_out_of_band_that_a_gap_delayed_comes_when_the_order_is_known_again() -> None:
    play = check(
        OOB
        + """
        -> {"exec-oob":"o","id":1}
        -> {"execute":"a","id":2}
        gap server
        -> {"execute":"b","id":3}
        <- {"return": 3, "id": 3}
        <- {"return": 1, "id": 1}
        <- {"return": 2, "id": 2}
        !! response.exactly-one server
        """
    )
    # "a" was sent before "b" and is answered by now; "o" keeps no order.
    assert play.answered[1:] == [(3, "b"), (1, "o")]


def test_what_is_sent_behind_a_gap_may_be_overtaken_only_by_what_was_sent_behind_it() -> None:
    check(
        OOB
        + """
        -> {"exec-oob":"lost","id":1}
        gap server
        -> {"execute":"a","id":2}
        <- {"return": {}, "id": 2}
        -> {"exec-oob":"o","id":3}
        -> {"execute":"b","id":4}
        <- {"return": {}, "id": 4}
        -> {"execute":"c","id":5}
        <- {"return": {}, "id": 5}
        <- {"return": {}, "id": 3}
        !! oob.overtakes server
        <- {"return": {}, "id": 1}
        """
    )


def test_out_of_band_may_have_been_negotiated_in_a_gap() -> None:
    play = check(
        """
        <- GREETING
        gap client
        gap server
        -> {"execute":"a","id":1}
        -> {"exec-oob":"o","id":2}
        <- {"return": 2, "id": 2}
        <- {"return": 1, "id": 1}
        """
    )
    assert play.answered == [(2, "o"), (1, "a")]


@pytest.mark.parametrize("side", ["client", "server"])
def test_whole_messages_that_are_left_out_leave_an_answer_out_of_band_its_command(
    side: str,
) -> None:
    play = check(
        OOB
        + f"""
        -> {{"execute":"a","id":1}}
        -> {{"exec-oob":"o","id":2}}
        gap {side} 1
        -> {{"execute":"b","id":3}}
        <- {{"return": 2, "id": 2}}
        """
    )
    assert play.answered[1:] == [(2, "o")]
    assert "b" in [one.name for one in play.session.pending]


def test_behind_a_gap_only_the_negotiation_shows_what_was_negotiated() -> None:
    check(
        """
        gap client
        gap server
        -> {"execute":"stop","id":1}
        <- {"return": {}, "id": 1}
        -> {"execute":"cont","id":2}
        <- {"return": {}, "id": 2}
        -> {"exec-oob":"o","id":3}
        <- {"return": {}, "id": 3}
        -> {"execute":"qmp_capabilities","id":4}
        <- {"error": {"class": "CommandNotFound", "desc": "x"}, "id": 4}
        -> {"exec-oob":"o","id":5}
        <- {"return": {}, "id": 5}
        """
    )
