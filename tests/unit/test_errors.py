"""Errors say what is wrong and what to do, and survive the way out of the workshop."""

import pickle

import pytest

from retrofit import errors

_ALL = [
    errors.RetrofitError,
    errors.ProofFailed,
    errors.PlanOutdated,
    errors.NewerDocument,
    errors.RolloutStopped,
    errors.ChecksFailed,
    errors.Skipped,
    errors.UsageError,
    errors.ImageError,
    errors.InputMissing,
    errors.Unavailable,
    errors.CommandError,
    errors.ToolMissing,
    errors.OutputError,
    errors.NoSpace,
    errors.Busy,
    errors.RecipeError,
    errors.Denied,
    errors.ConfigError,
]


def test_every_error_is_known_here():
    found = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }

    assert found == {*_ALL, errors.Interrupted, errors.Several}


def test_exit_codes_tell_errors_apart():
    general = {errors.RetrofitError, errors.CommandError}
    codes = [kind.exit_code for kind in _ALL if kind not in general]

    assert len(set(codes)) == len(codes)
    assert all(code in (4, 5, 6, 7, 8, 9) or 64 <= code <= 78 for code in codes)


def test_hint_follows_the_message():
    assert str(errors.ImageError("it is broken")) == "it is broken"
    assert str(errors.ImageError("it is broken", hint="mend it")) == "it is broken; mend it"


def test_an_interruption_is_not_taken_for_the_error_of_a_step():
    interruption = errors.Interrupted(15, "nothing is under way")

    assert not isinstance(interruption, Exception)
    arrived = pickle.loads(pickle.dumps(interruption))
    assert (str(arrived), arrived.exit_code) == ("nothing is under way", 143)


def test_interruption_has_the_exit_code_a_shell_gives():
    assert errors.Interrupted(2).exit_code == 130
    assert errors.Interrupted(15).exit_code == 143


@pytest.mark.parametrize("kind", _ALL)
def test_error_survives_pickling(kind: type[errors.RetrofitError]):
    error = kind("what", hint="how", details=("one", "two"))

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert (copy.message, copy.hint, copy.details) == ("what", "how", ("one", "two"))


def test_command_status_survives_pickling():
    error = errors.CommandError("what", returncode=-9)

    assert pickle.loads(pickle.dumps(error)).returncode == -9


def test_what_may_not_be_used_is_named():
    refused = errors.unexpected(PermissionError(13, "Permission denied", "/root/images.yml"))

    assert isinstance(refused, errors.Denied)
    assert refused.message == "cannot use /root/images.yml: Permission denied"
    assert "permissions" in refused.hint
