"""``retrofit image``: one image from a base image, for a person at a terminal."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import pathlib

import rich_click as click

from .. import errors, model
from ..building.elements import hooks
from ..definitions import run_definition
from ..host import source_date, terminal
from ..model import reasons
from ..model.documents import run_document
from ..proof import own_checks
from ..runs import one, results
from . import build_options, execution, images, options, reporting

# Options of one panel of the help, each.
_base = functools.partial(click.option, panel="Base image")
_recipe = functools.partial(click.option, panel="Recipe")
_archives = functools.partial(click.option, panel="Package archives and proxies")
_publishing = functools.partial(click.option, panel="Publishing")


@click.command("image")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@_base("--series", metavar="NAME", help="Series that the base image must have, such as noble.")
@_base("--architecture", metavar="NAME", help="Architecture of the base image, such as x86_64.")
@_base(
    "--stream",
    type=click.Choice(["daily", "released"]),
    help="Stream of simplestreams. [default: daily]",
)
@_base("--source-version", metavar="VERSION", help="Version in simplestreams. [default: newest]")
@_base(
    "--keyring",
    metavar="FILE",
    type=options.FILE,
    help="Public keys that verify simplestreams. [default: Ubuntu's]",
)
@_base("--checksum", metavar="SUM", help="sha256:…, sha512:…, or the URL of a SHA256SUMS file.")
@options.source_projects
@build_options.recipe
@_recipe(
    "--break",
    "breaks",
    metavar="PHASE",
    multiple=True,
    type=click.Choice(hooks.PHASES),
    help="Open a shell in the image before this phase of elements, such as install.d.",
)
@_recipe("--keep-failed", is_flag=True, help="Keep the files of the image if the build fails.")
@_recipe("--root-size", metavar="SIZE", help="Minimum size of the root file system, such as 8G.")
@_archives("--mirror", metavar="URL", help="Archive of the distribution, or one-line sources.")
@build_options.archives
@build_options.proof
@_publishing(
    "--amp-image-tag",
    metavar="TAG",
    help="Tag by which a service finds the image. [default: the recipe's]",
)
@options.keep
@_publishing(
    "--rebuild-on",
    metavar="REASON,…",
    help=f"Reasons to build again: {', '.join(reasons.Choice)}."
    f" [default: {','.join(reasons.USUAL)}]",
)
@options.cloud_options
@click.option(
    "--format",
    "image_format",
    type=options.one_of(model.ImageFormat),
    help="Format of the image. [default: qcow2]",
)
@click.option(
    "--compression",
    type=options.one_of(model.Compression),
    help="Compression of a qcow2. QEMU before 5.1 reads zlib only. [default: zstd]",
)
@click.option(
    "--force", is_flag=True, help="Overwrite OUTPUT, or publish an image that is up to date."
)
@options.work_dir
@click.option(
    "--cache-dir",
    metavar="DIR",
    type=options.DIRECTORY,
    help="Directory of the cache that builds share. [default: the user's cache directory]",
)
@options.as_json("the result")
@options.debug
def command(
    variables: tuple[str, ...],
    *,
    rebuild_on: str | None,
    check_scripts: tuple[pathlib.Path, ...],
    breaks: tuple[str, ...],
    keep_failed: bool,
    as_json: bool,
    debug: bool,
    **given: object,
) -> int:
    """Build a service image from a cloud image.

    INPUT is the base image: a file, a URL with --checksum, or glance:ID for an image in Glance.
    For glance:, simplestreams: or simplestreams:URL, the command selects the newest suitable
    image in Glance, in Ubuntu's streams or in a mirror of them. For bootstrap:, it builds a base
    image from a package mirror.

    OUTPUT is a file, or glance: to publish the image in Glance.
    """
    execution.start_logging(debug=debug)
    definition = run_definition.RunDefinition.parse(
        checks=own_checks.read(check_scripts),
        environment=options.pairs("--env", variables),
        source_date=source_date.of_environment(),
        rebuild_on=None if rebuild_on is None else [*filter(None, rebuild_on.split(","))],
        **given,
    )
    request = dataclasses.replace(definition.to_request(), breaks=breaks, keep_failed=keep_failed)
    with contextlib.ExitStack() as held:
        if breaks:
            _check_breaks(definition.target)
            held.enter_context(terminal.kept())
        reporter = held.enter_context(reporting.reporter(bars=not breaks))
        result = one.run(request, reporter)
    if result.outcome is run_document.Outcome.UP_TO_DATE:
        execution.nothing_to_do(result.message, result.hint)
    elif as_json:
        click.echo(json.dumps(results.as_json(result), indent=2))
    else:
        click.echo(results.as_line(result))
        images.warn(result.shadowing)
    return result.outcome.exit_code


def _check_breaks(target: str) -> None:
    """Refuse a shell that nobody could use, or in which people change what is published."""
    if target == run_definition.GLANCE_PREFIX:
        raise errors.UsageError(
            "--break is for an image in a file: what you change in the shell is in no fingerprint",
            hint="write the image to a file",
        )
    if not terminal.is_there():
        raise errors.UsageError(
            "--break needs a terminal", hint="run the command on a terminal, or omit the option"
        )
