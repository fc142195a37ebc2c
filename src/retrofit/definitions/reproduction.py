"""From what an image in Glance says of itself to the request that makes it again."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from .. import errors
from ..host import source_date
from ..model import architectures
from ..planning import run_request
from ..provenance import description
from . import run_definition

_BOOTSTRAP, _SIMPLESTREAMS = "bootstrap:", "simplestreams:"


def request(
    record: description.Record,
    told: Mapping[str, str],
    target: pathlib.Path,
    *,
    source: str = "",
    **given: object,
) -> run_request.RunRequest:
    """Return the request that makes an image again.

    Args:
        record: What the image says of itself.
        told: Its inputs, as :func:`retrofit.planning.fingerprint.tell` returns them.
        target: File to write.
        source: Where the base image is, if the image does not say it: by notation.
        given: What no image says: values of variables, changes, ways to reach archives; keys of
            :class:`.RunDefinition`.

    Raises:
        errors.ConfigError: The image was not built to be made again, or does not say what its
            base image was; a value is wrong.
    """
    provenance = record.provenance
    options, system = provenance.options, provenance.system
    if options.source_date is None:
        raise errors.ConfigError(
            f"the image {record.image.id} was not built to be made again bit for bit",
            hint=f"set the environment variable {source_date.VARIABLE} when images are built",
        )
    values = {
        "recipe": provenance.recipe,
        "elements": options.elements,
        "mirror": told.get("mirror", ""),
        "uca_mirror": told.get("uca-mirror", ""),
        "uca_pocket": told.get("uca-pocket", ""),
        "ppas": tuple(told.get("ppas", "").split()),
        "image_format": told.get("image-format"),
        "compression": told.get("compression") or None,
        "root_size": told.get("root-size") or None,
        "series": system.series,
        "architecture": architectures.kernel_architecture(system.architecture),
        "source_date": options.source_date,
    }
    if not source and _source(record) == _SIMPLESTREAMS:
        values["source_version"] = provenance.base.version
    return run_definition.RunDefinition.parse(
        source=source or _source(record), target=str(target), **values, **given
    ).to_request()


def _source(record: description.Record) -> str:
    """Return where the base image of an image is, by notation."""
    base = record.provenance.base
    if base.hash.startswith(_BOOTSTRAP):
        return _BOOTSTRAP
    if base.id:
        return f"{run_definition.GLANCE_PREFIX}{base.id}"
    if base.product:
        return _SIMPLESTREAMS
    raise errors.ConfigError(
        f"the image {record.image.id} was made of a file, {base.name!r}",
        hint="give this file with --source",
    )
