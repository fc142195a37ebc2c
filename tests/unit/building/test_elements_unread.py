"""What elements have that a build does not use."""

from __future__ import annotations

import logging
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

import diskimage_builder
import pytest
import yaml

from retrofit import model, recipes
from retrofit.building.elements import collect

# One of diskimage-builder's own.
_NAMED = ("enable-serial-console",)


def collected(tmp_path: pathlib.Path, *files: str, mode: int = 0o755) -> None:
    """Collect an operator's element that has some files."""
    for name in files:
        file = tmp_path / "elements/mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("install-bin\n" if name == "element-deps" else "#!/bin/sh\n")
        file.chmod(mode)
    request = model.BuildRequest(
        "plain", elements=("mine",), elements_paths=(tmp_path / "elements",)
    )
    collect.collect(recipes.get("plain"), request, tmp_path / "into")


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_all_that_is_used_is_taken_without_a_word(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    collected(
        tmp_path,
        "README.rst",
        "element-deps",
        "bin/tool",
        "environment.d/10-a.bash",
        "install.d/10-a",
        "install.d/README",
        "root.d/10-a",
        "post-root.d/10-a",
        "pre-finalise.d/10-a",
        "cleanup.d/10-a",
        "static/etc/file",
    )
    assert warnings_in(caplog) == []


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("block-device.d/10-a", "the base image has its partitions already"),
        ("cleanup.d/10-a.sh", "names of scripts have letters, digits, - and _ only"),
        ("install.d/10-a.sh", "names of scripts have letters, digits, - and _ only"),
        ("finalise.d/10-a~", "names of scripts have letters, digits, - and _ only"),
    ],
)
def test_what_is_not_used_is_reported(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, part: str, reason: str
) -> None:
    collected(tmp_path, "install.d/10-used", part)
    assert warnings_in(caplog) == [f"the element mine: {part} is not used: {reason}"]


def test_a_script_that_is_not_executable_is_reported(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    collected(tmp_path, "extra-data.d/10-a", mode=0o644)
    said = "the element mine: extra-data.d/10-a is not used: it is not executable"
    assert warnings_in(caplog) == [said]


def test_an_element_of_the_builder_that_an_operator_names_is_checked(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    request = model.BuildRequest("plain", elements=_NAMED)
    collect.collect(recipes.get("plain"), request, tmp_path / "into")
    said = "cleanup.d/99-fix-grub is not used: the base image is a system already"
    assert any(said in message for message in warnings_in(caplog))


def test_the_builder_is_known_behind_a_link(tmp_path: pathlib.Path) -> None:
    """A virtual environment may be reached by a symbolic link."""
    builder = pathlib.Path(diskimage_builder.__file__).parent
    (tmp_path / builder.name).symlink_to(builder)
    words = f"recipes.get('plain'), model.BuildRequest('plain', elements={_NAMED!r})"
    lines = ["import pathlib", "from retrofit import model, recipes"]
    lines += ["from retrofit.building.elements import collect"]
    lines += [f"collect.collect({words}, pathlib.Path({str(tmp_path / 'into')!r}))"]

    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )

    assert "cleanup.d/99-fix-grub is not used: the base image is a system" in ended.stderr


def test_what_the_recipe_itself_applies_is_known(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    collect.collect(recipes.get("plain"), model.BuildRequest("plain"), tmp_path / "into")
    assert warnings_in(caplog) == []


def gathered(
    tmp_path: pathlib.Path, elements: Mapping[str, Mapping[str, object]], **variables: str
) -> None:
    """Collect elements that have some files; what is not text becomes YAML."""
    (tmp_path / "elements").mkdir()
    for element, files in elements.items():
        for name, content in files.items():
            file = tmp_path / "elements" / element / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
            file.chmod(0o755)
    request = model.BuildRequest(
        "plain",
        elements=tuple(elements),
        elements_paths=(tmp_path / "elements",),
        environment=tuple(variables.items()),
    )
    collect.collect(recipes.get("plain"), request, tmp_path / "into")


@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("DIB_BLOCK_DEVICE_CONFIG", "the base image has its partitions and file systems already"),
        ("DIB_IMAGE_SIZE", "the option root-size sets it"),
        ("DIB_DISTRIBUTION_MIRROR", "the option mirror sets the archive"),
        ("DIB_REPOREF_amphora_agent", "no element fetches this source"),
        ("DIB_CLOUD_IMAGES", "the base image is a system already"),
        ("break", "it is for programs of diskimage-builder that do not run"),
    ],
)
def test_a_variable_that_means_nothing_is_reported(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, variable: str, reason: str
) -> None:
    gathered(tmp_path, {}, **{variable: "x", "DIB_GRUB_TIMEOUT": "0", "MINE": "x"})
    [said] = warnings_in(caplog)
    assert said.startswith(f"the variable {variable} is not used: ")
    assert said.endswith(reason)


