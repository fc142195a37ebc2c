"""Files beside an image in a file: its digest, its packages, and what it was made of."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from .. import model
from ..provenance import description

# As sha256sum reads it; as diskimage-builder lists packages; the suffix that CycloneDX asks for.
_SUMS, _MANIFEST, _BILL = ".sha256", ".manifest", ".cdx.json"


def places(image: pathlib.Path) -> list[pathlib.Path]:
    """Return where the files beside an image are."""
    return [image.with_name(f"{image.name}{suffix}") for suffix in (_SUMS, _MANIFEST, _BILL)]


def write(
    made: model.ImageFile,
    image: pathlib.Path,
    origin: description.Provenance,
    packages: Iterable[model.Package],
) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Write the files that go beside an image, each beside the one that was made.

    Args:
        made: The image.
        image: Where it is to be.
        origin: What it was made of.
        packages: What is installed in it.

    Returns:
        Each file with where it is to be.
    """
    # Loaded late: they take half a second, and plans, which write nothing, know this module, too.
    from ..building import manifest
    from ..provenance import sbom

    packages = tuple(packages)
    texts = (
        f"{made.sha256}  {image.name}\n",
        manifest.as_json(packages),
        sbom.document(sbom.Subject(image.name, f"sha256:{made.sha256}"), origin, packages) + "\n",
    )
    pairs = list(zip(places(made.path), places(image), strict=True))
    for (written, _), text in zip(pairs, texts, strict=True):
        written.write_text(text, encoding="utf-8")
    return pairs
