"""Keys that people and the charm write, in requests and definitions: their forms and meanings."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Annotated, Any

import pydantic
import pydantic_core

from .. import errors, model, recipes
from ..model import findings, reasons, tags
from ..proof import own_checks
from ..publishing import glance_target

_SIZE = re.compile(r"(?P<number>[1-9][0-9]*)(?P<unit>[MGT]?)i?B?")
_UNITS = {"": 1, "M": model.MIB, "G": model.GIB, "T": 1024 * model.GIB}
# What Glance itself says of an image, and what we say: none of it is for others to say.
_TAKEN = re.compile(
    "id|name|status|visibility|tags|owner|size|virtual_size|checksum|schema|self|file|locations|"
    "direct_url|stores|protected|min_disk|min_ram|disk_format|container_format|created_at|"
    "updated_at|os_hidden|os_hash_.*|os_glance_.*|architecture|os_distro|os_version|"
    "source_product_name|source_version_name|retrofit_.*"
)


@dataclasses.dataclass(frozen=True)
class Shaped:
    """Says of a text which shape it has, to pydantic and to those who read the schema.

    Attributes:
        pattern: Regular expression that all of the text has to match.
        meaning: The shape in words.
    """

    pattern: str
    meaning: str

    def check(self, value: str) -> str:
        """Return a text that has the shape."""
        if re.fullmatch(self.pattern, value) is None:
            raise wrong(f"it must be {self.meaning}")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> pydantic_core.CoreSchema:
        return pydantic_core.core_schema.no_info_after_validator_function(
            self.check, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, core: pydantic_core.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(core), "pattern": f"^({self.pattern})$"}


def wrong(problem: str) -> pydantic_core.PydanticCustomError:
    """Return the error that says of a value what is wrong, in words of ours."""
    # Braces would stand for values of the error's context.
    return pydantic_core.PydanticCustomError("wrong", "{problem}", {"problem": problem})


def _own_properties(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if _TAKEN.fullmatch(name):
            raise wrong(f"a definition cannot set {name}")
    return value


def _own_checks(value: dict[str, str]) -> dict[str, str]:
    for name, script in value.items():
        problem = own_checks.problem(name, script)
        if problem:
            raise wrong(problem)
    return value


Name = Annotated[
    str,
    Shaped(
        r"[A-Za-z0-9][A-Za-z0-9+._-]*", "a name of letters, digits, hyphens, underscores and dots"
    ),
]
Url = Annotated[
    str, Shaped(r"(https?://[^\s/]+\S*)?", "a URL that begins with http:// or https://")
]
Pocket = Annotated[str, Shaped(r"[a-z0-9/.-]*", "a pocket such as caracal")]
Size = Annotated[str, Shaped(r"([1-9][0-9]*[MGT]?i?B?)?", "a size such as 8G or 512M")]
Tag = Annotated[str, Shaped(tags.PATTERN, tags.MEANING)]
# The charm has an option that may be left empty, and so has the command line.
TagOrNone = Annotated[str, Shaped(f"({tags.PATTERN})?", tags.MEANING)]
_Variable = Annotated[str, Shaped(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a shell variable")]
_Package = Annotated[str, Shaped(r"[a-z0-9][a-z0-9+.:-]+", "the name of a package")]
_Copy = Annotated[
    str, Shaped(r"[^:]+:(/[^/]+)+", "of the form SOURCE:/TARGET, where TARGET is absolute")
]
_Removal = Annotated[str, Shaped("(/[^/]+)+", "an absolute path")]
_Ppa = Annotated[str, Shaped(r"ppa:[^\s/:]+/[^\s/:]+", "of the form ppa:owner/name")]
_Stream = Annotated[str, Shaped("(daily|released)?", "daily or released")]
_Interface = Annotated[str, Shaped("public|internal|admin", "public, internal or admin")]
_Property = Annotated[
    str, Shaped(r"[^\s/]{1,255}", "the name of a property, without space or slash")
]
_Properties = Annotated[dict[_Property, str], pydantic.AfterValidator(_own_properties)]


class Common(pydantic.BaseModel):
    """What a request and a definition say in the same words; names are hyphenated in files."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    source_projects: tuple[Name, ...] = ()
    """Projects whose images in Glance may be base images, beside public ones and those of the
    credentials' own project."""

    source_version: str = ""
    """Version of a simplestreams image; empty takes the newest."""

    stream: _Stream = ""
    """Stream of a simplestreams image, ``daily`` or ``released``."""

    checksum: str = ""
    """Of a base image at a URL, ``sha256:…`` or ``sha512:…``, or URL of a file of checksums."""

    keyring: pathlib.Path | None = None
    """Public keys of those who may sign a simplestreams index."""

    compression: model.Compression = model.Compression.ZSTD
    """Of a qcow2, ``zstd`` or ``zlib``."""

    rebuild_on: frozenset[reasons.Choice] = frozenset(reasons.USUAL)
    """Which reasons to build anew count, of ``base``, ``recipe``, ``security``, ``packages``."""

    recipe: Name = recipes.DEFAULT
    """Name of the recipe."""

    mirror: str = ""
    """Archive of the distribution: a base URL or one-line sources."""

    uca_mirror: str = ""
    """Base URL of the Ubuntu Cloud Archive, or one-line sources."""

    ppas: tuple[_Ppa, ...] = ()
    """Personal package archives."""

    elements: tuple[Name, ...] = ()
    """Elements to apply after the recipe's own."""

    elements_paths: tuple[pathlib.Path, ...] = ()
    """Where elements are looked up first."""

    environment: dict[_Variable, str] = {}
    """Variables for the elements."""

    agent: str = ""
    """Source of the amphora's agent: ``packages`` (default), ``git+URL@REF``, a directory with a
    git repository, file or URL of a source distribution, or ``octavia==VERSION``."""

    agent_constraints: str = ""
    """File or URL of upper constraints for an agent from a source."""

    packages: tuple[_Package, ...] = ()
    """Packages to install."""

    copies: tuple[_Copy, ...] = ()
    """Files and directories to copy into the image, each ``SOURCE:/TARGET``."""

    scripts: tuple[pathlib.Path, ...] = ()
    """Scripts to run in the image after that."""

    removals: tuple[_Removal, ...] = ()
    """Paths to remove from the image at the end."""

    http_proxy: Url = ""
    """Proxy of the build for http."""

    https_proxy: Url = ""
    """Proxy of the build for https."""

    no_proxy: str = ""
    """Hosts reached without a proxy, comma separated."""

    ca_certificate: pathlib.Path | None = None
    """File with certification authorities that the build trusts in addition."""

    root_size: Size | None = None
    """Least size of the root file system, such as ``8G``."""

    visibility: model.Visibility | None = None
    """Who sees the published image; without it, it is made ``shared``."""

    properties: _Properties = {}
    """Properties that the published image gets in addition."""

    keep: Annotated[int, pydantic.Field(strict=True, ge=0)] = glance_target.KEEP
    """How many images of a tag are kept, the current one counted; 0 keeps all."""

    cloud: str | None = None
    """Entry of clouds.yaml."""

    region: str | None = None
    """Region of the image service."""

    interface: _Interface | None = None
    """Endpoint type, ``public``, ``internal`` or ``admin``."""

    work_dir: pathlib.Path | None = None
    """Directory in which work directories are made."""

    cache_dir: pathlib.Path | None = None
    """Directory for what builds share."""

    depth: findings.Depth | None = None
    """How far the image is proved before it is tagged or delivered; without it ``boot`` for
    Glance, ``off`` for a file."""

    firmware: tuple[findings.Firmware, ...] = ()
    """What machines of a proof are started by, each; without it what the properties say."""

    flavor_disk: Size | None = None
    """Disk that machines of it get, such as ``8G``."""

    evidence: pathlib.Path | None = None
    """Directory in which the evidence of failed proofs is kept."""

    checks: Annotated[dict[str, str], pydantic.AfterValidator(_own_checks)] = {}
    """Scripts that a proof runs in addition, by name: in the image at rest with the word ``rest``,
    and in its machine with the word ``boot``. The image passes if they end with status 0."""

    @pydantic.field_validator(
        "keyring",
        "ca_certificate",
        "visibility",
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


def size(text: str) -> int:
    """Return the bytes that a size such as ``8G``, ``512M`` or ``3221225472`` stands for.

    Raises:
        errors.ConfigError: It is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise errors.ConfigError(f"{text!r} is not a size", hint="write a size such as 8G or 512M")
    return int(match["number"]) * _UNITS[match["unit"]]
