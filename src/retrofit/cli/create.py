"""``retrofit create``: an image from a package mirror, without a cloud image to begin with."""

from __future__ import annotations

import functools
import pathlib

import rich_click as click

from .. import model
from ..definitions import creation, keys
from ..host import caches, source_date
from ..model import architectures
from ..proof import own_checks
from ..runs import one, results
from . import build_options, execution, options, reporting

_base = functools.partial(click.option, panel="Base system")
_outputs = functools.partial(click.option, panel="Outputs")
_PACKAGE_SETS = ("usual", "minimal")


@click.command("create")
@click.argument("output", type=options.FILE)
@_base("--series", metavar="NAME", default="", help="Series. [default: Ubuntu's newest LTS]")
@_base("--architecture", metavar="NAME", default="", help="Architecture, such as amd64.")
@_base("--mirror", metavar="URL", default="", help="Package mirror. [default: this machine's]")
@_base("--snapshot", metavar="DAY", default="", help="Packages as they were on this day.")
@_base("--keyring", metavar="FILE", type=options.FILE, help="Public keys that verify the mirror.")
@_base("--kernel", metavar="PACKAGE", default="", help="Package of the kernel.")
@_base(
    "--package-set",
    type=click.Choice(_PACKAGE_SETS),
    default=_PACKAGE_SETS[0],
    show_default=True,
    help="Packages of a cloud image, or only those that a machine needs to start.",
)
@build_options.recipe
@build_options.archives
@build_options.proof
@_outputs("--size", metavar="SIZE", help="Disk size, such as 2G. [default: that of the recipe]")
@_outputs("--root-label", metavar="LABEL", default="", help="Label of the root file system.")
@_outputs("--mkfs-options", metavar="WORDS", default="", help="Options of mke2fs, as '-i 4096'.")
@_outputs(
    "--qemu-img-options", metavar="NAME=VALUE,…", default="", help="Options of the disk formats."
)
@_outputs(
    "--format",
    "formats",
    type=options.one_of(model.FileFormat),
    multiple=True,
    help="Format of a file. Several are named OUTPUT.FORMAT. [default: qcow2]",
)
@_outputs(
    "--compression",
    type=options.one_of(model.Compression),
    help="Compression of a qcow2. QEMU before 5.1 reads zlib only. [default: zstd]",
)
@_outputs("--force", is_flag=True, help="Overwrite files.")
@options.work_dir
@click.option(
    "--cache-dir",
    metavar="DIR",
    type=options.DIRECTORY,
    help="Directory of the cache that builds share. [default: the user's cache directory]",
)
@click.option("--log-file", metavar="FILE", type=options.FILE, help="Also write the log here.")
@options.debug
def command(
    variables: tuple[str, ...],
    *,
    output: pathlib.Path,
    series: str,
    architecture: str,
    mirror: str,
    snapshot: str,
    keyring: pathlib.Path | None,
    kernel: str,
    package_set: str,
    size: str | None,
    root_label: str,
    mkfs_options: str,
    qemu_img_options: str,
    formats: tuple[str, ...],
    check_scripts: tuple[pathlib.Path, ...],
    cache_dir: pathlib.Path | None,
    log_file: pathlib.Path | None,
    debug: bool,
    **given: object,
) -> None:
    """Build a service image from a package mirror.

    OUTPUT is the image file. The command installs a base system, applies the recipe to it, and
    writes FILE.sha256, FILE.manifest (packages) and FILE.cdx.json (SBOM) beside each file.
    """
    execution.start_logging(debug=debug, file=log_file)
    wanted = [model.FileFormat(name) for name in dict.fromkeys(formats or ("qcow2",))]
    request = creation.request(
        creation.Creation(
            series=series,
            architecture=architectures.kernel_architecture(architecture),
            mirror=mirror,
            snapshot=snapshot,
            minimal=package_set == "minimal",
            kernel=kernel,
            keyring=keyring,
            disk_size=keys.size(size) if size else None,
            label=root_label,
            tuning=mkfs_options,
            qemu_img_options=qemu_img_options,
            cache=cache_dir or caches.of_builds(),
            source_date=source_date.of_environment(),
        ),
        [(wanted[0], output)] if len(wanted) == 1 else creation.named(output, wanted),
        checks=own_checks.read(check_scripts),
        environment=options.pairs("--env", variables),
        **given,
    )
    with reporting.reporter() as reporter:
        click.echo(results.as_lines(one.run(request, reporter)))
