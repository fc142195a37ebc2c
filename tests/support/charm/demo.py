"""The main job, end to end, as ``make demo`` shows it.

A real cloud, a base image in it, the packed charm in an unprivileged container: install, relate,
``retrofit-image``, which boots the image before it is published; a second run that finds it up to
date; a forced one; then the actions that look at images, and back to the first. Nothing stays.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from types import FrameType

from retrofit import errors, model
from retrofit.building.disk import conversion, layout
from retrofit.host import progress
from retrofit.host.sandbox import networks, workshop

from ..base_images import base_images
from ..cloud import cloud
from . import agent, deployment, pack

_TAG = "octavia-amphora"
# Of a result; the JSON of all packages is longer.
_LONGEST = 200
_STARTED = time.monotonic()


class _Stopped(BaseException):
    """The user, or whoever runs this, wants it to end."""


def main() -> int:
    """Show it, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=pathlib.Path, help="cloud image to start from")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        _demonstrate(arguments.image)
    except _Stopped:
        _say("stopped; everything was removed")
        return 130
    except errors.RetrofitError as error:
        _say(f"failed: {error}")
        return error.exit_code
    return 0


def _demonstrate(given: pathlib.Path | None) -> None:
    """Take a base image through the charm, and say how it goes."""
    with _step("base image"):
        image = given or base_images.noble()
        release = _release(image)
        _say(f"  {image.name}: {release.distribution} {release.version} {release.architecture}")
    with _step("charm, packed"):
        packed = pack.charm()
        _say(f"  {packed.name}, {packed.stat().st_size // model.MIB} MiB")
    with tempfile.TemporaryDirectory(prefix="retrofit-demo-") as logs, contextlib.ExitStack() as s:
        with _step("Keystone, Glance and an unprivileged container"):
            ready = s.enter_context(deployment.ready(packed, pathlib.Path(logs)))
        with _step("base image uploaded, as glance-simplestreams-sync does"):
            _say(f"  {_upload(ready.cloud, image, release)}")
        with _step("juju deploy octavia-diskimage-retrofit"):
            ready.deploy()
            _say_status(ready)
        with _step("juju integrate with keystone, glance and vault; juju config"):
            ready.relate()
            ready.configure(amp_image_tag=_TAG, retrofit_series=release.series)
            _say_status(ready)
        completed = _run_action(ready, "retrofit-image")
        _run_action(ready, "retrofit-image", expected="failed")
        with _step("juju config proof-depth=rest"):
            ready.configure(proof_depth="rest")
        forced = _run_action(ready, "retrofit-image", force=True)
        for action in ("show-image", "diff-images", "verify-image", "rollback-image"):
            _run_action(ready, action)
        _say_status(ready)
        _say("openstack image list")
        for identifier in (completed.results["image-id"], forced.results["image-id"]):
            _say(_line(ready.cloud.image(identifier)))


def _release(image: pathlib.Path) -> model.Release:
    """Return what runs in an image."""
    with workshop.work_directory(None) as work:
        # The workshop's root is nobody outside, and cannot enter everyone's home directory.
        source, raw = work / "source.img", work / "source.raw"
        shutil.copyfile(image, source)
        workshop.adopt(source)

        def read(_: progress.Reporter) -> model.Release:
            conversion.to_raw(source, raw)
            return layout.read(raw, work).release

        return workshop.run(work, read, base_images.Silent(), network=networks.Network.HOST)


def _upload(running: cloud.Cloud, image: pathlib.Path, release: model.Release) -> str:
    """Upload the base image with the properties that its content calls for; return its id."""
    written = datetime.datetime.fromtimestamp(image.stat().st_mtime, tz=datetime.UTC)
    product = f"{release.distribution}.cloud.daily:server:{release.version}:{release.architecture}"
    return running.upload_base(
        image,
        os_distro=release.distribution,
        os_version=release.version,
        product_name=f"com.{product}",
        version_name=f"{written:%Y%m%d}",
    )


def _run_action(
    ready: deployment.Deployment, action: str, *, expected: str = "completed", **parameters: bool
) -> agent.ActionResult:
    """Run an action of the charm, and say what it reports.

    Raises:
        errors.RetrofitError: It ended otherwise than it should.
    """
    words = [f"{name}={str(value).lower()}" for name, value in parameters.items()]
    with _step(" ".join(["juju run", action, *words])):
        result = ready.agent.run_action(action, parameters, report=lambda text: _say(f"  {text}"))
        if result.message:
            _say(f"  {result.message}")
        for key, value in result.results.items():
            _say(f"  {key}: {value if len(value) < _LONGEST else f'{len(value)} characters'}")
        _say(f"  {result.status}")
    if result.status != expected:
        raise errors.RetrofitError(f"the action {result.status}; it should have {expected}")
    return result


@contextlib.contextmanager
def _step(title: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    started = time.monotonic()
    _say(title)
    yield
    _say(f"  ({time.monotonic() - started:.0f} s)")


def _say(text: str) -> None:
    minutes, seconds = divmod(int(time.monotonic() - _STARTED), 60)
    print(f"{minutes:3d}:{seconds:02d}  {text}", flush=True)


def _say_status(ready: deployment.Deployment) -> None:
    status = ready.status()
    _say(f"  {ready.agent.unit.name}: {status.status}: {status.message}")


def _line(image: dict[str, object]) -> str:
    """Return an image as a line of a listing."""
    size = int(str(image["size"])) // model.MIB
    tags = image["tags"]
    assert isinstance(tags, list)
    shown = [image["id"], image["name"], image["disk_format"], f"{size} MiB", image["status"]]
    return " | ".join([*map(str, shown), ",".join(sorted(tags))])


def _stop(number: int, _: FrameType | None) -> None:
    # Whoever is impatient presses Ctrl-C again, and that must not cut the removal short.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped(number)


if __name__ == "__main__":
    sys.exit(main())
