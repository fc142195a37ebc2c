"""The amphora image that tests share: made once by the command, from a base image of theirs."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
from typing import Any

from .. import artefacts, paths, scratch
from ..base_images import base_images

_BUILD_TIMEOUT_S = 1800


@dataclasses.dataclass(frozen=True)
class Image:
    """An image and what it was made from.

    Attributes:
        path: The image, qcow2.
        base: The base image.
        result: What ``retrofit image --json`` said of the image.
    """

    path: pathlib.Path
    base: pathlib.Path
    result: dict[str, Any]


@functools.cache
def amphora() -> Image:
    """Return an amphora image made of the noble layout's base by ``retrofit image``."""
    base = base_images.noble()

    def build(directory: pathlib.Path) -> None:
        with (
            (directory / "result.json").open("wb") as result,
            # Its own, as what was cached before may be of another engine.
            scratch.directory("retrofit-cache") as cache,
        ):
            retrofit = [sys.executable, "-m", "retrofit", "image", "--json"]
            places = ["--work-dir", scratch.PLACE, "--cache-dir", cache]
            subprocess.run(
                [*retrofit, *places, base, directory / "amphora.qcow2"],
                stdout=result,
                timeout=_BUILD_TIMEOUT_S,
                check=True,
            )

    requirements = paths.REPOSITORY / "requirements" / "run.txt"
    made_from = artefacts.digest(base.name, paths.REPOSITORY / "src" / "retrofit", requirements)
    directory = artefacts.once(f"amphora-{made_from}", build)
    result = json.loads((directory / "result.json").read_text())["image"]
    return Image(directory / "amphora.qcow2", base, result)
