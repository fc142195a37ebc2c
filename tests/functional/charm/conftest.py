"""A machine for the packed charm, beside a cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.charm import deployment, pack, traces


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    """One for all files: packages are installed once, and stay."""
    with deployment.ready(pack.charm(), tmp_path_factory.mktemp("hooks")) as ready:
        yield ready


@pytest.fixture(scope="module")
def driver(machine: deployment.Deployment) -> Iterator[deployment.Deployment]:
    """The charm is not deployed; Glance has a base image, and nothing else."""
    deployment.upload_base(machine.cloud, base_images.noble())
    yield machine
    machine.clear()
    traces.unmark(machine)
    for image in machine.images():
        machine.delete_image(image["id"])
