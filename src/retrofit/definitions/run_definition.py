"""From options and request files to requests: where everything a person wrote is checked.

The command line and the charm's request file have the same words (:class:`RunDefinition`), so
what one says about an option holds in the other.
"""

from __future__ import annotations

import difflib
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
import typing_extensions

from .. import cloud, errors, model, recipes
from ..base_images import notation, origins
from ..host import authorities, files
from ..model import findings, releases
from ..planning import run_request
from ..proof import own_checks, proof_request
from ..publishing import file_target, glance_target
from . import agents, keys

GLANCE_PREFIX = notation.GLANCE

_Series = Annotated[
    str,
    keys.Shaped(
        "[a-z]*(-[0-9]{1,3}(-stream)?)?",
        "a series' first name in lower case, such as noble, or one like rocky-10",
    ),
]
_Architecture = Annotated[str, keys.Shaped("[a-z0-9_]*", "an architecture such as x86_64")]


def _usual_tag(known: Mapping[str, Any]) -> str:
    """Return the tag that images get if nobody chooses another, from the keys that are right."""
    return recipes.get(known.get("recipe", recipes.DEFAULT)).glance.tag


class RunDefinition(keys.Common):
    """A run as a person or the charm writes it down."""

    source: Annotated[str, pydantic.Field(min_length=1)]
    """Path or URL of the base image, ``glance:ID``, or ``glance:``, ``simplestreams:`` or
    ``simplestreams:URL`` for the newest that suits, ``bootstrap:`` to make one."""

    target: Annotated[str, pydantic.Field(min_length=1)]
    """Path of the image to write, or ``glance:`` to publish it."""

    force: bool = False
    """Replace the file, or publish although the same image is published already."""

    image_format: model.ImageFormat = model.ImageFormat.QCOW2
    """``qcow2`` or ``raw``."""

    series: _Series = ""
    """Series the base image must be of; empty leaves it open."""

    architecture: _Architecture = ""
    """Architecture of base images to consider, as Glance names it."""

    uca_pocket: keys.Pocket = ""
    """Pocket of the Ubuntu Cloud Archive."""

    amp_image_tag: Annotated[keys.TagOrNone, pydantic.Field(default_factory=_usual_tag)]
    """Tag by which a service finds the image; empty gives it none. Without it, the recipe's."""

    labels: tuple[keys.TagOrNone, ...] = ()
    """Further tags."""

    variant: str = ""
    """End of the image's name, where others are made that would be called the same."""

    run_id: str = ""
    """Name the caller gave the run, repeated in its result."""

    source_date: Annotated[int, pydantic.Field(strict=True, ge=0)] | None = None
    """Seconds since 1970 that nothing in the image is to be younger than."""

    trigger: model.Trigger = model.Trigger.SCHEDULE
    """What began the run, repeated in its result and in the history."""

    @classmethod
    def parse(cls, **values: object) -> typing_extensions.Self:
        """Check values from the command line; ``None`` stands for an option that was not given.

        Raises:
            errors.ConfigError: A value is wrong; the message names it.
        """
        given = {name: value for name, value in values.items() if value is not None}
        try:
            return cls.model_validate(given)
        except pydantic.ValidationError as error:
            raise _as_config_error(error) from error

    @classmethod
    def read(
        cls, path: pathlib.Path, *, once: pathlib.Path | None = None
    ) -> typing_extensions.Self:
        """Read a request file.

        Args:
            path: The request.
            once: What is different this time, in the same form; need not exist.

        Raises:
            errors.InputMissing: It cannot be read.
            errors.ConfigError: It is no request; the message names the wrong key.
        """
        values = read_object(path)
        if once is not None and once.exists():
            values |= read_object(once)
        try:
            # As JSON: there a list stands for a tuple, and a number is not taken for a text.
            return cls.model_validate_json(json.dumps(values))
        except pydantic.ValidationError as error:
            raise _as_config_error(error, place=f" in {path}") from error

    def to_request(self) -> run_request.RunRequest:
        """Return the request that the engine takes.

        Raises:
            errors.ConfigError: The series or a certificate is wrong.
            errors.InputMissing: A file that is named cannot be read.
        """
        if self.series:
            releases.check(releases.distribution_of(self.series), self.series)
        return run_request.RunRequest(
            source=self._source(),
            target=(
                self._in_glance()
                if self.target == GLANCE_PREFIX
                else file_target.FileTarget(pathlib.Path(self.target))
            ),
            build=self._build(),
            force=self.force,
            rebuild_on=self.rebuild_on,
            proof=self._proof(),
            cloud=cloud.Options(name=self.cloud, region=self.region, interface=self.interface),
            work_base=self.work_dir,
            cache=self.cache_dir,
        )

    def _in_glance(self) -> glance_target.GlanceTarget:
        """Return how the image is to be published."""
        return glance_target.GlanceTarget(
            amp_image_tag=self.amp_image_tag,
            labels=self.labels,
            variant=self.variant,
            visibility=self.visibility,
            properties=tuple(sorted(self.properties.items())),
            keep=self.keep,
        )

    def _source(self) -> origins.Source:
        """Return where the base image is to come from."""
        options = notation.Options(
            series=self.series,
            architecture=self.architecture,
            projects=self.source_projects,
            checksum=self.checksum,
            keyring=self.keyring,
            stream=self.stream,
            version=self.source_version,
            mirror=self.mirror,
            source_date=self.source_date,
        )
        return notation.parse(self.source, options)

    def _proof(self) -> proof_request.ProofRequest:
        """Return how the image is to be proved."""
        usual = findings.Depth.BOOT if self.target == GLANCE_PREFIX else findings.Depth.OFF
        depth = self.depth or usual
        if self.checks and depth is findings.Depth.OFF:
            raise errors.ConfigError(
                f"the check {next(iter(self.checks))} needs a proof, and the depth is off",
                hint="set the depth to rest or boot",
            )
        return proof_request.ProofRequest(
            depth=depth,
            flavor_disk=keys.size(self.flavor_disk)
            if self.flavor_disk
            else proof_request.FLAVOR_DISK,
            evidence=self.evidence,
            own=own_checks.listed(self.checks),
            firmwares=tuple(dict.fromkeys(self.firmware)),
        )

    def _build(self) -> model.BuildRequest:
        """Return what to make of the base image."""
        elements, variables = agents.variables(self.recipe, self.agent, self.agent_constraints)
        return model.BuildRequest(
            recipe=self.recipe,
            image_format=self.image_format,
            compression=self.compression,
            elements=(*elements, *self.elements),
            elements_paths=self.elements_paths,
            environment=tuple(sorted((variables | self.environment).items())),
            changes=model.Changes(
                packages=self.packages,
                copies=tuple(
                    (pathlib.Path(source), target)
                    for source, _, target in (word.partition(":") for word in self.copies)
                ),
                scripts=self.scripts,
                removals=self.removals,
            ),
            archives=model.Archives(
                mirror=self.mirror,
                uca_mirror=self.uca_mirror,
                uca_pocket=self.uca_pocket,
                ppas=self.ppas,
            ),
            proxies=model.Proxies(
                http=self.http_proxy, https=self.https_proxy, no_proxy=self.no_proxy
            ),
            ca_certificate=authorities.read(self.ca_certificate) if self.ca_certificate else "",
            root_size=keys.size(self.root_size) if self.root_size else None,
            series=self.series,
            source_date=self.source_date,
        )


def read_object(path: pathlib.Path) -> dict[str, object]:
    """Read a file that holds one JSON object.

    Raises:
        errors.InputMissing: It cannot be read.
        errors.ConfigError: It holds something else.
    """
    try:
        values = json.loads(files.content(path))
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise errors.ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise errors.ConfigError(f"{path} is not a JSON object")
    return values


def _as_config_error(error: pydantic.ValidationError, place: str = "") -> errors.ConfigError:
    """Say what pydantic found wrong first, in one line without its links and types."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]).replace("_", "-") or "the request"
    if first["type"] == "extra_forbidden":
        return errors.ConfigError(f"unknown key {where}{place}", hint=_similar(where))
    if first["type"] == "missing":
        return errors.ConfigError(f"{where} is missing{place}")
    problem = first["msg"][:1].lower() + first["msg"][1:]
    if where in ("http-proxy", "https-proxy"):
        # A proxy's password may be in it.
        return errors.ConfigError(f"wrong value of {where}{place}: {problem}")
    return errors.ConfigError(f"wrong value {first['input']!r} of {where}{place}: {problem}")


def _similar(name: str) -> str:
    """Return a hint at the key that was probably meant."""
    known = [field.replace("_", "-") for field in RunDefinition.model_fields]
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
