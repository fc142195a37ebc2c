"""``octavia-diskimage-retrofit``: the options and exit codes of the snap of that name.

Its contract is what deployments rely on (docs/reference/cli.md): short options only, 64 for bad
usage (``-h`` included), 65 for bad paths, the list of packages in ``OUTPUT.manifest``.
"""

from __future__ import annotations

import os
import pathlib
import sys

import click

from .. import errors, model
from ..building import manifest as listing
from ..definitions import run_definition
from ..host import files
from ..runs import one
from . import execution, options, reporting

_NAME = "octavia-diskimage-retrofit"
_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)
_MANIFEST_MODE = 0o644


@click.command(add_help_option=False)
@click.argument("source", metavar="INPUT", type=_FILE)
@click.argument("target", metavar="OUTPUT", type=_FILE)
@click.option("-c", "uca_mirror", metavar="MIRROR", help="Mirror of the Ubuntu Cloud Archive.")
@click.option("-d", "debug", is_flag=True, help="Print all that is done.")
@click.option("-h", is_flag=True, is_eager=True, expose_value=False, callback=lambda *v: _help(*v))
@click.option("-m", "mirror", metavar="SOURCES", help=r"Ubuntu's archive: lines, \n between them.")
@click.option("-p", "ppa", metavar="PPA", help="Personal package archive to add.")
@click.option("-r", "keep_size", is_flag=True, help="Do not enlarge the root file system.")
@click.option("-u", "uca_pocket", metavar="POCKET", help="Pocket of the Ubuntu Cloud Archive.")
@click.option(
    "-O",
    "image_format",
    metavar="FORMAT",
    type=options.one_of(model.ImageFormat),
    help="Format of OUTPUT.  [default: qcow2]",
)
def retrofit(
    *,
    source: pathlib.Path,
    target: pathlib.Path,
    mirror: str | None,
    uca_mirror: str | None,
    ppa: str | None,
    keep_size: bool,
    debug: bool,
    **options: str | None,
) -> None:
    """Make an amphora image OUTPUT out of the Ubuntu cloud image INPUT."""
    execution.start_logging(debug=debug)
    _check_paths(source, target)
    definition = run_definition.RunDefinition.parse(
        source=str(source),
        target=str(target),
        # The snap overwrote what was there.
        force=True,
        mirror=_lines(mirror),
        uca_mirror=_lines(uca_mirror),
        ppas=(ppa,) if ppa else None,
        root_size="1" if keep_size else None,
        # The snap passed on http_proxy only (https://bugs.launchpad.net/bugs/1855766).
        http_proxy=os.environ.get("http_proxy"),
        https_proxy=os.environ.get("https_proxy"),
        no_proxy=os.environ.get("no_proxy"),
        **options,
    )
    with reporting.reporter() as reporter:
        result = one.run(definition.to_request(), reporter)
    assert result.build is not None
    manifest = target.with_name(f"{target.name}.manifest")
    files.write(manifest, listing.as_json(result.build.packages), mode=_MANIFEST_MODE)


def main() -> None:
    """Run the command line."""
    execution.execute(retrofit, name=_NAME)


def _help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print help and leave as the snap does: to standard error, with the code for bad usage."""
    if wanted:
        print(context.get_help(), file=sys.stderr)
        context.exit(errors.UsageError.exit_code)


def _check_paths(source: pathlib.Path, target: pathlib.Path) -> None:
    """Refuse paths that cannot work.

    Raises:
        errors.ImageError: INPUT is no file, or OUTPUT's directory does not exist.
    """
    if not source.is_file():
        raise errors.ImageError(f"the file {source} is missing")
    if not target.absolute().parent.is_dir():
        raise errors.ImageError(f"the directory {target.absolute().parent} is missing")


def _lines(sources: str | None) -> str | None:
    """Turn backslash and n, which separate lines on a command line, into line ends."""
    return sources.replace("\\n", "\n") if sources else None
