"""Merging the hooks of elements, and the order in which scripts run."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrofit import errors
from retrofit.building.elements import dependencies, hooks


def element(root: pathlib.Path, name: str, *files: str) -> dependencies.Element:
    """Make an element with executable files."""
    for file in files:
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return dependencies.Element(name, root / name)


def test_scripts_run_by_number_over_all_elements(tmp_path: pathlib.Path) -> None:
    elements = [
        element(tmp_path, "a", "install.d/9-late", "install.d/100-last"),
        element(tmp_path, "b", "install.d/10-b", "install.d/1-early", "install.d/10-a"),
    ]
    merged = hooks.merge(elements, tmp_path / "hooks")
    assert [(script.element, script.name) for script in merged.scripts("install.d")] == [
        ("b", "1-early"),
        ("a", "9-late"),
        ("b", "10-a"),
        ("b", "10-b"),
        ("a", "100-last"),
    ]


@given(
    st.lists(
        st.from_regex(r"[0-9]{0,3}-?[A-Za-z_-]{1,4}", fullmatch=True).filter(
            lambda name: not name.startswith("-")
        ),
        unique=True,
        min_size=1,
        max_size=8,
    )
)
def test_the_order_is_that_of_sort_by_number(names: list[str]) -> None:
    done = subprocess.run(
        ["sort", "-n"],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert sorted(names, key=hooks.order) == done.stdout.split()


def test_only_executable_files_with_plain_names_are_scripts(tmp_path: pathlib.Path) -> None:
    made = element(tmp_path, "a", "install.d/10-a", "install.d/10-b~", "install.d/10-c.bak")
    (made.path / "install.d/20-disabled").write_text("#!/bin/sh\n")
    (made.path / "install.d/30-directory").mkdir()
    merged = hooks.merge([made], tmp_path / "hooks")
    assert [script.name for script in merged.scripts("install.d")] == ["10-a"]


def test_environment_files_need_not_be_executable(tmp_path: pathlib.Path) -> None:
    made = element(tmp_path, "a", "environment.d/20-b.bash", "environment.d/10-a")
    (made.path / "environment.d/10-a").chmod(0o644)
    merged = hooks.merge([made], tmp_path / "hooks")
    assert [script.name for script in merged.environment()] == ["10-a", "20-b.bash"]


def test_the_same_script_in_two_elements_is_refused(tmp_path: pathlib.Path) -> None:
    elements = [element(tmp_path, name, "install.d/10-same") for name in ("a", "b")]
    with pytest.raises(errors.ConfigError, match="elements a and b both have install.d/10-same"):
        hooks.merge(elements, tmp_path / "hooks")


def test_static_files_of_elements_are_merged(tmp_path: pathlib.Path) -> None:
    elements = [element(tmp_path, name, f"static/etc/shared/{name}") for name in ("a", "b")]
    merged = hooks.merge(elements, tmp_path / "hooks")
    assert sorted(path.name for path in (merged.path / "static/etc/shared").iterdir()) == [
        "a",
        "b",
    ]


def test_a_script_that_install_types_linked_is_its_elements(tmp_path: pathlib.Path) -> None:
    made = element(tmp_path, "a", "install.d/a-package-install/50-a")
    merged = hooks.merge([made], tmp_path / "hooks")
    (merged.path / "install.d/50-a").symlink_to("a-package-install/50-a")
    [script] = merged.scripts("install.d")
    assert str(script) == "install.d/50-a of the element a"


def test_tests_of_elements_are_left_out(tmp_path: pathlib.Path) -> None:
    merged = hooks.merge([element(tmp_path, "a", "tests/test", "bin/tool")], tmp_path / "hooks")
    assert merged.programs({"a"}) == ("tool",)
    assert merged.programs({"b"}) == ()
    assert not (merged.path / "tests").exists()
