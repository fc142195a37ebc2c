"""The list of an image's packages as diskimage-builder writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .. import model


def as_json(packages: Iterable[model.Package]) -> str:
    """Return packages as diskimage-builder writes them into the manifest of an image."""
    entries = [
        {
            "package": package.name,
            "arch": package.architecture,
            "version": package.version,
            "status": "ii ",
        }
        for package in packages
    ]
    return json.dumps({"packages": entries}, indent=4) + "\n"
