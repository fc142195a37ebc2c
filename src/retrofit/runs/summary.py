"""The result file of a run for several images: of each what a run for it alone would tell."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import errors
from ..host import progress
from . import record

_WAITING = "waiting"
# Of an image's own state: the rest is that of the whole run.
_KEYS = (
    *(
        "outcome",
        "exit-code",
        "message",
        "hint",
        "started",
        "ended",
        "duration-s",
        "source",
        "foreign",
        "reasons",
    ),
    *("image", "proof", "rivals", "retired"),
)
_MADE = ("published", "tagged")


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
        self._images: dict[str, dict[str, Any]] = {
            name: {"name": name, "outcome": _WAITING} for name in names
        }
        self.state["images"] = list(self._images.values())
        self._write()

    def note(self, name: str, state: Mapping[str, Any]) -> None:
        """Keep what became of an image, and say it once it has ended."""
        image = self._images[name]
        image |= {key: state[key] for key in _KEYS if key in state}
        ended = sum(each["outcome"] not in (_WAITING, "running") for each in self._images.values())
        self.state["step"] = f"{ended} of {len(self._images)} images"
        self._write()
        self._say(f"{name}: {_line(image)}")

    def fail(self, error: errors.RetrofitError | errors.Interrupted) -> None:
        """Write why the run ended early, or that there was nothing to do."""
        if isinstance(error, errors.UpToDate):
            # Shadowing images are known already.
            self._end(
                outcome="up-to-date", code=error.exit_code, message=error.message, hint=error.hint
            )
            return
        super().fail(error)

    def finish(self) -> None:
        """Write how the run ended.

        Raises:
            errors.UpToDate: Nothing was to be done about any of the images.
            errors.Several: Something went wrong with some of them.
        """
        images = list(self._images.values())
        made = [image for image in images if image["outcome"] in _MADE]
        failed = {
            image["name"]: _Failure(image)
            for image in images
            if image["outcome"] not in (*_MADE, "up-to-date")
        }
        counts = collections.Counter(image["outcome"] for image in images)
        parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        told = f"{len(images)} images: {parts}"
        self.state["reasons"] = [
            {"kind": reason["kind"], "text": f"{image['name']}: {reason['text']}"}
            for image in made
            for reason in image.get("reasons", ())
        ]
        self.state["rivals"] = [each for image in images for each in image.get("rivals", ())]
        self.state["foreign"] = [each for image in images for each in image.get("foreign", ())]
        if failed:
            raise errors.Several("failed", failed, len(images))
        if not made:
            raise errors.UpToDate(
                f"all {len(images)} images are up to date",
                hint="force a build to have them made again",
            )
        self._end(outcome="published", code=0, message=told, image=made[0]["image"])


class _Failure(errors.RetrofitError):
    """What went wrong with one image, from its state."""

    def __init__(self, image: Mapping[str, Any]) -> None:
        super().__init__(image.get("message") or "it was not begun", hint=image.get("hint", ""))
        self.exit_code = image.get("exit-code") or self.exit_code


def _line(image: Mapping[str, Any]) -> str:
    """Return in one line how it ended, or what is to be done."""
    if image["outcome"] == "running":
        return "; ".join(reason["text"] for reason in image["reasons"])
    if image["outcome"] in _MADE:
        shown = image["image"]
        return f"{image['outcome']} {shown['id']} {shown['name']}, {image['duration-s']:.0f} s"
    hint = f"; {image['hint']}" if image["outcome"] != "up-to-date" and image["hint"] else ""
    return f"{image['message']}{hint}"
