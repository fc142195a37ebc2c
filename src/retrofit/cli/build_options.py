"""Options of the commands that build one image for a person, as decorators."""

from __future__ import annotations

import functools

import rich_click as click

from .. import recipes
from ..model import findings
from . import options

_recipe = functools.partial(click.option, panel="Recipe")
_archives = functools.partial(click.option, panel="Package archives and proxies")
_proof = functools.partial(click.option, panel="Proof")

# What no image tells of itself: contents of this machine, and what may be secret.
own: options.Decorator = options.group(
    _recipe(
        "--elements-path",
        "elements_paths",
        metavar="DIR",
        multiple=True,
        type=options.DIRECTORY,
        help="Search this directory for elements first.",
    ),
    _recipe(
        "--env",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        help="Set an environment variable for the elements.",
    ),
    _recipe(
        "--package",
        "packages",
        metavar="NAME",
        multiple=True,
        help="Install this package.",
    ),
    _recipe(
        "--copy",
        "copies",
        metavar="SOURCE:TARGET",
        multiple=True,
        help="Copy this file or directory to an absolute path in the image.",
    ),
    _recipe(
        "--run",
        "scripts",
        metavar="SCRIPT",
        multiple=True,
        type=options.FILE,
        help="Run this script in the image after that.",
    ),
    _recipe(
        "--remove",
        "removals",
        metavar="PATH",
        multiple=True,
        help="Remove this path from the image at the end.",
    ),
)

# What is applied to the base image.
recipe: options.Decorator = options.group(
    _recipe("--recipe", metavar="NAME", help=f"Recipe of the image. [default: {recipes.DEFAULT}]"),
    _recipe(
        "--element", "elements", metavar="NAME", multiple=True, help="Also apply this element."
    ),
    _recipe(
        "--agent",
        metavar="SOURCE",
        help="Agent from git+URL@REF, octavia==VERSION, a path or a URL. [default: packages]",
    ),
    _recipe(
        "--agent-constraints",
        metavar="FILE|URL",
        help="Upper constraints for an agent from a source.",
    ),
    own,
)

# How archives are reached.
proxies: options.Decorator = options.group(
    _archives("--http-proxy", metavar="URL", help="Proxy of the build for http."),
    _archives("--https-proxy", metavar="URL", help="Proxy of the build for https."),
    _archives(
        "--no-proxy", metavar="HOST,…", help="Hosts that the build reaches without a proxy."
    ),
    _archives(
        "--ca-certificate",
        metavar="FILE",
        type=options.FILE,
        help="Also trust the certificate authorities in this file.",
    ),
)

# Archives beside that of the distribution, and how all are reached.
archives: options.Decorator = options.group(
    _archives("--uca-pocket", metavar="POCKET", help="Pocket of the Ubuntu Cloud Archive."),
    _archives("--uca-mirror", metavar="URL", help="Mirror of the Ubuntu Cloud Archive."),
    _archives(
        "--ppa",
        "ppas",
        metavar="ppa:OWNER/NAME",
        multiple=True,
        help="Add this personal package archive.",
    ),
    proxies,
)

# How it is proved.
proof: options.Decorator = options.group(
    _proof(
        "--depth",
        type=options.one_of(findings.Depth),
        help="Depth of the proof, before the image is tagged. [default: boot; off for a file]",
    ),
    options.firmware,
    options.own_checks,
    options.flavor_disk,
    options.evidence,
)
