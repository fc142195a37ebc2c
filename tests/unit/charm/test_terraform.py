"""The Terraform module against the charm that it deploys: it is parsed, and not run."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import hcl2
import yaml
from tests.support import paths

_MODULE: pathlib.Path = paths.REPOSITORY / "terraform"
_REFERENCE = re.compile(r"\bvar\.(\w+)")


def _charm(name: str) -> dict[str, Any]:
    path: pathlib.Path = paths.REPOSITORY / name
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _blocks(kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a kind in all files of the module, by their labels."""
    found: dict[str, dict[str, Any]] = {}
    for path in _MODULE.glob("*.tf"):
        for block in hcl2.loads(path.read_text(encoding="utf-8")).get(kind, ()):
            found |= {label.strip('"'): body for label, body in block.items()}
    return found


def _application() -> dict[str, Any]:
    body: dict[str, Any] = _blocks("resource")["juju_application"]['"retrofit"']
    return body


def test_deploys_this_charm() -> None:
    metadata = _charm("charmcraft.yaml")
    [charm] = _application()["charm"]
    bases = {platform.rpartition(":")[0] for platform in metadata["platforms"]}

    assert charm["name"].strip('"') == metadata["name"]
    assert _blocks("variable")["base"]["default"].strip('"') in bases


def test_every_variable_is_declared_described_and_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in _MODULE.glob("*.tf"))
    variables = _blocks("variable")

    assert set(_REFERENCE.findall(text)) == set(variables)
    assert [name for name, body in variables.items() if not body.get("description")] == []
    assert {"config", "resources", "revision", "channel", "base"} <= set(variables)


def test_hands_on_options_and_resources() -> None:
    application = _application()
    assert application["config"] == "${var.config}"
    assert application["resources"] == "${var.resources}"


def test_integrates_and_names_every_endpoint() -> None:
    endpoints = set(_charm("charmcraft.yaml")["requires"])
    main = (_MODULE / "main.tf").read_text(encoding="utf-8")
    outputs = _blocks("output")

    assert set(re.findall(r'"([a-z-]+)" += \{ name = var\.', main)) == endpoints
    assert set(re.findall(r'"([a-z-]+)"', outputs["requires"]["value"])) == endpoints
    assert {"app_name", "application"} <= set(outputs)
    assert outputs["app_name"]["value"] == "${juju_application.retrofit.name}"


def test_the_example_sets_options_that_there_are() -> None:
    readme = (_MODULE / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```hcl\n(.*?)```", readme, flags=re.DOTALL)
    [module] = hcl2.loads(example)["module"]
    body = module['"retrofit"']

    assert {name.strip('"') for name in body["config"]} <= set(_charm("config.yaml")["options"])
    known = {*_blocks("variable"), "source"}
    assert {name for name in body if not name.startswith("__")} <= known
