"""An agent that is newer than its controller, and images that tell of no agent."""

from typing import Any

import pytest
from tests.support.provenance import records

from retrofit import model
from retrofit.cloud import images
from retrofit.model import diagnosis
from retrofit.provenance import description
from retrofit.publishing import survey
from retrofit.rollout import controller_releases, octavia_checks


def _image(*packages: model.Package) -> images.Image:
    said = description.properties(records.described(packages), packages)
    return records.image(dict(said))


def _found(
    selected: images.Image | None, newest: int, monkeypatch: pytest.MonkeyPatch
) -> diagnosis.Finding:
    """Return what is found of the release, for an image and the newest version of the API."""
    span = controller_releases.of_api([f"v2.{newest}"])
    found: Any = survey.Survey(selected, selected, None, (), (), (), ())
    monkeypatch.setattr(octavia_checks._Octavia, "_release", lambda _: span)
    monkeypatch.setattr(octavia_checks._Octavia, "_survey", lambda *_: found)
    check = octavia_checks.checks(None, ("octavia-amphora",))[-1]  # type: ignore[arg-type]
    return check.answer({"octavia": diagnosis.Finding("octavia", diagnosis.Outcome.OK, "")})


@pytest.mark.parametrize(("newest", "outcome"), [(26, "failed"), (28, "ok"), (30, "ok")])
def test_the_agent_may_not_be_newer_than_its_controller(
    newest: int, outcome: str, monkeypatch: pytest.MonkeyPatch
):
    image = _image(model.Package("amphora-agent", "1:14.0.0-0ubuntu1", "all"))

    found = _found(image, newest, monkeypatch)

    assert found.outcome.value == outcome
    assert "is 14 (2024.1), Octavia " in found.found


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (None, "no image or no release of Octavia is known"),
        (records.image({}), "does not list its packages"),
        (_image(*records.PACKAGES), "has no package of the agent"),
    ],
)
def test_an_image_that_does_not_tell_its_agent(
    image: images.Image | None, says: str, monkeypatch: pytest.MonkeyPatch
):
    found = _found(image, 26, monkeypatch)

    assert found.outcome is diagnosis.Outcome.NOT_CHECKED
    assert found.found.endswith(says)


@pytest.mark.parametrize(
    ("size", "min_disk", "needed"),
    [(0, 0, 0), (1, 0, 1), (3 * model.GIB, 0, 3), (3 * model.GIB + 1, 0, 4), (model.GIB, 8, 8)],
)
def test_the_disk_that_an_image_needs(size: int, min_disk: int, needed: int):
    image = records.image({}, virtual_size=size, min_disk=min_disk)
    assert octavia_checks._disk_needed(image) == needed
