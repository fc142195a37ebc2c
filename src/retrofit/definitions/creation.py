"""From what people say of an image from scratch to the request for it."""

from __future__ import annotations

import dataclasses
import pathlib
import platform
import re
from collections.abc import Mapping, Sequence

from .. import errors, model
from ..base_images import bootstrap
from ..base_images.scratch import contents, shape, snapshots
from ..building.disk import conversion
from ..host import files, source_date, web
from ..model import architectures, releases
from ..planning import run_request
from ..publishing import file_target
from . import run_definition

# Without a boot file system of its own, which would take half of a small disk.
_LAYOUT = "jammy"
_PACKAGE = re.compile("[a-z0-9][a-z0-9+.-]+")
# Below it, no recipe has room; what a base image needs is checked when its packages are there.
_LEAST_DISK = model.GIB
# Of a base image whose disk has the size that was asked for, nothing grows.
_AS_IT_IS = 1


@dataclasses.dataclass(frozen=True)
class Creation:
    """What is said of an image from scratch beside what is said of every image.

    Attributes:
        series: Series of Ubuntu or Debian; empty takes Ubuntu's newest LTS.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        snapshot: Day, or moment, of which the mirrors are to be; empty takes the present.
        minimal: Whether the base has only what a machine needs to start.
        kernel: Package of the kernel; empty takes the distribution's for virtual machines.
        keyring: File with the keys of the archive; ``None`` takes the distribution's.
        disk_size: Size of the disk in bytes; ``None`` takes what the recipe needs.
        label: Label of the root file system; empty takes that of cloud images.
        tuning: Options of mke2fs for the root file system, in one line.
        qemu_img_options: Options of the formats of files for qemu-img, as it takes them.
        cache: Directory in which the packages of the base are kept; ``None`` keeps none.
        source_date: Seconds since 1970 that nothing in the image is to be younger than, so that
            it can be made again bit for bit; ``None`` if it need not be.
    """

    series: str = ""
    architecture: str = ""
    mirror: str = ""
    snapshot: str = ""
    minimal: bool = False
    kernel: str = ""
    keyring: pathlib.Path | None = None
    disk_size: int | None = None
    label: str = ""
    tuning: str = ""
    qemu_img_options: str = ""
    cache: pathlib.Path | None = None
    source_date: int | None = None


def request(
    creation: Creation,
    outputs: Sequence[tuple[model.FileFormat, pathlib.Path]],
    **values: object,
) -> run_request.RunRequest:
    """Return the request that makes an image from scratch.

    Args:
        creation: What to begin with.
        outputs: The files to write, each with its format.
        **values: Further keys of a request, as :meth:`.RunDefinition.parse` takes them.

    Raises:
        errors.ConfigError: A value is wrong, or not supported.
        errors.InputMissing: A file that is named cannot be read.
    """
    if any(str(path) == run_definition.GLANCE_PREFIX for _, path in outputs):
        raise errors.ConfigError(
            "an image from scratch is written to files, and not to glance:",
            hint="to publish it, build an image with the source bootstrap:",
        )
    architecture = creation.architecture or platform.machine()
    name = architectures.debian_architecture(architecture)
    if name not in architectures.OF_IMAGES:
        reason = architectures.NO_IMAGES.get(name, "the architecture is not supported")
        raise errors.ConfigError(
            f"images for {name} cannot be created: {reason}",
            hint=f"supported: {', '.join(architectures.OF_IMAGES)}",
        )
    if creation.disk_size is not None and creation.disk_size < _LEAST_DISK:
        raise errors.ConfigError(
            f"a disk of {creation.disk_size // model.MIB} MiB is too small for an image",
            hint=f"set a size of at least {_LEAST_DISK // model.GIB}G",
        )
    if creation.kernel and not _PACKAGE.fullmatch(creation.kernel):
        raise errors.ConfigError(
            f"wrong kernel {creation.kernel!r}: it must be the name of a package"
        )
    distribution = releases.distribution_of(creation.series)
    if creation.series and not releases.is_supported(creation.series):
        releases.check(distribution, creation.series)
        raise errors.ConfigError(
            f"images of {distribution} {creation.series} are not supported",
            hint=f"supported: {releases.supported(distribution)}",
        )
    if distribution in releases.RED_HAT:
        _check_red_hat(distribution, creation, values)
    wanted = bootstrap.Wanted(
        series=creation.series,
        architecture=architecture,
        mirror=creation.mirror,
        snapshot=snapshots.identifier(creation.snapshot) if creation.snapshot else "",
        holds=contents.Contents(
            creation.minimal, creation.kernel, _keys(creation.keyring), creation.source_date
        ),
        shape=shape.Shape(
            _LAYOUT, creation.disk_size, shape.label(creation.label), shape.tuning(creation.tuning)
        ),
        cache=creation.cache,
    )
    definition = run_definition.RunDefinition.parse(
        source="bootstrap:",
        target=str(outputs[0][1]),
        series=creation.series,
        mirror="" if creation.snapshot else creation.mirror,
        source_date=creation.source_date,
        **values,
    )
    usual = definition.to_request()
    formats = tuple(file_format for file_format, _ in outputs)
    compression = usual.build.compression
    if values.get("compression") is None:
        compression = conversion.compression_of(creation.qemu_img_options) or compression
    conversion.check_options(formats, creation.qemu_img_options, compression)
    build = dataclasses.replace(
        usual.build,
        # The disk itself, of which the files are made.
        image_format=model.ImageFormat.RAW,
        files=formats,
        compression=compression,
        qemu_img_options=creation.qemu_img_options,
        archives=_archives(wanted, usual.build),
        root_size=usual.build.root_size if creation.disk_size is None else _AS_IT_IS,
    )
    return dataclasses.replace(
        usual, source=wanted, target=file_target.FilesTarget(tuple(outputs)), build=build
    )


