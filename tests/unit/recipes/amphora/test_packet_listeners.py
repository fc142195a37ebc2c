"""The checks of listeners that the amphora's kernel balances, without an amphora."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from retrofit.recipes.amphora.trial import members, packet_listeners

_SCENE: Any = types.SimpleNamespace(members={"blue": None, "green": None})
_REFUSED = ConnectionRefusedError(111, "Connection refused")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Time that passes while nothing happens only."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(
        packet_listeners, "time", types.SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    )
    return now


def _asking(
    monkeypatch: pytest.MonkeyPatch, answers: Iterable[str | Exception], then: str | Exception
) -> None:
    """Have these answers come in turn, and the last one for ever."""
    coming = iter(answers)

    def ask(*_: object) -> members.Answer:
        answer = next(coming, then)
        if isinstance(answer, Exception):
            raise answer
        return members.Answer(answer, "")

    monkeypatch.setattr(packet_listeners, "_ask", ask)


def test_refusals_are_waited_out_until_each_member_has_answered(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    unanswered = members.Unanswered("an answer of nobody's")
    _asking(monkeypatch, [_REFUSED, unanswered, "blue", "blue", TimeoutError()], "green")

    packet_listeners._await_members(_SCENE, _SCENE)

    assert 0 < clock[0] < 10


def test_what_nobody_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    _asking(monkeypatch, [], _REFUSED)

    with pytest.raises(ConnectionRefusedError):
        packet_listeners._await_members(_SCENE, _SCENE)

    assert 120 <= clock[0] < 121


def test_a_member_that_stays_silent_is_left_to_the_check(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    _asking(monkeypatch, [], "blue")

    packet_listeners._await_members(_SCENE, _SCENE)

    assert 120 <= clock[0] < 121
