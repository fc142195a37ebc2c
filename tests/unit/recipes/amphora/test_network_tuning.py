"""What the element ``network-tuning`` does to settings that others bring."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit.recipes.amphora import recipe

_DIRECTORY = "/etc/sysctl.d"
_AGENTS = "octavia-agent-sysctl.conf"


# Debian's package of the agent brings settings, Ubuntu's none.
@pytest.mark.parametrize("others", [(), ("net.ipv4.conf",), ("net.ipv4.conf", _AGENTS)])
def test_settings_may_fail_one_by_one(others: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    elements = recipe.RECIPE.own_elements
    assert elements is not None
    script = elements / "network-tuning/finalise.d/90-let-sysctl-keys-fail"
    for name in (*others, "99-operators.conf"):
        (tmp_path / name).write_text('# why\nnet.ipv4.ip_forward = "1"\n')

    text = script.read_text().replace(_DIRECTORY, str(tmp_path))
    subprocess.run(["/bin/bash", "-c", text], check=True)

    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {
        "99-operators.conf": '# why\nnet.ipv4.ip_forward = "1"\n',
        **dict.fromkeys(others, "# why\n-net.ipv4.ip_forward = 1\n"),
    }


def test_the_limits_of_open_files_are_those_of_octavias_elements(tmp_path: pathlib.Path) -> None:
    elements = recipe.RECIPE.own_elements
    assert elements is not None
    script = elements / "network-tuning/finalise.d/80-allow-haproxys-open-files"
    (tmp_path / "fs.nr_open.conf").write_text("fs.nr_open = 2600000\n")
    (tmp_path / _AGENTS).write_text("-fs.nr_open=2097152\nfs.file-max=1\n-net.core.somaxconn=2\n")

    text = script.read_text().replace(_DIRECTORY, str(tmp_path))
    subprocess.run(["/bin/bash", "-c", text], check=True)

    assert (tmp_path / "fs.nr_open.conf").read_text() == "fs.nr_open = 2600000\n"
    assert (tmp_path / _AGENTS).read_text() == "-net.core.somaxconn=2\n"
