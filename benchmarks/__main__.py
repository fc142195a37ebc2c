"""Measures a build and its proof, and prints and writes the table: ``make bench``."""

from __future__ import annotations

import pathlib
import tempfile

from tests.support import base_images

from . import measure, table


def main() -> None:
    """Build an image, prove it to every depth, and say what each took."""
    base = base_images.noble()
    with tempfile.TemporaryDirectory(prefix="retrofit-bench-", dir="/var/tmp") as directory:
        image = pathlib.Path(directory, "amphora.qcow2")
        build = measure.retrofit("image", base, image)
        proof = measure.retrofit("verify", image, "--depth", "traffic")
    depths = [
        table.Row(f"proof, depth {depth}", seconds, seconds / build.wall_s)
        for depth, seconds in proof.output["seconds"].items()
    ]
    rows = [
        _whole("build: `retrofit image`", build, build),
        *depths,
        _whole("all of `retrofit verify --depth traffic`", proof, build),
    ]
    print(table.write(rows, accelerated=bool(proof.output["accelerated"])))


def _whole(what: str, measured: measure.Measured, build: measure.Measured) -> table.Row:
    """Return the row of a whole command."""
    ratio = measured.wall_s / build.wall_s
    return table.Row(what, measured.wall_s, ratio, measured.cpu_s, measured.peak_memory)


if __name__ == "__main__":
    main()