def _check_red_hat(distribution: str, creation: Creation, values: Mapping[str, object]) -> None:
    """Refuse what cannot be made of the Red Hat family, or only with more that is said."""
    if distribution == "rhel":
        raise errors.ConfigError(
            "images of rhel cannot be created: its repositories belong to a subscription",
            hint="use its cloud image, with retrofit image",
        )
    if creation.snapshot:
        raise errors.ConfigError(f"mirrors of {distribution} have no snapshots")
    if creation.source_date is not None:
        raise errors.ConfigError(
            f"images of {distribution} cannot be built bit for bit",
            hint=f"unset {source_date.VARIABLE}",
        )
    for key in ("uca_pocket", "uca_mirror", "ppas"):
        if values.get(key):
            raise errors.ConfigError(
                f"{key.replace('_', '-')} is not for {distribution}",
                hint="the Ubuntu Cloud Archive and personal package archives are Ubuntu's",
            )
    for name, value in (("mirror", creation.mirror), ("keyring", creation.keyring)):
        if not value:
            raise errors.ConfigError(
                f"no {name} of {distribution} is known", hint=f"set it with --{name}"
            )


def _archives(wanted: bootstrap.Wanted, build: model.BuildRequest) -> model.Archives:
    """Have the sources of the image name the keys of the mirror, and the snapshots of it.

    Those of the base image are checked with the distribution's own keys.
    """
    of_red_hat = releases.distribution_of(wanted.series) in releases.RED_HAT
    if of_red_hat or (not wanted.holds.keys and not wanted.snapshot):
        return build.archives
    # Loaded late, as it is by bootstrap.
    from ..base_images.scratch import archives

    recipe = bootstrap.recipe(wanted)
    access = web.Access(build.proxies, build.ca_certificate)
    found = archives.of_release(
        recipe.distribution,
        recipe.release,
        recipe.architecture,
        recipe.mirror,
        recipe.snapshot,
        access,
    )
    key = f"/etc/apt/keyrings/{wanted.holds.keyring}" if wanted.holds.keys else ""
    return dataclasses.replace(build.archives, mirror="\n".join(one.line(key) for one in found))


def _keys(keyring: pathlib.Path | None) -> bytes:
    if keyring is None:
        return b""
    try:
        return files.content(keyring)
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read the keyring {keyring}: {error.strerror}"
        ) from error


def named(
    output: pathlib.Path, formats: Sequence[model.FileFormat]
) -> list[tuple[model.FileFormat, pathlib.Path]]:
    """Return the path of a file in each format, as disk-image-create names them.

    The format is appended, after a suffix that is one of the formats was dropped.
    """
    suffix = output.suffix.removeprefix(".")
    stem = output.with_suffix("") if suffix in set(map(str, formats)) else output
    return [(one, stem.with_name(f"{stem.name}.{one}")) for one in formats]
