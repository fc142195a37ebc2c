"""The result file of a run for several images: of each what a run for it alone would tell."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Iterable

from .. import errors
from ..host import progress
from ..model.documents import run_document
from . import record

_UNFINISHED = (run_document.Outcome.WAITING, run_document.Outcome.RUNNING)


class Summary(record.Record):
    """Keeps the state of a run for several images in a file.

    Args:
        path: The file; ``None`` for none.
        names: Names of the images, in their order.
        reporter: Told of the steps.
        say: Called with the line about each image that has ended.
    """

    def __init__(
        self,
        path: pathlib.Path | None,
        names: Iterable[str],
        reporter: progress.Reporter,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(path, reporter)
        self._say = say
        waiting = run_document.Result(outcome=run_document.Outcome.WAITING)
        self._images = {name: waiting.model_copy(update={"name": name}) for name in names}
        self._keep(images=tuple(self._images.values()))

    def note(self, name: str, result: run_document.Result) -> None:
        """Keep what became of an image, and say it once it has ended."""
        self._images[name] = result.model_copy(update={"name": name})
        images = tuple(self._images.values())
        ended = sum(each.outcome not in _UNFINISHED for each in images)
        self._keep(images=images, step=f"{ended} of {len(images)} images")
        self._say(f"{name}: {_line(result)}")

    def finish(self) -> None:
        """Write how the run ended.

        Raises:
            errors.Several: Something went wrong with some of them.
        """
        images = tuple(self._images.values())
        made = [image for image in images if image.outcome.made]
        failed = {image.name: _Failure(image) for image in images if not image.outcome.good}
        counts = collections.Counter(image.outcome for image in images)
        parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        self._keep(
            reasons=tuple(
                reason.model_copy(update={"text": f"{image.name}: {reason.text}"})
                for image in made
                for reason in image.reasons
            ),
            shadowing=tuple(each for image in images for each in image.shadowing),
            untrusted=tuple(each for image in images for each in image.untrusted),
        )
        if failed:
            raise errors.Several("failed", failed, len(images))
        if made:
            self._end(
                run_document.Outcome.PUBLISHED,
                code=0,
                message=f"{len(images)} images: {parts}",
                image=made[0].image,
            )
            return
        self._end(
            run_document.Outcome.UP_TO_DATE,
            code=run_document.NOTHING_TO_DO,
            message=f"all {len(images)} images are up to date",
            hint="use force to build them again",
        )


class _Failure(errors.RetrofitError):
    """What went wrong with one image, from its state."""

    def __init__(self, image: run_document.Result) -> None:
        super().__init__(image.message or "it did not begin", hint=image.hint)
        self.exit_code = image.exit_code or self.exit_code


def _line(image: run_document.Result) -> str:
    """Return in one line how it ended, or what is to be done."""
    if image.outcome is run_document.Outcome.RUNNING:
        return "; ".join(reason.text for reason in image.reasons)
    if image.outcome.made:
        assert image.image is not None
        return f"{image.outcome} {image.image.id} {image.image.name}, {image.duration_s:.0f} s"
    hinted = image.hint and image.outcome is not run_document.Outcome.UP_TO_DATE
    return f"{image.message}; {image.hint}" if hinted else image.message
