"""``retrofit image``: one image from a base image, for a person at a terminal."""

from __future__ import annotations

import json
import pathlib

import click

from .. import errors
from . import execution, options, reporting

_DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)
_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["qcow2", "raw"]),
    help="Format of the image.  [default: qcow2]",
)
@click.option(
    "--compression",
    type=click.Choice(["zstd", "zlib"]),
    help="Of a qcow2; QEMU before 5.1 reads zlib only.  [default: zstd]",
)
@click.option("--recipe", help="What to make of it.  [default: amphora]")
@click.option("--element", "elements", metavar="NAME", multiple=True, help="Apply this, too.")
@click.option(
    "--elements-path",
    "elements_paths",
    metavar="DIR",
    multiple=True,
    type=_DIRECTORY,
    help="Look for elements here first.",
)
@click.option(
    "--env", "variables", metavar="KEY=VALUE", multiple=True, help="Set a variable for elements."
)
@click.option("--series", help="Refuse or pass over base images of another series.")
@click.option("--architecture", help="Architecture of base images in Glance, such as x86_64.")
@options.source_projects
@click.option(
    "--keyring", type=_FILE, help="Keys that may sign simplestreams.  [default: Ubuntu's]"
)
@click.option(
    "--stream",
    type=click.Choice(["daily", "released"]),
    help="Of simplestreams.  [default: daily]",
)
@click.option("--source-version", metavar="VERSION", help="Of simplestreams.  [default: newest]")
@click.option(
    "--checksum", help="Of the image at a URL: sha256:…, sha512:…, or URL of SHA256SUMS."
)
@click.option("--mirror", help="The distribution's archive: a URL, or one-line sources.")
@click.option("--uca-pocket", metavar="POCKET", help="Pocket of the Ubuntu Cloud Archive.")
@click.option("--uca-mirror", metavar="URL", help="Mirror of the Ubuntu Cloud Archive.")
@click.option("--ppa", "ppas", metavar="ppa:OWNER/NAME", multiple=True, help="Add this archive.")
@click.option("--http-proxy", metavar="URL", help="Proxy of the build for http.")
@click.option("--https-proxy", metavar="URL", help="Proxy of the build for https.")
@click.option("--no-proxy", metavar="HOST,…", help="What the build reaches without a proxy.")
@click.option("--ca-certificate", type=_FILE, help="Authorities that the build trusts, too.")
@click.option("--root-size", metavar="SIZE", help="Least size of the root file system: 8G.")
@options.work_dir
@options.cache_dir
@click.option(
    "--depth",
    type=click.Choice(["off", "rest", "boot", "traffic"]),
    help="Prove it before it is tagged or delivered.  [default: boot; off for a file]",
)
@options.flavor_disk
@options.evidence
@click.option("--force", is_flag=True, help="Replace OUTPUT, or publish the same image again.")
@click.option(
    "--rebuild-on",
    metavar="REASON,…",
    help="Reasons to publish anew: base, recipe, security, packages.  [default: the first three]",
)
@options.amp_image_tag
@options.keep
@options.cloud
@options.as_json("the result")
@options.debug
def image(
    variables: tuple[str, ...],
    *,
    rebuild_on: str | None,
    as_json: bool,
    debug: bool,
    **given: object,
) -> None:
    """Make an amphora image out of the cloud image INPUT.

    INPUT is a file, a URL (with --checksum), or an image in Glance, glance:ID. The newest that
    suits is taken of glance:, of Ubuntu's simplestreams: and of a mirror, simplestreams:URL;
    bootstrap: makes one from a package mirror.
    OUTPUT is a file, or glance: to publish the image there.
    """
    execution.start_logging(debug=debug)
    from ..definitions import run_definition
    from ..runs import one, results
    from . import images

    definition = run_definition.RunDefinition.parse(
        environment=_pairs(variables),
        rebuild_on=None if rebuild_on is None else [*filter(None, rebuild_on.split(","))],
        **given,
    )
    request = definition.to_request()
    with reporting.reporter() as reporter:
        result = one.run(request, reporter)
    if as_json:
        click.echo(json.dumps(results.as_json(result), indent=2))
        return
    click.echo(results.as_line(result))
    images.warn(result.rivals)


def _pairs(variables: tuple[str, ...]) -> dict[str, str]:
    """Split ``KEY=VALUE`` words.

    Raises:
        errors.UsageError: One has no ``=``.
    """
    pairs = {}
    for word in variables:
        name, separator, value = word.partition("=")
        if not separator:
            raise errors.UsageError(f"--env {word} is not of the form KEY=VALUE")
        pairs[name] = value
    return pairs
