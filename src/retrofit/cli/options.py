"""Options that several commands share, as decorators."""

from __future__ import annotations

import functools
import inspect
import pathlib
import urllib.request
from collections.abc import Callable
from typing import Any

import rich_click as click

from .. import errors, model, recipes
from ..cloud import connecting
from ..host import authorities, web
from ..model import findings, vocabulary

Decorator = Callable[[Any], Any]

FILE = click.Path(dir_okay=False, path_type=pathlib.Path)
DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)

_cloud = functools.partial(click.option, panel="Cloud")
_image_files = functools.partial(click.option, panel="Image files")
_proof = functools.partial(click.option, panel="Proof")
_publishing = functools.partial(click.option, panel="Publishing")


def group(*decorators: Decorator) -> Decorator:
    """Return a decorator that adds options in their order."""

    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def one_of(words: type[vocabulary.Word]) -> click.Choice[str]:
    """Return the type of an option that takes one of the words of an enumeration."""
    return click.Choice([word.value for word in words])


def gather(name: str, make: Callable[..., object], *decorators: Decorator) -> Decorator:
    """Return a decorator that adds options and gives the command one value made of them.

    Args:
        name: The command's parameter.
        make: Makes the value; its parameters are the names of the options.
        *decorators: The options.
    """
    words = inspect.signature(make).parameters

    def decorate(command: Any) -> Any:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            value = make(**{word: given.pop(word) for word in words})
            command(**given, **{name: value})

        return group(*decorators)(run)

    return decorate


def _cloud_options(*names: str) -> Decorator:
    """Return the options that say which cloud to use, of which the first has further names."""
    return group(
        _cloud("--os-cloud", *names, "cloud", metavar="NAME", help="Cloud in clouds.yaml."),
        _cloud("--os-region-name", "region", metavar="NAME", help="Region of the image service."),
        _cloud(
            "--os-interface",
            "interface",
            metavar="TYPE",
            help="Endpoint type: public, internal or admin.",
        ),
    )


# Which cloud to use, as three options.
cloud_options: Decorator = _cloud_options()


def _where(cloud: str | None, region: str | None, interface: str | None) -> connecting.Options:
    return connecting.Options(cloud, region, interface)


# The same options as one value, ``where``.
where: Decorator = gather("where", _where, cloud_options)
# The same with the name that OpenStack Image Manager has for the first of them.
where_by_cloud: Decorator = gather("where", _where, _cloud_options("--cloud"))


def definitions(*, required: bool = False) -> Decorator:
    """Return the option ``definitions``."""
    return click.option(
        "--definitions",
        metavar="PATH",
        type=click.Path(path_type=pathlib.Path),
        required=required,
        help="Definitions file, or a directory of definitions files.",
    )


# Image files: ``images``, ``pattern``, ``check`` and ``force``.
image_files: Decorator = group(
    _image_files(
        "--images",
        metavar="DIR",
        default="etc/images/",
        show_default=True,
        help="Image file, a directory of image files, or git's URL@COMMIT:FOLDER.",
    ),
    _image_files(
        "--filter", "pattern", metavar="REGEX", default="", help="Only images whose name matches."
    ),
    _image_files(
        "--check/--no-check",
        default=True,
        help="Check the files against the schema. [default: check]",
    ),
    _image_files("--force", is_flag=True, help="Include images that are not enabled."),
)
amp_image_tag: Decorator = _publishing(
    "--amp-image-tag",
    metavar="TAG",
    default=recipes.DEFAULT_TAG,
    show_default=True,
    help="Tag by which Octavia finds the image.",
)
keep: Decorator = _publishing(
    "--keep",
    metavar="N",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Images to keep per tag and architecture, with the current image; 0 keeps all.",
)
evidence: Decorator = _proof(
    "--evidence",
    metavar="DIR",
    type=DIRECTORY,
    help="Save consoles and check results of a failed proof here.",
)
own_checks: Decorator = _proof(
    "--check",
    "check_scripts",
    metavar="SCRIPT",
    multiple=True,
    type=FILE,
    help="Also run this script in the image at rest, and in its machine.",
)
firmware: Decorator = _proof(
    "--firmware",
    "firmware",
    type=one_of(findings.Firmware),
    multiple=True,
    help="Start machines with this firmware. [default: that of the image's properties]",
)
flavor_disk: Decorator = _proof(
    "--flavor-disk",
    metavar="SIZE",
    default="8G",
    show_default=True,
    help="Disk size of the flavor that machines use.",
)
source_projects: Decorator = click.option(
    "--source-project",
    "source_projects",
    metavar="ID",
    multiple=True,
    help="Also trust images of this project in Glance.",
    panel="Base image",
)
work_dir: Decorator = click.option(
    "--work-dir",
    metavar="DIR",
    type=DIRECTORY,
    help="Parent of the work directory. [default: /var/tmp]",
)
once: Decorator = click.option(
    "--once",
    metavar="FILE",
    type=FILE,
    help="File with keys that override the request this time, if the file exists.",
)
yes: Decorator = click.option(
    "--yes", is_flag=True, help="Make the changes. Without it, the command only shows them."
)
debug: Decorator = click.option("--debug", is_flag=True, help="Print the full log.")
ca_certificate: Decorator = click.option(
    "--ca-certificate",
    metavar="FILE",
    type=FILE,
    help="Also trust the certificate authorities in this file.",
)


def access(ca_certificate: pathlib.Path | None) -> web.Access:
    """Return how web servers are reached: through the environment's proxies."""
    proxies = urllib.request.getproxies_environment()
    return web.Access(
        proxies=model.Proxies(
            http=proxies.get("http", ""),
            https=proxies.get("https", ""),
            no_proxy=proxies.get("no", ""),
        ),
        ca_certificate=authorities.read(ca_certificate) if ca_certificate else "",
    )


def as_json(what: str) -> Decorator:
    """Return the option ``as_json``; its help says that this is printed as JSON."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    """Split the ``NAME=VALUE`` words of an option.

    Raises:
        errors.UsageError: One has no ``=``.
    """
    found = {}
    for word in given:
        name, separator, value = word.partition("=")
        if not separator:
            raise errors.UsageError(f"{option} {word} is not of the form NAME=VALUE")
        found[name] = value
    return found