@pytest.mark.parametrize(
    ("script", "variable"),
    [
        ("root.d/10-a", "TMP_BUILD_DIR"),
        ("post-root.d/10-a", "DIB_IMAGE_CACHE"),
        ("pre-finalise.d/10-a", "IMAGE_BLOCK_DEVICE_WITHOUT_PART"),
        ("cleanup.d/10-a", "IMAGE_NAME"),
    ],
)
def test_a_script_for_a_build_machine_is_reported(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, script: str, variable: str
) -> None:
    gathered(tmp_path, {"mine": {script: f"#!/bin/sh\necho ${variable}\n"}})
    said = f"the element mine: {script} runs in the image, where {variable} means nothing"
    assert warnings_in(caplog) == [said]


_READS = {"extra-data.d/50-key": "#!/bin/sh\ncat $KEY_FILE\n"}
_READS_HOME = {"extra-data.d/50-key": "#!/bin/sh\ncat ${KEY_FILE:-~/.ssh/id_rsa.pub}\n"}


@pytest.mark.parametrize(
    ("element", "given", "reason"),
    [
        (_READS, "/nowhere/key", "KEY_FILE names /nowhere/key, which is not a file"),
        (_READS, "/etc", "KEY_FILE names /etc, which is not a file"),
        (_READS_HOME, "", "it reads a home directory, and scripts see none of this machine"),
        (_READS, "/dev/null", ""),
        (_READS, "/etc/hostname", ""),
        (_READS_HOME, "/etc/hostname", ""),
        ({"install.d/50-key": "#!/bin/sh\ncat $KEY_FILE ~/key\n"}, "/nowhere/key", ""),
    ],
)
def test_a_file_of_this_machine_that_is_not_found_is_reported(
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
    element: dict[str, str],
    given: str,
    reason: str,
) -> None:
    gathered(tmp_path, {"mine": element}, KEY_FILE=given)
    said = f"the element mine: extra-data.d/50-key finds no file: {reason}"
    assert warnings_in(caplog) == ([said] if reason else [])


_REMOVES = {"package-installs.yaml": {"tuned": {"uninstall": True}}}


@pytest.mark.parametrize(
    ("others", "reported"),
    [
        ({"tuned": None}, True),
        ({"tuned": [{"phase": "post-install.d"}]}, True),
        ({"tuned": {"when": "FLAVOR = large"}}, True),
        ({"tuned": {"when": ["FLAVOR != large"]}}, False),
        ({"tuned": {"phase": "pre-install.d"}}, False),
        ({"tuned": {"installtype": "package"}}, False),
        ({"tuned": {"uninstall": True}}, False),
        ({"tuned": {"build-only": True}}, False),
        ("- no\n- mapping\n", False),
    ],
)
def test_a_removal_that_another_element_overrules_is_reported(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, others: object, reported: bool
) -> None:
    elements = {"slim": _REMOVES, "fast": {"package-installs.yaml": others}}
    gathered(tmp_path, elements, FLAVOR="large")
    said = "the element slim: tuned is not removed: the element fast installs it"
    assert warnings_in(caplog) == ([said] if reported else [])
