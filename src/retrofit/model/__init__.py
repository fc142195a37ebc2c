"""Words that every part of the engine shares: requests, releases, layouts, results."""

from __future__ import annotations

import dataclasses
import enum
import pathlib

from . import vocabulary

MIB = 1024 * 1024
GIB = 1024 * MIB


class ImageFormat(vocabulary.Word):
    """Disk formats an image can be written in."""

    QCOW2 = "qcow2"
    RAW = "raw"


class FileFormat(vocabulary.Word):
    """Formats of files that one build can make: disk images, then archives of the file tree."""

    QCOW2 = "qcow2"
    RAW = "raw"
    VHD = "vhd"
    VHDX = "vhdx"
    VMDK = "vmdk"
    VDI = "vdi"
    TAR = "tar"
    TGZ = "tgz"
    SQUASHFS = "squashfs"
    OCI = "oci"


# Those that hold files, and neither partitions nor a boot loader.
TREE_FORMATS = (FileFormat.TAR, FileFormat.TGZ, FileFormat.SQUASHFS, FileFormat.OCI)


class Compression(vocabulary.Word):
    """How a qcow2 is compressed: its ``compression_type`` (QEMU's ``docs/interop/qcow2.txt``)."""

    ZSTD = "zstd"
    ZLIB = "zlib"
    NONE = "none"


class Visibility(vocabulary.Word):
    """Who sees an image: Glance's words (its API reference, ``visibility``)."""

    PRIVATE = "private"
    SHARED = "shared"
    COMMUNITY = "community"
    PUBLIC = "public"


class Trigger(vocabulary.Word):
    """What begins a run: its time, a person, an option that changed, or a run that failed."""

    SCHEDULE = "schedule"
    ACTION = "action"
    OPTION = "option"
    RETRY = "retry"


class Fleet(enum.Enum):
    """Machines that run images of one kind, and that a service replaces by new ones."""

    LOAD_BALANCERS = "load balancers"


@dataclasses.dataclass(frozen=True)
class Release:
    """The operating system inside an image.

    Attributes:
        distribution: ``ID`` of os-release, such as ``ubuntu`` or ``debian``.
        version: ``VERSION_ID`` of os-release, such as ``24.04``.
        series: Code name, such as ``noble``.
        architecture: Debian architecture name, such as ``amd64``.
    """

    distribution: str
    version: str
    series: str
    architecture: str


@dataclasses.dataclass(frozen=True)
class Archives:
    """Where packages come from.

    Attributes:
        mirror: Base URL of the distribution's archive, or complete one-line ``deb …`` sources
            separated by newlines; empty keeps what the base image has.
        uca_mirror: Base URL of the Ubuntu Cloud Archive, or a complete one-line ``deb …`` source
            that needs no pocket; empty means the public one.
        uca_pocket: Pocket of the Ubuntu Cloud Archive, such as ``caracal``; empty means none.
        ppas: Personal package archives, each ``ppa:owner/name``.
    """

    mirror: str = ""
    uca_mirror: str = ""
    uca_pocket: str = ""
    ppas: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Proxies:
    """Proxies for the build (never kept in the image): URLs, and ``no_proxy`` comma separated."""

    http: str = ""
    https: str = ""
    no_proxy: str = ""

    def environment(self) -> dict[str, str]:
        """Return the variables by which programs are told, in both spellings."""
        named = {"http_proxy": self.http, "https_proxy": self.https, "no_proxy": self.no_proxy}
        given = {name: value for name, value in named.items() if value}
        return given | {name.upper(): value for name, value in given.items()}


