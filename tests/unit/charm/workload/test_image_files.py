"""What the charm writes on a machine for the option image-files."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import yaml
from tests.support import paths
from tests.support.image_manager import image_files as files
from tests.unit.charm.workload.machines import OWN, Machine
from tests.unit.charm.workload.test_workload import CLOUD

from options import config
from retrofit import model
from retrofit.cli import manage
from retrofit.model.documents import run_document
from workload import cancellation, image_files, unit

_URL = "https://git.example/images.git@0123456789abcdef0123456789abcdef01234567:etc"
_TEXT = yaml.safe_dump({"images": [files.image("One", files.version("1"))]})
_PROXIES = model.Proxies(http='http://me:s3c"$et@proxy.example:3128', no_proxy="10.0.0.0/8")
_UNIT = "octavia-diskimage-retrofit-image-files@odr-0"


@pytest.fixture
def imports(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> image_files.ImageFiles:
    monkeypatch.setattr(
        cancellation, "cancel", lambda service: machine.told.append(f"cancel {service}")
    )
    monkeypatch.setattr(unit.Workload, "building", lambda _: False)
    monkeypatch.setattr(unit.Workload, "stuck", lambda _: False)
    return image_files.ImageFiles(paths.REPOSITORY, OWN)


def _keep(imports: image_files.ImageFiles, *, scheduled: bool = True, **options: Any) -> None:
    loaded = config.load({name.replace("_", "-"): value for name, value in options.items()})
    cloud = dataclasses.replace(CLOUD, image_endpoint="https://glance.example:9292")
    imports.keep(loaded, cloud, _PROXIES, scheduled=scheduled)


def _file(machine: Machine, kind: str) -> str:
    path = machine.units / f"{_UNIT}.{kind}"
    return path.read_text() if path.exists() else ""


def test_a_run_has_the_files_the_mirror_and_the_cloud(
    machine: Machine, imports: image_files.ImageFiles
) -> None:
    _keep(imports, image_files=_URL, image_mirror="s3://images/a", maintenance_window="1:00-2:00")

    service, runs = _file(machine, "service"), machine.state / "image-files"
    assert (
        f" -m retrofit manage --images {_URL} --os-cloud octavia-diskimage-retrofit "
        f"--work-dir {OWN.work} --mirror s3://images/a --fill-mirror "
        f"--once {runs}/once-taken.json --result {runs}/result.json\n"
    ) in service
    assert f"Environment=OS_CLIENT_CONFIG_FILE={machine.state}/clouds.yaml\n" in service
    assert service.count('--job image-files --window "1:00-2:00"') == 2
    assert f"\nEnvironmentFile=-{runs}/environment\n" in service
    assert "OnCalendar=daily\n" in _file(machine, "timer")
    assert "s3c" not in service
    environment = runs / "environment"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert environment.read_text() == (
        'http_proxy="http://me:s3c\\"\\$et@proxy.example:3128"\n'
        'no_proxy="10.0.0.0/8,10.1.0.5,glance.example"\n'
    )


@pytest.mark.parametrize(
    ("rotation", "words"),
    [
        ("keep", ""),
        ("hide", " --hide"),
        ("deactivate", " --deactivate"),
        ("delete", " --delete --yes-i-really-know-what-i-do"),
    ],
)
def test_superseded_images_rotate_as_the_option_says(
    machine: Machine, imports: image_files.ImageFiles, rotation: str, words: str
) -> None:
    _keep(imports, image_files=_URL, image_files_rotation=rotation)

    service = _file(machine, "service")
    assert f" --work-dir {OWN.work}{words} --once " in service
    [line] = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    given = line.partition(" -m retrofit ")[2].split()
    with manage.command.make_context("manage", given[1:]) as context:
        wanted = {
            name: context.params[name] for name in ("hide", "deactivate", "delete", "really")
        }
    deletes = rotation == "delete"
    assert wanted == {
        "hide": rotation == "hide",
        "deactivate": rotation == "deactivate",
        "delete": deletes,
        "really": deletes,
    }


def test_the_doctor_sees_what_a_run_sees(
    machine: Machine, imports: image_files.ImageFiles
) -> None:
    def words(**options: str) -> list[str]:
        return imports.to_check(
            config.load({f"image-{name}": value for name, value in options.items()})
        )

    file = machine.state / "image-files" / "images.yml"
    assert words() == words(mirror="/srv/mirror") == []
    assert words(files=_TEXT) == [f"--image-files={file}"]
    assert words(files=_URL, mirror="s3://images/a") == [
        f"--image-files={_URL}",
        "--image-mirror=s3://images/a",
    ]
    _keep(imports, image_files=_TEXT)
    assert "https_proxy" not in imports.settings.read_text()
    assert "http_proxy" in imports.settings.read_text()


def test_text_is_a_file_of_root(machine: Machine, imports: image_files.ImageFiles) -> None:
    _keep(imports, image_files=_TEXT)

    file = machine.state / "image-files" / "images.yml"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (_TEXT, 0o600)
    assert f" --images {file} " in _file(machine, "service")


def test_other_files_ask_for_a_run_on_the_leader(
    machine: Machine, imports: image_files.ImageFiles
) -> None:
    once = machine.state / "image-files" / "once.json"
    _keep(imports, image_files=_TEXT, scheduled=False)
    assert not once.exists()
    assert not _file(machine, "timer")

    _keep(imports, image_files=_TEXT)
    assert not once.exists()
    _keep(imports, image_files=_TEXT, image_files_frequency="weekly")
    assert not once.exists()
    _keep(imports, image_files=_TEXT + "# another\n")
    assert json.loads(once.read_text())["trigger"] == "option"
    assert machine.told[-1] == "arm 29"
    once.unlink()
    _keep(imports, image_files=_TEXT + "# another\n", image_files_rotation="hide")
    assert json.loads(once.read_text())["trigger"] == "option"


def test_other_files_take_nothing_from_an_action(
    machine: Machine, imports: image_files.ImageFiles
) -> None:
    once = machine.state / "image-files" / "once.json"
    _keep(imports, image_files=_TEXT)
    imports.ask({"run-id": "1", "trigger": "action"})

    _keep(imports, image_files=_TEXT + "# another\n")

    assert json.loads(once.read_text()) == {"run-id": "1", "trigger": "action"}


def test_a_run_that_ended_without_a_result_names_its_own_journal(
    imports: image_files.ImageFiles,
) -> None:
    _keep(imports, image_files=_TEXT)
    imports.note(run_document.Result(outcome=run_document.Outcome.RUNNING))

    assert imports.problem() == f"it ended without a result; {image_files.JOURNAL}"


def test_without_files_nothing_is_left(machine: Machine, imports: image_files.ImageFiles) -> None:
    _keep(imports)
    assert machine.told == []

    _keep(imports, image_files=_TEXT)
    imports.note(run_document.Result(outcome=run_document.Outcome.FAILED, message="broken"))
    assert imports.problem() == "broken"
    _keep(imports)

    assert not list(machine.units.iterdir())
    assert not (machine.state / "image-files").exists()
    assert f"cancel {_UNIT}.service" in machine.told
    assert imports.problem() == ""


def test_a_cancelled_run_is_no_problem(imports: image_files.ImageFiles) -> None:
    _keep(imports, image_files=_TEXT)
    imports.note(
        run_document.Result(
            outcome=run_document.Outcome.INTERRUPTED,
            exit_code=cancellation.EXIT_CODE,
            message="interrupted",
        )
    )

    assert imports.problem() == ""


def test_removing_the_unit_leaves_nothing(
    machine: Machine, imports: image_files.ImageFiles
) -> None:
    _keep(imports, image_files=_TEXT)

    unit.Workload(paths.REPOSITORY, OWN).remove()

    assert not machine.state.exists()
    assert not list(machine.units.iterdir())
    assert f"end {_UNIT}.service" in machine.told
