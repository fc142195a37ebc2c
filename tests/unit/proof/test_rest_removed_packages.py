"""Whether packages that elements removed are gone."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
from tests.unit.proof import trees

from retrofit import model
from retrofit.model import findings
from retrofit.proof.rest import removed_packages

_LIST = "/usr/share/octavia-diskimage-retrofit/removed-packages"


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({}, findings.passed("none were removed")),
        ({_LIST: "perl\n"}, findings.passed("perl")),
        (
            {_LIST: "perl\nresolvconf\n"},
            findings.failed("resolvconf is installed, which an element removed"),
        ),
    ],
)
def test_removed_packages(
    tmp_path: pathlib.Path, files: dict[str, str], verdict: findings.Verdict
) -> None:
    package = model.Package(name="resolvconf", version="1.91", architecture="all")
    image = dataclasses.replace(trees.image(tmp_path, files), packages=(package,))

    assert removed_packages.removed_packages().look(image) == verdict
