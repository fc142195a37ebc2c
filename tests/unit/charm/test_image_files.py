"""The charm and its option image-files, against a workload in memory."""

from __future__ import annotations

from typing import Any

import ops
import pytest
from ops import testing
from tests.support.image_manager import image_files
from tests.unit.charm import charm_fakes

import charm
from retrofit.model.documents import run_document

Context = testing.Context[charm.RetrofitCharm]

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_URL = f"https://git.example/images.git@{_COMMIT}:etc/images"


def _state(keystone: testing.Relation, *, leader: bool = True, **options: Any) -> testing.State:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return testing.State(relations=[keystone], leader=leader, config=named)


def _text(tmp_path: Any) -> str:
    path = tmp_path / "images.yml"
    image_files.write(path, image_files.image("One", image_files.version("1")))
    text: str = path.read_text()
    return text


@pytest.mark.parametrize("value", [_URL, _URL.partition(":etc")[0], "/srv/images"])
def test_the_leader_has_the_timer(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    imports: charm_fakes.ImageFiles,
    value: str,
) -> None:
    state = _state(keystone, image_files=value, image_files_frequency="hourly")
    out = context.run(context.on.config_changed(), state)

    assert out.unit_status == ops.ActiveStatus("ready; no image built yet")
    assert (imports.timer, fake.timer) == ("hourly", None)
    [(given, cloud, scheduled)] = imports.kept
    assert (given, cloud.password, scheduled) == (value, charm_fakes.PASSWORD, True)

    context.run(context.on.update_status(), _state(keystone, leader=False))
    assert imports.timer is None


def test_text_is_kept_as_it_is(
    context: Context, keystone: testing.Relation, imports: charm_fakes.ImageFiles, tmp_path: Any
) -> None:
    text = _text(tmp_path)

    context.run(context.on.config_changed(), _state(keystone, image_files=text))

    assert imports.kept[0][0] == text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("image-files", "images: 1\n", "wrong option image-files:1: "),
        ("image-files", "a: [\n", "wrong option image-files"),
        ("image-files", "images", "it must be the text of image files, an absolute path"),
        ("image-files", "/srv/../etc", "it must be the text of image files, an absolute path"),
        ("image-files", "/srv/a b", "it must be the text of image files, an absolute path"),
        ("image-files", "https://git.example/images.git", "with all 40 digits of the commit"),
        ("image-files", f"https://me:s3cret@git.example/a.git@{_COMMIT}", "without a login"),
        ("image-files", f"ext::sh -c x://@{_COMMIT}", "image-files: the URL must be"),
        ("image-files-frequency", "fortnightly", "hourly, daily, weekly or a systemd calendar"),
        ("image-mirror", "s3:/bucket", "image-mirror: it must be s3://BUCKET/PREFIX"),
        ("image-mirror", "s3://key:s3cret@bucket", "image-mirror: it must be s3://BUCKET/PREFIX"),
        ("image-mirror", "mirror", "image-mirror: it must be s3://BUCKET/PREFIX or an absolute"),
    ],
)
def test_a_wrong_option_is_named_and_ends_the_schedule(
    context: Context,
    keystone: testing.Relation,
    imports: charm_fakes.ImageFiles,
    name: str,
    value: str,
    message: str,
) -> None:
    imports.timer = "daily"
    options = {"image-files": _URL} | {name: value}

    out = context.run(context.on.config_changed(), _state(keystone, **options))

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert out.unit_status.message.startswith(f"wrong option {name}")
    assert message in out.unit_status.message
    assert "s3cret" not in out.unit_status.message
    assert imports.timer is None


def test_its_runs_are_told_beside_builds(
    context: Context, keystone: testing.Relation, imports: charm_fakes.ImageFiles
) -> None:
    state = _state(keystone, image_files=_URL)
    imports.running, imports.play = True, [charm_fakes.nothing] * 3
    out = context.run(context.on.update_status(), state)
    assert out.unit_status == ops.MaintenanceStatus("importing the images of image-files")

    imports.running, imports.failed = False, "no such file"
    out = context.run(context.on.update_status(), state)
    assert out.unit_status == ops.BlockedStatus("image-files failed: no such file")

    imports.newer = True
    imports.failed = ""
    out = context.run(context.on.update_status(), state)
    assert out.unit_status == ops.ActiveStatus("ready; no image built yet")


def test_actions_are_about_them_too(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    imports: charm_fakes.ImageFiles,
) -> None:
    state = _state(keystone, image_files=_URL, auto_retrofit=True)
    for workload, hours in ((fake, 2), (imports, 1)):
        workload.ended = (
            run_document.Entry.model_validate(
                {"outcome": "up-to-date", "started": charm_fakes.hours_ago(hours)}
            ),
        )

    out = context.run(context.on.action("pause"), state)
    assert (fake.paused, imports.paused, imports.timer) == (True, True, None)
    out = context.run(context.on.action("resume"), out)
    assert (fake.paused, imports.paused, imports.timer) == (False, False, "daily")

    context.run(context.on.action("restart-services"), out)
    assert context.action_results == {"restarted": "the.timer, the.timer"}

    context.run(context.on.action("show-history"), out)
    assert context.action_results is not None
    assert len(context.action_results["runs"].splitlines()) == 3

    imports.running = True
    context.run(context.on.action("cancel-run"), out)
    assert context.action_results == {"cancelled": "running"}
    assert not imports.running
