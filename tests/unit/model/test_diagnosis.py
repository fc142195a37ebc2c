"""Checks that are answered one after another: none hides another, and none asks in vain."""

from collections.abc import Callable

import pytest

from retrofit import errors
from retrofit.model import diagnosis


def _raising(error: Exception) -> Callable[[], str]:
    def ask() -> str:
        raise error

    return ask


def test_a_check_says_what_it_saw():
    (found,) = diagnosis.in_order([diagnosis.Check("memory", lambda: "8 GiB")])

    assert found == diagnosis.Finding("memory", diagnosis.Outcome.OK, "8 GiB")
    assert str(found) == "8 GiB"


def test_a_failure_says_what_to_do_in_one_line():
    error = errors.ToolMissing("no\nprogram", hint="install it")

    (found,) = diagnosis.in_order([diagnosis.Check("programs", _raising(error))])

    assert found.outcome is diagnosis.Outcome.FAILED
    assert str(found) == "no program; install it"


def test_a_failure_hides_no_other_check_but_those_that_need_it():
    made = diagnosis.in_order(
        [
            diagnosis.Check("a", _raising(errors.Denied("no"))),
            diagnosis.Check("b", lambda: pytest.fail("asked in vain"), ("a",)),
            diagnosis.Check("c", lambda: pytest.fail("asked in vain"), ("b",)),
            diagnosis.Check("d", lambda: "seen"),
        ]
    )

    assert [str(found) for found in made] == ["no", "a failed", "a failed", "seen"]
    assert [found.outcome for found in made[1:3]] == [diagnosis.Outcome.NOT_CHECKED] * 2


def test_what_cannot_be_told_keeps_nothing_from_being_asked():
    made = diagnosis.in_order(
        [
            diagnosis.Check("a", _raising(diagnosis.NotChecked("there is no TLS"))),
            diagnosis.Check("b", lambda: "seen", ("a",)),
        ]
    )

    assert [(found.outcome.value, str(found)) for found in made] == [
        ("not checked", "there is no TLS"),
        ("ok", "seen"),
    ]


def test_an_error_that_nobody_foresaw_is_a_failure_like_others():
    (found,) = diagnosis.in_order([diagnosis.Check("tun", _raising(KeyError("x")))])

    assert found.outcome is diagnosis.Outcome.FAILED
    assert found.found == "unexpected KeyError: 'x'"
