"""Identity of an image by all that goes into it: the same inputs, nothing to do.

The inputs are kept on the image in a form that everybody may read, so that whoever comes later can
name what has changed since.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from .. import __version__, model
from ..building.archives import logins
from ..building.elements import repositories
from ..host import urls

# Part of every fingerprint: changes when the meaning of the inputs does.
_SCHEME = "2"
BASE = "base"
ENGINE = "engine"
RELEASE = "release "
ELEMENT = "element "
VARIABLE = "variable "

# Enough to see that something changed.
_DIGEST_LENGTH = 12
# And too few to find a password by trying: one in 65,536 fits.
_SECRET_LENGTH = 4


@dataclasses.dataclass(frozen=True)
class Difference:
    """An input that is not what it was.

    Attributes:
        name: Its name, as in :func:`inputs`.
        before: What it was; ``None`` if there was none.
        after: What it is; ``None`` if there is none.
    """

    name: str
    before: str | None
    after: str | None


def inputs(
    *,
    base: str,
    elements: Mapping[str, str],
    releases: Mapping[str, str],
    request: model.BuildRequest,
) -> dict[str, str]:
    """Return all that decides what ends up in an image, by name.

    Options that cannot change it do not count: proxies and certificates (ways to reach the same
    archives; undone after the build), the series (the base image is told by its content), where
    elements lie (they are told by theirs) and the compression of what is not compressed. Order
    counts only where it can matter, which is in the lines of ``mirror``.

    Args:
        base: Hash of the base image, with its algorithm.
        elements: Digests of the elements that are applied, by name.
        releases: Versions of the projects whose elements they are, by name: elements call their
            libraries.
        request: What to make.
    """
    archives = logins.without(request.archives)
    compressed = request.image_format is model.ImageFormat.QCOW2
    found = {
        "scheme": _SCHEME,
        ENGINE: __version__,
        BASE: base,
        "recipe": request.recipe,
        "elements": _listed(request.elements),
        "mirror": archives.mirror,
        "uca-mirror": archives.uca_mirror,
        "uca-pocket": archives.uca_pocket,
        "ppas": _listed(archives.ppas),
        "image-format": request.image_format.value,
        "compression": request.compression.value if compressed else "",
        "root-size": "" if request.root_size is None else str(request.root_size),
    }
    if request.source_date is not None:
        found["source-date"] = str(request.source_date)
    found |= {f"{RELEASE}{name}": version for name, version in releases.items()}
    found |= {f"{ELEMENT}{name}": digest for name, digest in elements.items()}
    variables = repositories.without_logins(request.environment)
    return found | {f"{VARIABLE}{name}": value for name, value in variables.items()}


def compute(all_inputs: Mapping[str, str]) -> str:
    """Return the fingerprint of :func:`inputs`, or of some of them: 64 hexadecimal digits."""
    return _digest(json.dumps(all_inputs, sort_keys=True, separators=(",", ":")))


def elements(all_inputs: Mapping[str, str]) -> str:
    """Return the part of the fingerprint that the elements make: 64 hexadecimal digits."""
    digests = {name: value for name, value in all_inputs.items() if name.startswith(ELEMENT)}
    return compute(digests)


def tell(all_inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs as an image may tell them: no password can be read or guessed.

    URLs lose their users, and of variables, which may be anything, a few digits of the hash stay.
    """

    def told(name: str, value: str) -> str:
        if name.startswith(VARIABLE):
            return _digest(value)[:_SECRET_LENGTH]
        if name.startswith(ELEMENT):
            return value[:_DIGEST_LENGTH]
        return urls.without_user(value)

    return {name: told(name, value) for name, value in sorted(all_inputs.items())}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return what differs between two images' inputs, both as :func:`tell` returns them."""
    return tuple(
        Difference(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _listed(names: tuple[str, ...]) -> str:
    return " ".join(sorted(set(names)))


def _digest(text: str) -> str:
    # JSON knows texts that no encoding does: halves of a surrogate pair.
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
