"""What the element ``no-automatic-changes`` leaves of what changes packages by itself."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from tests.unit.proof import trees

from retrofit.model import findings
from retrofit.proof.rest import automatic_changes
from retrofit.recipes.amphora import recipe

_SYSTEM, _LOCAL = "/usr/lib/systemd/system", "/etc/systemd/system"
_TIMER = "[Timer]\nOnCalendar=daily\n"
# Of images of Debian and Ubuntu.
_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "snapd.service",
    "snapd.socket",
    "unattended-upgrades.service",
    "update-notifier-download.timer",
)


@pytest.mark.parametrize("kept", [False, True])
def test_what_changes_packages_is_masked(tmp_path: pathlib.Path, kept: bool) -> None:
    elements = recipe.RECIPE.own_elements
    assert elements is not None
    files = {
        f"{_SYSTEM}/default.target": "[Unit]\n",
        "/etc/apt/apt.conf.d/20auto-upgrades": "",
        **{f"{_SYSTEM}/{unit}": _TIMER for unit in _UNITS},
        **{f"{_LOCAL}/default.target.wants/{unit}": f"->{_SYSTEM}/{unit}" for unit in _UNITS},
    }
    image = trees.image(tmp_path, files)
    check = automatic_changes.automatic_changes()
    assert check.look(image).outcome is findings.Outcome.FAIL

    text = (elements / "no-automatic-changes/finalise.d/80-no-automatic-changes").read_text()
    for path in ("/etc/", "/usr/share/", "/usr/lib/", " /lib/"):
        text = text.replace(path, path.replace("/", f"{tmp_path}/", 1))
    variables = {"PATH": "/usr/bin:/bin"}
    if kept:
        variables["RETROFIT_KEEP_AUTOMATIC_CHANGES"] = "True"
    subprocess.run(["/bin/bash", "-c", text], env=variables, check=True)

    assert check.look(image).outcome is findings.Outcome.PASS
    masked = {path.name for path in (tmp_path / _LOCAL[1:]).iterdir() if path.is_symlink()}
    assert masked == (set() if kept else set(_UNITS))
    assert (tmp_path / "etc/apt/apt.conf.d/99no-automatic-changes").exists() is not kept
