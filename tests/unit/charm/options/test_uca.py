"""What the option uca-mirror may name, and what becomes of it."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from options import config, request
from retrofit import model
from retrofit.definitions import expansion

PPA = "ppa:ubuntu-openstack/amphora"
DEFINED = "images: [{name: amphora, releases: [jammy], tags: [amphora]}]"


def _archives(tmp_path: pathlib.Path, **options: Any) -> model.Archives:
    """Return what the engine reads from the request of some options."""
    loaded = config.load({name.replace("_", "-"): value for name, value in options.items()})
    wanted = request.compute(loaded, proxies=model.Proxies(), ca_certificate="", directories={})
    path = tmp_path / "request.json"
    path.write_text(json.dumps(wanted))
    [image] = expansion.read(path)
    assert image.run.series in ("", "jammy", "noble")
    return image.request.build.archives


@pytest.mark.parametrize(
    ("value", "archives"),
    [
        ("", model.Archives()),
        (
            "http://uca.example/ubuntu | KEY",
            model.Archives(uca_mirror="http://uca.example/ubuntu"),
        ),
        ("deb http://u.example a main", model.Archives(uca_mirror="deb http://u.example a main")),
        (PPA, model.Archives(ppas=(PPA,))),
        (f" {PPA} | KEY", model.Archives(ppas=(PPA,))),
        ("cloud:jammy-antelope", model.Archives(uca_pocket="jammy-updates/antelope")),
        ("cloud:jammy-antelope/proposed", model.Archives(uca_pocket="jammy-proposed/antelope")),
        ("cloud:jammy-antelope/updates", model.Archives(uca_pocket="jammy-updates/antelope")),
        ("cloud:jammy-proposed/antelope", model.Archives(uca_pocket="jammy-proposed/antelope")),
    ],
)
@pytest.mark.parametrize("definitions", ["", DEFINED])
def test_reaches_the_engine(
    tmp_path: pathlib.Path, value: str, archives: model.Archives, definitions: str
) -> None:
    found = _archives(tmp_path, uca_mirror=value, image_definitions=definitions)

    assert found == archives


def test_a_pocket_s_series_is_that_of_the_base() -> None:
    [image] = config.load({"uca-mirror": "cloud:jammy-antelope"}).images()
    assert image.run.series == "jammy"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"uca-mirror": "ppa:owner"}, "it must be a URL, a line that begins with deb, ppa:OWNER"),
        ({"uca-mirror": "cloud:antelope"}, "it must be a URL"),
        ({"uca-mirror": "cloud:jamy-antelope"}, "it must be cloud: with a series of Ubuntu"),
        ({"uca-mirror": "cloud:bookworm-antelope"}, "it must be cloud: with a series of Ubuntu"),
        (
            {"uca-mirror": "cloud:jammy-antelope", "retrofit-series": "noble"},
            "wrong option retrofit-series='noble': it must be jammy or empty, since uca-mirror",
        ),
        (
            {"uca-mirror": "cloud:jammy-antelope", "retrofit-uca-pocket": "caracal"},
            "wrong option retrofit-uca-pocket='caracal': it must be empty, since uca-mirror names",
        ),
    ],
)
def test_names_what_is_wrong(options: dict[str, str], message: str) -> None:
    with pytest.raises(config.WrongOption, match=".*") as refused:
        config.load(options)
    assert message in str(refused.value)
