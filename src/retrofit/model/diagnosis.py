"""Words of ``retrofit doctor``: checks of machine, cloud and mirrors, and what they found.

A room that knows a subject hands out its checks; whoever wants answers has them answered, one
after another or side by side. A check that fails never hides another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

from .. import errors
from . import vocabulary


class Outcome(vocabulary.Word):
    """What a check came to."""

    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        check: Identifier of the check, such as ``credentials``; it does not change.
        outcome: What it came to.
        found: What was seen, in one line; of a check that was not made, why.
        advice: What to do, in one line; empty if there is nothing to do.
        stops: Name of the check whose failure keeps those that need this one from being made;
            empty if nothing does.
    """

    check: str
    outcome: Outcome
    found: str
    advice: str = ""
    stops: str = ""

    def __str__(self) -> str:
        return f"{self.found}; {self.advice}" if self.advice else self.found


class NotChecked(Exception):
    """A question cannot be asked, and that is no fault; the text says why."""


@dataclasses.dataclass(frozen=True)
class Check:
    """A question that has an answer in one line.

    Attributes:
        name: Its identifier.
        ask: Returns what was seen if all is well, raises an error of ours if it is not, and
            :class:`NotChecked` if that cannot be told.
        needs: Names of the checks without which it makes no sense.
    """

    name: str
    ask: Callable[[], str]
    needs: tuple[str, ...] = ()

    def answer(self, earlier: Mapping[str, Finding]) -> Finding:
        """Ask, unless something that this needs is not well.

        Args:
            earlier: What the checks found that this one needs, by their names.
        """
        for name in self.needs:
            if failed := earlier[name].stops:
                return Finding(self.name, Outcome.NOT_CHECKED, f"{failed} failed", stops=failed)
        try:
            return Finding(self.name, Outcome.OK, self.ask())
        except NotChecked as reason:
            return Finding(self.name, Outcome.NOT_CHECKED, str(reason))
        except errors.RetrofitError as error:
            return _failed(self.name, error)
        except Exception as error:
            # Of a kind that nobody foresaw, but the other checks have their answers all the same.
            return _failed(self.name, errors.unexpected(error))


def in_order(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Have checks answered, one after another."""
    found: dict[str, Finding] = {}
    for check in checks:
        found[check.name] = check.answer(found)
    return tuple(found.values())


def _failed(name: str, error: errors.RetrofitError) -> Finding:
    message = " ".join(error.message.split())
    return Finding(name, Outcome.FAILED, message, error.hint, stops=name)
