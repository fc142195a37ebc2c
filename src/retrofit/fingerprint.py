"""Identity of an image by all that goes into it: the same fingerprint means nothing to do."""

from __future__ import annotations

import hashlib
import json

from . import __version__, model

# Part of every fingerprint: changes when the meaning of the other parts does.
_SCHEME = 1


def compute(*, base: str, elements: str, request: model.BuildRequest) -> str:
    """Return the fingerprint of a build.

    Options that cannot change what ends up in the image do not count: proxies and certificates
    (ways to reach the same archives; undone after the build), the series (the base image is told
    by its content), where elements lie (they are told by theirs) and the compression of what is
    not compressed. Order counts only where it can matter, which is in the lines of
    ``archives.mirror``.

    Args:
        base: Hash of the base image, with its algorithm.
        elements: Digest of all elements that are applied.
        request: What to make.

    Returns:
        64 hexadecimal digits.
    """
    archives = request.archives
    compressed = request.image_format is model.ImageFormat.QCOW2
    inputs = {
        "scheme": _SCHEME,
        "base": base,
        "recipe": request.recipe,
        "element-names": sorted(set(request.elements)),
        "elements": elements,
        "environment": sorted(request.environment),
        "mirror": archives.mirror,
        "uca-mirror": archives.uca_mirror,
        "uca-pocket": archives.uca_pocket,
        "ppas": sorted(set(archives.ppas)),
        "format": request.image_format,
        "compression": request.compression if compressed else None,
        "root-size": request.root_size,
        "engine": __version__,
    }
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
