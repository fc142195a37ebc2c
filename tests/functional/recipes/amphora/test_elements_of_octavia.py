"""The amphora recipe over Octavia's real elements, fetched as a build fetches them."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import model, recipes
from retrofit.building.elements import collect, dependencies, hooks
from retrofit.recipes.amphora import octavia_elements


@pytest.mark.parametrize("distribution", ["debian", "ubuntu"])
def test_the_recipes_elements_go_together(distribution: str, tmp_path: pathlib.Path) -> None:
    recipe = recipes.get("amphora")
    collect.collect(recipe, model.BuildRequest("amphora"), tmp_path / "all")
    paths = dependencies.search_paths(tmp_path / "all" / collect.ELEMENTS)
    elements = dependencies.expand(recipe.elements[distribution], paths)
    assert {"amphora-agent", "haproxy-octavia", "package-installs", "sysctl"} <= {
        element.name for element in elements
    }
    merged = hooks.merge(elements, tmp_path / "hooks")
    order = [script.name for script in merged.scripts("post-install.d")]
    # The units must be in shape before Octavia's element enables them.
    assert order.index("05-agent-units") < order.index("11-enable-amphora-agent-systemd")
    data = [script.name for script in merged.scripts("extra-data.d")]
    assert data.index("99-squash-package-install") < data.index("99-trim-package-installs")
    assert data.index("10-create-pkg-map-dir") < data.index("50-complete-pkg-maps")


def test_the_release_is_unpacked_complete(tmp_path: pathlib.Path) -> None:
    octavia_elements.fetch(tmp_path / "elements", model.Proxies())
    service = tmp_path / "elements/certs-ramfs/init-scripts/systemd/certs-ramfs.service"
    assert service.is_file()
    assert (tmp_path / "elements/haproxy-octavia/install.d/76-haproxy").stat().st_mode & 0o100
    assert [path.name for path in tmp_path.iterdir()] == ["elements"]
