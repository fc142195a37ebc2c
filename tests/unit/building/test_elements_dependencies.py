"""Which elements an element needs."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors
from retrofit.building.elements import dependencies


@pytest.fixture
def paths(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    """Two directories of elements, the first one looked up first."""
    contents = {
        "first": {"both": ""},
        "second": {"both": "", "system": "", "user": "both\nvirtual", "needy": "nowhere"},
    }
    for directory, elements in contents.items():
        for name, needed in elements.items():
            (tmp_path / directory / name).mkdir(parents=True)
            (tmp_path / directory / name / "element-deps").write_text(needed)
    (tmp_path / "second/system/element-provides").write_text("operating-system\nvirtual\n")
    return [tmp_path / "first", tmp_path / "second"]


def test_needed_elements_are_found(paths: list[pathlib.Path]) -> None:
    found = dependencies.expand(["user", "system"], paths)
    assert [element.name for element in found] == ["both", "system", "user"]


def test_an_earlier_directory_hides_a_later_one(paths: list[pathlib.Path]) -> None:
    found = dependencies.expand(["user", "system"], paths)
    assert found[0].path == paths[0] / "both"


def test_the_order_of_directories_is_that_of_their_names(tmp_path: pathlib.Path) -> None:
    for name in ("02", "00", "10", "01"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert [path.name for path in dependencies.search_paths(tmp_path)] == ["00", "01", "02", "10"]


def test_a_missing_element_is_named(paths: list[pathlib.Path]) -> None:
    with pytest.raises(errors.InputMissing, match="unknown element 'mistyped';"):
        dependencies.expand(["system", "mistyped"], paths)


def test_a_missing_element_that_another_needs_is_named_with_it(paths: list[pathlib.Path]) -> None:
    with pytest.raises(errors.InputMissing, match="unknown element 'nowhere', which needy needs"):
        dependencies.expand(["system", "needy"], paths)


def test_elements_without_an_operating_system_are_refused(paths: list[pathlib.Path]) -> None:
    with pytest.raises(errors.ConfigError, match="none of the elements both provides"):
        dependencies.expand(["both"], paths)


def test_an_element_that_another_stands_for_is_refused(paths: list[pathlib.Path]) -> None:
    (paths[1] / "virtual").mkdir()
    with pytest.raises(errors.ConfigError, match="system stands for virtual"):
        dependencies.expand(["system", "virtual"], paths)


def test_two_operating_systems_are_refused(paths: list[pathlib.Path]) -> None:
    (paths[1] / "other").mkdir()
    (paths[1] / "other/element-provides").write_text("operating-system\n")
    with pytest.raises(errors.ConfigError, match="operating-system: already provided by"):
        dependencies.expand(["system", "other"], paths)
