"""Gathering the elements of a build."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pytest

from retrofit import errors, model, recipes
from retrofit.building.elements import collect, dependencies, sources
from retrofit.recipes.amphora import octavia_elements

# The builder's own elements, and those of each recipe.
OWN = (
    collect.OWN,
    *(own for name in recipes.names() if (own := recipes.get(name).own_elements) is not None),
)


class Recipe:
    """A recipe without Octavia's elements."""

    elements: Mapping[str, tuple[str, ...]] = {"debian": ("existing-debian",)}
    name = "bare"
    environment: Mapping[str, str] = {}
    root_size = 0
    own_elements = None
    element_sources: tuple[sources.Source, ...] = ()

    def check(self, release: model.Release) -> None:
        pass


def test_the_operators_come_first(tmp_path: pathlib.Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "pkg-map").mkdir(parents=True)
    request = model.BuildRequest("amphora", elements_paths=(tmp_path / "one", tmp_path / "two"))
    collect.collect(Recipe(), request, tmp_path / "into")
    paths = dependencies.search_paths(tmp_path / "into" / collect.ELEMENTS)
    places = [path.name for path in paths if (path / "pkg-map").is_dir()]
    assert places == ["00", "01", "03"]
    assert (paths[2] / "existing-debian").is_dir()


def test_a_directory_that_does_not_exist_is_named(tmp_path: pathlib.Path) -> None:
    request = model.BuildRequest("amphora", elements_paths=(tmp_path / "missing",))
    with pytest.raises(errors.InputMissing, match="/missing does not exist"):
        collect.collect(Recipe(), request, tmp_path / "into")


def test_an_element_that_does_not_exist_is_named(tmp_path: pathlib.Path) -> None:
    request = model.BuildRequest("amphora", elements=("mistyped",))
    with pytest.raises(errors.InputMissing, match="unknown element 'mistyped'"):
        collect.collect(Recipe(), request, tmp_path / "into")


def test_everything_can_be_read_by_others(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "mine/a/install.d/10-a"
    script.parent.mkdir(parents=True)
    script.touch(0o700)
    (tmp_path / "mine/a/data").touch(0o600)
    (tmp_path / "mine/a").chmod(0o700)
    (tmp_path / "mine/a/link").symlink_to("/etc/passwd")
    request = model.BuildRequest("amphora", elements_paths=(tmp_path / "mine",))
    collect.collect(Recipe(), request, tmp_path / "into")
    copy = tmp_path / "into" / collect.ELEMENTS / "00/a"
    assert [oct(path.stat().st_mode & 0o777) for path in (copy, copy / "data")] == [
        "0o755",
        "0o644",
    ]
    assert (copy / "install.d/10-a").stat().st_mode & 0o777 == 0o755
    assert (copy / "link").is_symlink()


def test_the_digest_tells_content_names_and_modes(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tree/a/file"
    file.parent.mkdir(parents=True)
    seen = set()
    for text, mode in (("one", 0o644), ("two", 0o644), ("two", 0o755)):
        file.write_text(text)
        file.chmod(mode)
        seen.add(collect.digest(tmp_path / "tree"))
    file.rename(file.with_name("other"))
    seen.add(collect.digest(tmp_path / "tree"))
    assert len(seen) == 4
    assert collect.digest(tmp_path / "tree") in seen


def test_what_python_leaves_does_not_count(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tree").mkdir()
    before = collect.digest(tmp_path / "tree")
    (tmp_path / "tree/__pycache__").mkdir()
    (tmp_path / "tree/__pycache__/a.pyc").touch()
    assert collect.digest(tmp_path / "tree") == before


def test_only_elements_that_are_applied_count(tmp_path: pathlib.Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name / "install.d").mkdir(parents=True)
    request = model.BuildRequest("amphora", elements=("mine",), elements_paths=(tmp_path,))
    before = collect.digests(Recipe(), request)
    (tmp_path / "other/install.d/10-other").touch()
    assert collect.digests(Recipe(), request) == before
    (tmp_path / "mine/install.d/10-mine").touch()
    after = collect.digests(Recipe(), request)
    assert {name for name in after if after[name] != before[name]} == {"mine"}
    assert "package-installs" in after


def test_scripts_of_our_own_elements_are_executable() -> None:
    scripts = [
        path
        for phase in ("extra-data", "pre-install", "install", "post-install", "finalise")
        for own in OWN
        for path in own.glob(f"*/{phase}.d/*")
    ]
    assert len(scripts) > 5
    assert [path for path in scripts if not path.stat().st_mode & 0o100] == []
    assert all(path.read_text().startswith("#!") for path in scripts)


def test_every_own_element_says_what_it_is_for() -> None:
    elements = [path for own in OWN for path in own.iterdir() if path.is_dir()]
    assert [path.name for path in elements if not (path / "README.md").is_file()] == []


def test_packed_elements_need_no_index(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(octavia_elements, "_PACKED", tmp_path)
    assert octavia_elements.find(model.Proxies()) == tmp_path


def test_an_index_out_of_reach_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(octavia_elements, "VERSION", "0.0.0.dev0")
    with pytest.raises(errors.Unavailable, match=r"Octavia 0\.0\.0\.dev0 cannot be fetched"):
        octavia_elements.fetch(tmp_path / "into", model.Proxies())
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_this_machine_counts_like_the_element_that_reads_it(
    tmp_path: pathlib.Path,
) -> None:
    script = tmp_path / "mine/reads/extra-data.d/10-a"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\ncat $KEY\n")
    (tmp_path / "mine/other").mkdir()
    key = tmp_path / "key"

    def digests(text: str) -> dict[str, str]:
        key.write_text(text)
        request = model.BuildRequest(
            "amphora",
            elements=("reads", "other"),
            elements_paths=(tmp_path / "mine",),
            environment=(("KEY", str(key)),),
        )
        return collect.digests(Recipe(), request)

    first, second, third = digests("one"), digests("two"), digests("one")
    assert first == third
    assert {name for name in first if first[name] != second[name]} == {"reads"}
