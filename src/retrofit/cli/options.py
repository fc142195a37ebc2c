"""Options that several commands share, as decorators."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..host import web

_Decorator = Callable[[Any], Any]
_DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)


def cloud(command: Any) -> Any:
    """Add the options that say which cloud to use: ``cloud``, ``region`` and ``interface``."""
    return _all(
        command,
        click.option("--os-cloud", "cloud", metavar="NAME", help="Cloud of clouds.yaml."),
        click.option(
            "--os-region-name", "region", metavar="NAME", help="Region of the image service."
        ),
        click.option(
            "--os-interface", "interface", help="Endpoint type: public, internal or admin."
        ),
    )


def definitions(*, required: bool = False) -> _Decorator:
    """Return the option ``definitions``."""
    return click.option(
        "--definitions",
        metavar="PATH",
        type=click.Path(path_type=pathlib.Path),
        required=required,
        help="File of definitions, or directory of such.",
    )


def image_files(command: Any) -> Any:
    """Add the options for image files: ``images``, ``pattern``, ``check`` and ``force``."""
    return _all(
        command,
        click.option(
            "--images",
            metavar="DIR",
            type=click.Path(path_type=pathlib.Path),
            default="etc/images/",
            show_default=True,
            help="Directory of image files, or one of them.",
        ),
        click.option(
            "--filter",
            "pattern",
            metavar="REGEX",
            default="",
            help="Only images in whose names this is found.",
        ),
        click.option(
            "--check/--no-check",
            default=True,
            help="Whether files must be as the schema says.  [default: check]",
        ),
        click.option("--force", is_flag=True, help="Images that are not enabled, too."),
    )


amp_image_tag: _Decorator = click.option(
    "--amp-image-tag",
    metavar="TAG",
    default="octavia-amphora",
    show_default=True,
    help="Tag by which Octavia finds the image.",
)
keep: _Decorator = click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Images to keep of a tag and architecture, the current one counted; 0 keeps all.",
)
evidence: _Decorator = click.option(
    "--evidence", metavar="DIR", type=_DIRECTORY, help="Keep consoles and checks in here."
)
flavor_disk: _Decorator = click.option(
    "--flavor-disk",
    metavar="SIZE",
    default="8G",
    show_default=True,
    help="Disk that machines of it get.",
)
source_projects: _Decorator = click.option(
    "--source-project",
    "source_projects",
    metavar="ID",
    multiple=True,
    help="Trust images of this project in Glance, too.",
)
work_dir: _Decorator = click.option(
    "--work-dir",
    type=_DIRECTORY,
    help="Work here.  [default: /var/tmp]",
)
cache_dir: _Decorator = click.option(
    "--cache-dir",
    type=_DIRECTORY,
    help="Share what was installed with other builds in here.  [default: the user's]",
)
once: _Decorator = click.option(
    "--once",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Keys that are different this time, if it exists.",
)
yes: _Decorator = click.option(
    "--yes", is_flag=True, help="Do it, in place of showing what would be done."
)
debug: _Decorator = click.option("--debug", is_flag=True, help="Print all that is done.")


ca_certificate: _Decorator = click.option(
    "--ca-certificate",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Trust these authorities of web servers, too.",
)


def access(ca_certificate: pathlib.Path | None) -> web.Access:
    """Return how web servers are reached: through the environment's proxies."""
    import urllib.request

    from .. import model
    from ..host import authorities
    from ..host import web as webs

    proxies = urllib.request.getproxies_environment()
    return webs.Access(
        proxies=model.Proxies(
            http=proxies.get("http", ""),
            https=proxies.get("https", ""),
            no_proxy=proxies.get("no", ""),
        ),
        ca_certificate=authorities.read(ca_certificate) if ca_certificate else "",
    )


def as_json(what: str) -> _Decorator:
    """Return the option ``as_json``; its help says that this is printed as JSON."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def _all(command: Any, *decorators: _Decorator) -> Any:
    """Apply decorators so that the options appear in their order."""
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
