"""Imports side by side, each in a process of its own, and fewer where Glance has no room."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import pickle
from collections.abc import Callable, Generator, Sequence

from .. import cloud, errors
from ..cloud import images
from ..host import http_errors, parallel
from . import importing

Outcome = images.Image | errors.RetrofitError
Import = Callable[[importing.Means], images.Image]

_RESULT = "result"
# What goes away when fewer images are on their way: refusals, and no room in Glance or here.
_CROWDED = (http_errors.Overloaded, errors.NoSpace)


@dataclasses.dataclass
class _Room:
    """How many images may be on their way at a time.

    Attributes:
        at_once: The number.
    """

    at_once: int

    def now(self) -> int:
        """Return the number as it is at present."""
        return self.at_once

    def halve(self) -> None:
        """Have half as many, but one at least."""
        self.at_once = max(1, self.at_once // 2)


def run(
    connection: cloud.Cloud, imports: Sequence[Import], means: importing.Means, *, at_once: int
) -> Generator[tuple[int, Outcome]]:
    """Import images; one that fails leaves the others.

    Where Glance answers that it is too much, or has no room, half as many go on side by side, and
    those that were refused are repeated at the end, one after the other.

    Args:
        connection: Where to; each process gets connections of its own.
        imports: What imports each image.
        means: How.
        at_once: How many at a time at most.

    Yields:
        Number of an import, in the order in which they end, and the image or what went wrong.

    Raises:
        errors.Interrupted: A signal arrived; nothing half-done is left.
    """
    if at_once == 1 or len(imports) == 1:
        for number, bring in enumerate(imports):
            yield number, _outcome(bring, means)
        return
    room = _Room(at_once)
    refused = []
    functions = {
        str(number): functools.partial(_be_child, connection, bring, means, str(number))
        for number, bring in enumerate(imports)
    }
    for name, code in parallel.run(functions, at_once=room.now):
        outcome = _result(means.work / name / _RESULT, code)
        if isinstance(outcome, _CROWDED):
            room.halve()
            refused.append(int(name))
        else:
            yield int(name), outcome
    for number in sorted(refused):
        yield number, _outcome(imports[number], means)


def _outcome(bring: Import, means: importing.Means) -> Outcome:
    try:
        return bring(means)
    except errors.RetrofitError as error:
        return error


def _be_child(connection: cloud.Cloud, bring: Import, means: importing.Means, name: str) -> int:
    """Import an image in a directory of its own, and leave the outcome there."""
    work = means.work / name
    work.mkdir()
    connection.separate()
    own = dataclasses.replace(means, work=work, reporter=means.beside)
    (work / _RESULT).write_bytes(pickle.dumps(_outcome(bring, own)))
    return 0


def _result(path: pathlib.Path, code: int) -> Outcome:
    """Return what a process left."""
    try:
        outcome: Outcome = pickle.loads(path.read_bytes())
    except FileNotFoundError:
        return errors.RetrofitError(f"the process of an import ended with {code}, and no result")
    return outcome
