"""The engine's errors: what happened, and what to do about it.

Library code raises these and never exits; only the command line turns one into an exit code
(:attr:`RetrofitError.exit_code`, numbers from BSD's ``sysexits.h`` where it has a fitting one).
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping


class RetrofitError(Exception):
    """Base of every error the engine raises on purpose.

    Args:
        message: What is wrong and where, in one line without a final full stop.
        hint: What to do next, in one line; empty if there is nothing sensible to say.
        details: Further lines for the log, such as the last lines a script printed.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ProofFailed(RetrofitError):
    """The image does not do what it is for; the details name the checks that failed.

    Args:
        message: As for every error.
        hint: As for every error.
        details: What each check that failed has found.
        proof: The proof, in the form of the result file.
        image_id: Identifier of the image in Glance, where it is kept there.
        image_name: Its name.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: tuple[str, ...] = (),
        proof: Mapping[str, object] | None = None,
        image_id: str = "",
        image_name: str = "",
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.proof = proof
        self.image_id = image_id
        self.image_name = image_name


class PlanOutdated(RetrofitError):
    """What was planned cannot be done any more as it was planned."""

    exit_code = 5


class Several(RetrofitError):
    """Something went wrong with some of several images; the exit code is that of the first.

    Args:
        what: What went wrong, as the end of a sentence about them.
        failures: What went wrong, by the names of the images.
        total: How many images there are.
    """

    _TOLD = 3

    def __init__(self, what: str, failures: Mapping[str, RetrofitError], total: int) -> None:
        told = [f"{name}: {error}" for name, error in failures.items()]
        more = len(told) - self._TOLD
        listed = "; ".join([*told[: self._TOLD], *([f"{more} more"] if more > 0 else [])])
        super().__init__(f"{len(told)} of {total} images {what}: {listed}")
        self.exit_code = next(iter(failures.values())).exit_code


class RolloutStopped(RetrofitError):
    """A load balancer did not come back, or some are not on the current image after a rollout."""

    exit_code = 6


class NewerDocument(RetrofitError):
    """A newer version of this project wrote a result, a history or a plan."""

    exit_code = 7


class ChecksFailed(RetrofitError):
    """A machine, a cloud or a mirror is not as builds need it; the message names the checks."""

    exit_code = 8


class Skipped(RetrofitError):
    """Parts of files cannot be understood and were skipped; all the rest was done."""

    exit_code = 9


class UsageError(RetrofitError):
    """The command line or a definition is wrong."""

    exit_code = 64


class ImageError(RetrofitError):
    """The input is no image that can be used: damaged, empty, or of an unsupported kind."""

    exit_code = 65


class InputMissing(RetrofitError):
    """A file, image or element that was named does not exist or cannot be read."""

    exit_code = 66


class Unavailable(RetrofitError):
    """A service that the build needs (mirror, Keystone, Glance) does not answer as it should."""

    exit_code = 69


class CommandError(RetrofitError):
    """A program that the engine ran failed, or did not end in time.

    Attributes:
        returncode: Exit status, negative for a signal; ``None`` after a time-out.
    """

    exit_code = 70

    def __init__(
        self,
        message: str,
        *,
        returncode: int | None = None,
        hint: str = "",
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.returncode = returncode


class ToolMissing(RetrofitError):
    """A program, kernel feature or device that the engine needs is not there."""

    exit_code = 72


class OutputError(RetrofitError):
    """The result cannot be written where it was asked for."""

    exit_code = 73


class NoSpace(RetrofitError):
    """A disk, the image's file system or a quota is full."""

    exit_code = 74


class Busy(RetrofitError):
    """Another build holds the lock."""

    exit_code = 75


class RecipeError(RetrofitError):
    """An element failed; the message names element, phase and script."""

    exit_code = 76


class Denied(RetrofitError):
    """Credentials or certificates were refused, or a permission is missing."""

    exit_code = 77


class ConfigError(RetrofitError):
    """A configuration value (cloud, pocket, mirror, tag) is wrong; the message names it."""

    exit_code = 78


class Interrupted(BaseException):
    """The user or the service manager asked the run to stop.

    Like Python's own :class:`KeyboardInterrupt` no :class:`Exception`: who deals with the error of
    one step and goes on must not take this for one.

    Args:
        signal_number: The signal that arrived; the exit code is 128 plus that, as in a shell.
        message: What became of what was under way.
    """

    hint = ""
    details: tuple[str, ...] = ()

    def __init__(
        self, signal_number: int, message: str = "interrupted; unfinished work was removed"
    ) -> None:
        super().__init__(signal_number, message)
        self.signal_number = signal_number
        self.message = message
        self.exit_code = 128 + signal_number

    def __str__(self) -> str:
        return self.message


def unexpected(error: Exception) -> RetrofitError:
    """Word an error that nobody raised on purpose."""
    details = tuple("".join(traceback.format_exception(error)).splitlines())
    if isinstance(error, PermissionError) and isinstance(error.filename, str):
        return Denied(
            f"cannot use {error.filename}: {error.strerror}",
            hint="check its permissions and those of the directories above it",
            details=details,
        )
    return RetrofitError(
        f"unexpected {type(error).__name__}: {error}",
        hint="run again with --debug and report the output",
        details=details,
    )
