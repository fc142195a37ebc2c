"""Turns options and relation data into what the engine is asked for (``retrofit run``)."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from options import config
from retrofit import model

CLOUD = "octavia-diskimage-retrofit"

# What of a request does not change the image: where things are, how to get there, how much is
# proved of what was made, which reasons make another one and when, and how many stay.
_SURROUNDINGS = (
    "cloud",
    "region",
    "interface",
    "http-proxy",
    "https-proxy",
    "no-proxy",
    "ca-certificate",
    "depth",
    "evidence",
    "checks",
    "work-dir",
    "cache-dir",
    "rebuild-on",
    "keep",
    "schedule",
)


@dataclasses.dataclass(frozen=True)
class Cloud:
    """How to reach the cloud; the fields of clouds.yaml.

    Attributes:
        name: Entry of clouds.yaml.
        auth_url: Identity endpoint, version 3.
        username: Name of the service user.
        password: Password of the service user; never shown by ``repr``.
        project: Name of the project.
        user_domain: Name of the user's domain.
        project_domain: Name of the project's domain.
        region: Region of the image service.
        interface: Endpoint type, ``public`` or ``internal``.
        ca_certificate: File of the authority that signs the endpoints; empty for the system's.
        image_endpoint: URL of the image service; empty for the catalog's.
    """

    name: str
    auth_url: str
    username: str
    password: str = dataclasses.field(repr=False)
    project: str
    user_domain: str
    project_domain: str
    region: str
    interface: str
    ca_certificate: str
    image_endpoint: str


def compute(
    options: config.Options,
    *,
    proxies: model.Proxies,
    ca_certificate: str,
    directories: Mapping[str, pathlib.Path],
) -> dict[str, object]:
    """Return the definitions of the images that the options ask for, as the engine reads them.

    Args:
        options: The charm's options.
        proxies: Proxies of the model.
        ca_certificate: File of the cloud's authority, or empty.
        directories: Directories of the unit, by the keys of a definition.
    """
    defaults: dict[str, object] = {
        "compression": str(options.image_compression),
        **options.archives(),
        "source-projects": list(options.source_projects),
        "depth": str(options.proof_depth),
        "rebuild-on": [str(reason) for reason in options.rebuild_on],
        "keep": options.keep_images,
        "schedule": options.frequency,
    }
    defined = options.definitions()
    surroundings: dict[str, object] = {
        "http-proxy": proxies.http,
        "https-proxy": proxies.https,
        "no-proxy": proxies.no_proxy,
        "cloud": CLOUD,
        "region": options.region,
        "interface": interface(options),
        "ca-certificate": ca_certificate,
        **{key: str(path) for key, path in directories.items()},
    }
    return {
        "defaults": defaults | defined.get("defaults", {}) | surroundings,
        "images": defined["images"],
    }


def interface(options: config.Options) -> str:
    """Return the endpoint type that the options ask for."""
    return "internal" if options.use_internal_endpoints else "public"


def same_image(previous: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Tell whether two requests make the same images of the same base images."""
    # Those of previous revisions had no definitions, and nobody changed an option by upgrading.
    return "images" not in previous or _essence(previous) == _essence(request)


def _essence(request: Mapping[str, Any]) -> object:
    """Return what of a request decides which images there are."""
    listed = [request["defaults"], *request["images"]]
    return [
        {name: value for name, value in keys.items() if name not in _SURROUNDINGS}
        for keys in listed
    ]


def once(
    *,
    run_id: str,
    trigger: model.Trigger,
    source_image: str = "",
    force: bool = False,
    images: Sequence[str] = (),
) -> dict[str, object]:
    """Return what is different in one run only.

    Args:
        run_id: Name of the run, by which its result is recognised.
        trigger: What asks for it.
        source_image: Base image in Glance by ID; empty for the newest suitable one.
        force: Build even if the image is published already. Naming a base image does too, as
            it always has.
        images: Names of images that are defined, or of definitions; all without any.
    """
    overrides: dict[str, object] = {
        "run-id": run_id,
        "trigger": str(trigger),
        "force": force or bool(source_image),
    }
    if source_image:
        overrides["source"] = f"glance:{source_image}"
    if images:
        overrides["images"] = list(images)
    return overrides


def ca_path(directory: pathlib.Path, authority: str) -> str:
    """Return where the cloud's authority is kept, or nothing if there is none."""
    return str(directory / "ca.pem") if authority else ""
