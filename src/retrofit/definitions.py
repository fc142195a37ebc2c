"""From options and request files to requests: where everything a person wrote is checked.

The command line and the charm's request file have the same words (:class:`RunDefinition`), so
what is said of an option in one place holds in the other.
"""

from __future__ import annotations

import difflib
import json
import pathlib
import re
from typing import Annotated, Literal, Self

import pydantic
import pydantic_core

from . import authorities, cloud, errors, findings, model, plan, releases, requested
from .sources import finding, words

GLANCE_PREFIX = words.GLANCE

_SIZE = re.compile(r"(?P<number>[1-9][0-9]*)(?P<unit>[MGT]?)i?B?")
_UNITS = {"": 1, "M": model.MIB, "G": model.GIB, "T": 1024 * model.GIB}


def _shaped(pattern: str, meaning: str) -> pydantic.AfterValidator:
    """Return a check that a text has a shape, which says in words what the shape is."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise pydantic_core.PydanticCustomError("shape", f"it must be {meaning}")
        return value

    return pydantic.AfterValidator(check)


_Name = Annotated[
    str,
    _shaped(
        r"[A-Za-z0-9][A-Za-z0-9+._-]*", "a name of letters, digits, hyphens, underscores and dots"
    ),
]
_Url = Annotated[
    str, _shaped(r"(https?://[^\s/]+\S*)?", "a URL that begins with http:// or https://")
]
_Variable = Annotated[str, _shaped(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a shell variable")]
_Ppa = Annotated[str, _shaped(r"ppa:[^\s/:]+/[^\s/:]+", "of the form ppa:owner/name")]
_Series = Annotated[str, _shaped(r"[a-z]*", "a series' first name in lower case, such as noble")]
_Architecture = Annotated[str, _shaped(r"[a-z0-9_]*", "an architecture such as x86_64")]
_Pocket = Annotated[str, _shaped(r"[a-z0-9/.-]*", "a pocket such as caracal")]
_Stream = Annotated[str, _shaped("(daily|released)?", "daily or released")]
_Interface = Annotated[str, _shaped("public|internal|admin", "public, internal or admin")]
# Glance allows 255 characters; a comma would split the tag in queries.
_Tag = Annotated[
    str, _shaped(r"[^\s,]{0,255}", "at most 255 characters, no space or comma among them")
]


class RunDefinition(pydantic.BaseModel):
    """A run as a person or the charm writes it down; names are hyphenated in the file.

    Attributes:
        source: Path or URL of the base image, ``glance:ID``, or ``glance:``, ``simplestreams:``
            or ``simplestreams:URL`` for the newest that suits, ``bootstrap:`` to make one.
        source_projects: Projects whose images in Glance may be base images, beside public ones
            and those of the credentials' own project.
        source_version: Version of a simplestreams image; empty takes the newest.
        stream: Stream of a simplestreams image, ``daily`` or ``released``.
        checksum: Of a base image at a URL, ``sha256:…`` or ``sha512:…``, or URL of a file of
            checksums.
        keyring: Public keys of those who may sign a simplestreams index.
        target: Path of the image to write, or ``glance:`` to publish it.
        force: Replace the file, or publish although the same image is published already.
        image_format: ``qcow2`` or ``raw``.
        compression: Of a qcow2, ``zstd`` or ``zlib``.
        rebuild_on: Which reasons to build anew count, of ``base``, ``recipe``, ``security`` and
            ``packages``.
        recipe: Name of the recipe.
        series: Series the base image must be of; empty leaves it open.
        architecture: Architecture of base images to consider, as Glance names it.
        mirror: Archive of the distribution: a base URL or one-line sources.
        uca_mirror: Base URL of the Ubuntu Cloud Archive, or one-line sources.
        uca_pocket: Pocket of the Ubuntu Cloud Archive.
        ppas: Personal package archives.
        elements: Elements to apply after the recipe's own.
        elements_paths: Where elements are looked up first.
        environment: Variables for the elements.
        http_proxy: Proxy of the build for http.
        https_proxy: Proxy of the build for https.
        no_proxy: Hosts reached without a proxy, comma separated.
        ca_certificate: File with certification authorities that the build trusts in addition.
        root_size: Least size of the root file system, such as ``8G``.
        amp_image_tag: Tag by which Octavia finds the image; empty gives it none.
        cloud: Entry of clouds.yaml.
        region: Region of the image service.
        interface: Endpoint type, ``public``, ``internal`` or ``admin``.
        work_dir: Directory in which work directories are made.
        cache_dir: Directory for what builds share.
        depth: How far the image is proved before it is tagged or delivered; without it ``boot``
            for Glance, ``off`` for a file.
        flavor_disk: Disk that machines of it get, such as ``8G``.
        evidence: Directory in which the evidence of failed proofs is kept.
        run_id: Name the caller gave the run, repeated in its result.
        trigger: What began the run, repeated in its result and in the history.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
    )

    source: Annotated[str, pydantic.Field(min_length=1)]
    source_projects: tuple[_Name, ...] = ()
    source_version: str = ""
    stream: _Stream = ""
    checksum: str = ""
    keyring: pathlib.Path | None = None
    target: Annotated[str, pydantic.Field(min_length=1)]
    force: bool = False
    image_format: model.ImageFormat = model.ImageFormat.QCOW2
    compression: model.Compression = model.Compression.ZSTD
    rebuild_on: frozenset[Literal["base", "recipe", "security", "packages"]] = frozenset(
        ("base", "recipe", "security")
    )
    recipe: _Name = "amphora"
    series: _Series = ""
    architecture: _Architecture = ""
    mirror: str = ""
    uca_mirror: str = ""
    uca_pocket: _Pocket = ""
    ppas: tuple[_Ppa, ...] = ()
    elements: tuple[_Name, ...] = ()
    elements_paths: tuple[pathlib.Path, ...] = ()
    environment: dict[_Variable, str] = {}
    http_proxy: _Url = ""
    https_proxy: _Url = ""
    no_proxy: str = ""
    ca_certificate: pathlib.Path | None = None
    root_size: str | None = None
    amp_image_tag: _Tag = "octavia-amphora"
    cloud: str | None = None
    region: str | None = None
    interface: _Interface | None = None
    work_dir: pathlib.Path | None = None
    cache_dir: pathlib.Path | None = None
    depth: findings.Depth | None = None
    flavor_disk: str | None = None
    evidence: pathlib.Path | None = None
    run_id: str = ""
    trigger: model.Trigger = model.Trigger.SCHEDULE

    @classmethod
    def parse(cls, **values: object) -> Self:
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
    def read(cls, path: pathlib.Path, *, once: pathlib.Path | None = None) -> Self:
        """Read a request file.

        Args:
            path: The request.
            once: What is different this time, in the same form; need not exist.

        Raises:
            errors.InputMissing: It cannot be read.
            errors.ConfigError: It is no request; the message names the wrong key.
        """
        values = _read_object(path)
        if once is not None and once.exists():
            values |= _read_object(once)
        try:
            # As JSON: there a list stands for a tuple, and a number is not taken for a text.
            return cls.model_validate_json(json.dumps(values))
        except pydantic.ValidationError as error:
            raise _as_config_error(error, place=f" in {path}") from error

    @pydantic.field_validator(
        "keyring",
        "ca_certificate",
        "root_size",
        "cloud",
        "region",
        "interface",
        "depth",
        "flavor_disk",
        "evidence",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        """Take an empty text, an option's default in Juju, for a key that was left out."""
        return None if value == "" else value

    def to_request(self) -> requested.RunRequest:
        """Return the request that the engine takes.

        Raises:
            errors.ConfigError: The series or a certificate is wrong.
            errors.InputMissing: A file that is named cannot be read.
        """
        if self.series and not releases.is_known("debian", self.series):
            releases.check("ubuntu", self.series)
        return requested.RunRequest(
            source=self._source(),
            target=(
                requested.GlanceTarget(amp_image_tag=self.amp_image_tag)
                if self.target == GLANCE_PREFIX
                else pathlib.Path(self.target)
            ),
            build=self._build(),
            force=self.force,
            rebuild_on=frozenset(map(plan.Kind, self.rebuild_on)),
            proof=self._proof(),
            cloud=cloud.Options(name=self.cloud, region=self.region, interface=self.interface),
            work_base=self.work_dir,
            cache=self.cache_dir,
        )

    def _source(self) -> finding.Source:
        """Return where the base image is to come from."""
        options = words.Options(
            series=self.series,
            architecture=self.architecture,
            projects=self.source_projects,
            checksum=self.checksum,
            keyring=self.keyring,
            stream=self.stream,
            version=self.source_version,
            mirror=self.mirror,
        )
        return words.parse(self.source, options)

    def _proof(self) -> requested.ProofRequest:
        """Return how the image is to be proved."""
        usual = findings.Depth.BOOT if self.target == GLANCE_PREFIX else findings.Depth.OFF
        return requested.ProofRequest(
            depth=self.depth or usual,
            flavor_disk=size(self.flavor_disk) if self.flavor_disk else requested.FLAVOR_DISK,
            evidence=self.evidence,
        )

    def _build(self) -> model.BuildRequest:
        """Return what to make of the base image."""
        return model.BuildRequest(
            recipe=self.recipe,
            image_format=self.image_format,
            compression=self.compression,
            elements=self.elements,
            elements_paths=self.elements_paths,
            environment=tuple(sorted(self.environment.items())),
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
            root_size=size(self.root_size) if self.root_size else None,
            series=self.series,
        )


def size(text: str) -> int:
    """Return the bytes that a size such as ``8G``, ``512M`` or ``3221225472`` stands for.

    Raises:
        errors.ConfigError: It is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise errors.ConfigError(f"{text!r} is no size", hint="write it as 8G or 512M")
    return int(match["number"]) * _UNITS[match["unit"]]


def _read_object(path: pathlib.Path) -> dict[str, object]:
    """Read a file that holds one JSON object."""
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise errors.ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise errors.ConfigError(f"{path} holds no JSON object")
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
