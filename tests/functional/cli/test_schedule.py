"""``retrofit schedule`` with a real systemd, in a container: it runs, and nothing is left."""

from __future__ import annotations

import pathlib
import tarfile
import time
from collections.abc import Iterator

import pytest
from tests.support.charm import container, lxd
from tests.support.cli import installed

pytestmark = [pytest.mark.slow, pytest.mark.in_order]

_HASTE = "[Timer]\\nOnCalendar=\\nOnActiveSec=1\\nRandomizedDelaySec=0\\nAccuracySec=1\\n"
_UNIT = "retrofit-images"
_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel in an environment of its own."""
    directory = tmp_path_factory.mktemp("scheduled")
    return installed.environment(installed.wheel(directory), directory / "environment")


@pytest.fixture(scope="module")
def machine(environment: pathlib.Path) -> Iterator[container.Container]:
    """A machine with the environment at the same place, and image files."""
    archive = environment.with_suffix(".tar")
    with tarfile.open(archive, "w") as packed:
        packed.add(environment, ".")
    profile = {"config": {}, "devices": {}}
    with (
        lxd.running() as daemon,
        container.launched(daemon, "schedule", charm_profile=profile) as launched,
    ):
        launched.run(["mkdir", "-p", str(environment)])
        launched.unpack(archive, str(environment))
        launched.write("/srv/images/images.yml", "images: 1\n")
        yield launched


def _retrofit(machine: container.Container, environment: pathlib.Path, *words: str) -> str:
    program = str(environment / "bin" / "retrofit")
    return machine.run([program, "schedule", *words], cwd="/srv").stdout


def _shown(machine: container.Container, what: str, unit: str) -> str:
    return machine.run(["systemctl", "show", "--value", "-p", what, unit]).stdout.strip()


def test_the_timer_runs_the_command(
    machine: container.Container, environment: pathlib.Path
) -> None:
    words = ("manage", "--check-only", "--images", "images")
    assert "daily" in _retrofit(machine, environment, "images", *words)
    assert _shown(machine, "ActiveState", f"{_UNIT}.timer") == "active"
    assert _shown(machine, "UnitFileState", f"{_UNIT}.timer") == "enabled"

    drop_in = f"/run/systemd/system/{_UNIT}.timer.d"
    haste = f"mkdir -p {drop_in} && printf '{_HASTE}' > {drop_in}/soon.conf"
    again = f"systemctl daemon-reload && systemctl restart {_UNIT}.timer"
    machine.run(["sh", "-c", f"{haste} && {again}"])

    deadline = time.monotonic() + _TIMEOUT_S
    while _shown(machine, "ExecMainStatus", f"{_UNIT}.service") != "9":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    journal = machine.run(["journalctl", "--unit", f"{_UNIT}.service"]).stdout
    assert "images/images.yml" in journal
    machine.run(["rm", "-r", drop_in])


def test_nothing_is_left(machine: container.Container, environment: pathlib.Path) -> None:
    _retrofit(machine, environment, "--remove", "images")

    found = ["find", "/etc/systemd", "/run/systemd", "/var/lib/systemd", "-name", f"*{_UNIT}*"]
    assert machine.run(found).stdout == ""
    listed = ["systemctl", "list-units", "--all", "--plain", "--no-legend", f"{_UNIT}*"]
    assert machine.run(listed).stdout == ""
