"""Makes an image of Glance again, and compares; what ``retrofit reproduce`` does."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping

from .. import cloud, errors
from ..base_images import glance
from ..building.disk import conversion, difference
from ..cloud import images
from ..host import files, progress, web
from ..host.sandbox import workshop
from ..planning import fingerprint, planner, run_request
from . import one

# So many inputs that are not the same are named.
_NAMED = 5


def reproduce(
    image: images.Image,
    told: Mapping[str, str],
    request: run_request.RunRequest,
    made: pathlib.Path,
    reporter: progress.Reporter,
) -> str:
    """Make an image again, and name the first difference; empty if it is the same bit for bit.

    Args:
        image: The image in Glance.
        told: Its inputs, as :func:`fingerprint.tell` returns them.
        request: What makes it again, into a file in a work directory.
        made: That file.
        reporter: Told of the steps.

    Raises:
        errors.ConfigError: The inputs are not the same any more.
        errors.RetrofitError: The image cannot be built, or had from Glance.
    """
    with contextlib.ExitStack() as held:
        connect = cloud.connector(request.cloud, held)
        base = planner.base_image(planner.find(request, connect))
        _check_inputs(image, told, fingerprint.tell(planner.inputs(request.build, base)))
        one.run(request, reporter)
        algorithm, _, digest = image.content_hash.partition(":")
        if algorithm and files.digest(made, algorithm) == digest:
            return ""
        original = glance.Wanted(image.id).find(connect, web.Access())
        brought = original.bring(made.parent, reporter)

        def compare(_: progress.Reporter) -> str:
            pair = made.with_name("again.raw"), made.with_name("original.raw")
            for source, raw in zip((made, brought), pair, strict=True):
                conversion.to_raw(source, raw)
            again, before = pair
            return difference.first(before, again, made.parent)

        with progress.step(reporter, "compare"):
            workshop.adopt(made)
            found = workshop.run(made.parent, compare, reporter)
    return found or "the disks are the same, and the files that hold them differ"


def _check_inputs(image: images.Image, told: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse to make something else: of other inputs comes another image."""
    differences = fingerprint.differences(told, found)
    if not differences:
        return
    named = [
        f"{each.name} {each.before or 'nothing'} → {each.after or 'nothing'}"
        for each in differences[:_NAMED]
    ]
    more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    raise errors.ConfigError(
        f"the image {image.id} was made of other inputs: {', '.join(named)}{more}",
        hint="give the variables, elements and files that it was made with, and use the same"
        " release of this project",
    )
