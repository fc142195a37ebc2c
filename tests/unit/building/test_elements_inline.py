"""Small changes of a request, run as the element that is made of them."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
from tests.unit.building.test_elements_collect import Recipe

from retrofit import errors, model
from retrofit.building.elements import collect, dependencies, hooks, inline


def _run(changes: model.Changes, place: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Run the scripts of the element, in their order, with all paths below a directory."""
    inline.write(changes, place / "elements")
    element = dependencies.Element(inline.NAME, place / "elements" / inline.NAME)
    merged = hooks.merge([element], place / "hooks")
    done = subprocess.CompletedProcess([], 0, "", "")
    for phase in hooks.PHASES:
        for script in merged.scripts(phase):
            text = (merged.path / phase / script.name).read_text()
            text = text.replace("/tmp/in_target.d", str(merged.path))
            text = re.sub(r"(?<![\w/!])/(etc|opt)\b", rf"{place}/\1", text)
            done = subprocess.run(
                ["bash", "-c", text], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                return done
    return done


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a directory with an image's ``/etc``, and files of this machine beside it."""
    (tmp_path / "etc/old").mkdir(parents=True)
    (tmp_path / "etc/old/file").touch()
    (tmp_path / "mine/deep").mkdir(parents=True)
    (tmp_path / "mine/deep/key").write_text("secret\n")
    (tmp_path / "mine/deep/key").chmod(0o600)
    (tmp_path / "mine/link").symlink_to("deep/key")
    (tmp_path / "fix it.sh").write_text("#!/bin/bash\ncat /etc/new/deep/key > /etc/seen\n")
    return tmp_path


def test_files_then_scripts_then_removals(place: pathlib.Path) -> None:
    changes = model.Changes(
        packages=("tcpdump",),
        copies=((place / "mine", "/etc/new"), (place / "mine/deep/key", "/opt/it's/here")),
        scripts=(place / "fix it.sh",),
        removals=("/etc/old", "/etc/new/link"),
    )
    assert _run(changes, place).returncode == 0
    assert (place / "etc/new/deep/key").stat().st_mode & 0o777 == 0o600
    assert (place / "opt/it's/here").read_text() == "secret\n"
    assert (place / "etc/seen").read_text() == "secret\n"
    assert {path.name for path in (place / "etc").iterdir()} == {"new", "seen"}
    assert not (place / "etc/new/link").is_symlink()
    listed = (place / "elements" / inline.NAME / "package-installs.yaml").read_text()
    assert listed == "tcpdump: null\n"


@pytest.mark.parametrize(
    ("copies", "removals", "fault"),
    [
        ((("mine/deep/key", "/etc/old"),), (), "/etc/old is something else in the image"),
        ((("mine", "/etc/old/file"),), (), "/etc/old/file is something else in the image"),
        ((), ("/etc/nothing",), "/etc/nothing is not in the image"),
    ],
)
def test_what_does_not_fit_the_image_fails(
    place: pathlib.Path,
    copies: tuple[tuple[str, str], ...],
    removals: tuple[str, ...],
    fault: str,
) -> None:
    given = tuple((place / source, target) for source, target in copies)
    done = _run(model.Changes(copies=given, removals=removals), place)
    assert done.returncode != 0
    assert done.stderr.replace(str(place), "").strip() == fault


@pytest.mark.parametrize(
    ("changes", "error", "fault"),
    [
        (model.Changes(copies=((pathlib.Path("/no/file"), "/x"),)), errors.InputMissing, "/no/fi"),
        (model.Changes(scripts=(pathlib.Path("/no/script"),)), errors.InputMissing, "/no/script"),
        (
            model.Changes(scripts=(pathlib.Path("/etc/hostname"),)),
            errors.ConfigError,
            "names no interpreter",
        ),
    ],
)
def test_what_this_machine_lacks_is_named(
    tmp_path: pathlib.Path,
    changes: model.Changes,
    error: type[errors.RetrofitError],
    fault: str,
) -> None:
    with pytest.raises(error, match=fault):
        inline.write(changes, tmp_path)


def test_each_change_is_another_input(place: pathlib.Path) -> None:
    def digest(**changes: object) -> str:
        request = model.BuildRequest("amphora", changes=model.Changes(**changes))  # type: ignore[arg-type]
        return collect.digests(Recipe(), request).get(inline.NAME, "")

    copied = {"copies": ((place / "mine", "/etc/new"),)}
    first = digest(**copied)
    found = [digest(), first, digest(packages=("tcpdump",)), digest(removals=("/etc/old",))]
    found.append(digest(scripts=(place / "fix it.sh",)))
    assert len(set(found)) == len(found)
    (place / "mine/deep/key").touch()
    assert digest(**copied) == first
    (place / "mine/deep/key").write_text("another\n")
    assert digest(**copied) != first