@dataclasses.dataclass(frozen=True)
class Changes:
    """Small changes to an image that need no element of an operator.

    Attributes:
        packages: Packages to install.
        copies: File or directory of this machine, and its absolute path in the image.
        scripts: Scripts of this machine to run in the image after that.
        removals: Absolute paths to remove at the end.
    """

    packages: tuple[str, ...] = ()
    copies: tuple[tuple[pathlib.Path, str], ...] = ()
    scripts: tuple[pathlib.Path, ...] = ()
    removals: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class BuildRequest:
    """What to make out of a base image.

    Attributes:
        recipe: Name of the recipe, such as ``amphora``.
        image_format: Format of the result.
        files: Files to make of the result, where it is not one image.
        compression: How a qcow2 is compressed; means nothing to another format.
        qemu_img_options: Options of disk formats for qemu-img, of the files.
        elements: Further diskimage-builder elements to apply after the recipe's own.
        elements_paths: Directories in which such elements are looked up first.
        environment: Variables for the elements, as pairs sorted by name.
        changes: Small changes that need no element.
        archives: Package archives of the build and of the image.
        proxies: Proxies of the build.
        ca_certificate: PEM text of certification authorities that the build trusts in addition.
        root_size: Size in bytes the root file system gets at least; ``None`` leaves it to the
            recipe.
        series: Series that the base image must be of; empty accepts any supported one.
        source_date: Seconds since 1970 that nothing in the image is to be younger than, so that
            it can be made again bit for bit; ``None`` if it need not be.
    """

    recipe: str
    image_format: ImageFormat = ImageFormat.QCOW2
    files: tuple[FileFormat, ...] = ()
    compression: Compression = Compression.ZSTD
    qemu_img_options: str = ""
    elements: tuple[str, ...] = ()
    elements_paths: tuple[pathlib.Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    changes: Changes = Changes()
    archives: Archives = Archives()
    proxies: Proxies = Proxies()
    ca_certificate: str = ""
    root_size: int | None = None
    series: str = ""
    source_date: int | None = None


@dataclasses.dataclass(frozen=True)
class BaseImage:
    """A base image as its publisher describes it; what is not known is empty.

    Attributes:
        id: Glance's identifier; empty for a file.
        name: Name in Glance, or of the file.
        size: Bytes.
        content_hash: Algorithm and hexadecimal digest of the content, such as ``sha512:9b3f…``.
        product_name: Simplestreams product, such as ``com.ubuntu.cloud.daily:server:24.04:amd64``.
        version_name: Simplestreams version, such as ``20260801``.
        os_distro: Such as ``ubuntu``.
        os_version: Such as ``24.04``.
        architecture: As Glance spells it, such as ``x86_64``.
        min_ram: MiB that a machine of it needs at least.
        properties: All its properties in Glance, as pairs sorted by name.
    """

    id: str = ""
    name: str = ""
    size: int = 0
    content_hash: str = ""
    product_name: str = ""
    version_name: str = ""
    os_distro: str = ""
    os_version: str = ""
    architecture: str = ""
    min_ram: int = 0
    properties: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Package:
    """One installed package.

    Attributes:
        name: Its name.
        version: Its version.
        architecture: Debian's name of its architecture, or ``all``.
        security: Whether a security pocket offered this version when the image was made.
    """

    name: str
    version: str
    architecture: str
    security: bool = False


@dataclasses.dataclass(frozen=True)
class ArchiveSettings:
    """What the apt or dnf of an image was told of at the end of its build.

    Attributes:
        texts: Path and content of each file with sources, pins or variables, sorted, without
            credentials.
        keys: Path and content of each keyring that archives are verified with, sorted; one that is
            too large to be kept is empty.
        left: Packages of which the build left a newer version in the archives, as ``name`` or
            ``name:architecture``, each with that version; sorted.
    """

    texts: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, bytes], ...] = ()
    left: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """What a step of a build cost.

    Attributes:
        name: Name of the step.
        wall_s: Elapsed seconds.
        cpu_s: Processor seconds of the step's processes, user and system.
        peak_memory: Largest resident size of one process so far, in bytes.
        peak_disk: Bytes in use in the work directory at the end of the step.
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_memory: int
    peak_disk: int


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """A file that a build made of its result.

    Attributes:
        path: The file.
        file_format: Its format.
        size: Its size in bytes.
        sha256: Its hash, hexadecimal.
    """

    path: pathlib.Path
    file_format: FileFormat
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class BuildResult:
    """What a build made.

    Attributes:
        image: The image file.
        image_format: Its format.
        virtual_size: Size of the disk in bytes.
        size: Size of the file in bytes.
        sha256: Hash of the file, hexadecimal.
        sha512: Hash of the file, hexadecimal; what Glance keeps as ``os_hash_value``.
        release: What runs in it.
        packages: Packages installed in it, sorted by name.
        elements: Names of the elements that were applied, sorted.
        archives: What its apt or dnf was told of; ``None`` if it has none.
        uefi_alone: Whether only machines with UEFI start it, of those that may have a BIOS.
        files: The files that were asked for, in that order.
    """

    image: pathlib.Path
    image_format: ImageFormat
    virtual_size: int
    size: int
    sha256: str
    sha512: str
    release: Release
    packages: tuple[Package, ...]
    elements: tuple[str, ...] = ()
    archives: ArchiveSettings | None = None
    uefi_alone: bool = False
    files: tuple[ImageFile, ...] = ()
