"""Whether a service keeps machines of the images with a tag."""

from __future__ import annotations

import dataclasses
import sys
import types

import pytest
from tests.support.provenance import records

from retrofit import errors, recipes
from retrofit.provenance import marks
from retrofit.publishing import survey
from retrofit.runs import fleet

TAG = "wanted"


@pytest.fixture(autouse=True)
def _without_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a kind of image, ``loose``, of which no service keeps machines."""
    loose = dataclasses.replace(recipes.get("amphora"), name="loose", fleet=None)
    monkeypatch.setitem(sys.modules, "loose", types.SimpleNamespace(RECIPE=loose))
    monkeypatch.setitem(recipes.KINDS, "loose", "loose")


def _survey(recipe: str) -> survey.Survey:
    said = {marks.FINGERPRINT: "f", marks.RECIPE: recipe}
    image = dataclasses.replace(
        records.image(said), tags=frozenset((TAG, marks.OWN_TAG)), owner="ours"
    )
    return survey.survey(records.own([image], TAG), [image], "ours")


def test_a_kind_without_a_fleet_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="no service runs machines .* recipe loose"):
        fleet.check(_survey("loose"), TAG)


@pytest.mark.parametrize("recipe", ["amphora", "of a newer version"])
def test_others_are_looked_for(recipe: str) -> None:
    fleet.check(_survey(recipe), TAG)


def test_a_tag_without_an_image_is_for_others_to_refuse() -> None:
    fleet.check(survey.survey(records.own([], TAG), [], "ours"), TAG)
