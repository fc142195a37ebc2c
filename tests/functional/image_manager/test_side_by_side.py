"""Images imported side by side: in a fixed order, with room for fewer, interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import yaml
from tests.support.cloud import cloud, interceptor
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import errors

_DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud that takes uploads directly."""
    with cloud.running(options=cloud.Options(import_methods="web-download")) as running:
        yield running


class _Narrow(interceptor.Interceptor):
    """A Glance that takes one upload at a time, and answers 503 to others.

    Attributes:
        refused: How many it refused.
    """

    def __init__(self, behind: cloud.Cloud) -> None:
        super().__init__(behind)
        self._uploading = threading.Lock()
        self.refused = 0

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if method != "PUT":
            return super().forward(method, path, headers, body)
        if not self._uploading.acquire(blocking=False):
            self.refused += 1
            return 503, [], b"too much at a time"
        try:
            time.sleep(0.5)
            return super().forward(method, path, headers, body)
        finally:
            self._uploading.release()


class _Slow(interceptor.Interceptor):
    """A Glance that does not answer uploads before it is told to.

    Attributes:
        uploading: What is being uploaded.
        end: Set when it is to answer.
    """

    def __init__(self, behind: cloud.Cloud) -> None:
        super().__init__(behind)
        self.uploading: list[str] = []
        self.end = threading.Event()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if method == "PUT":
            self.uploading.append(path)
            self.end.wait(_DEADLINE_S)
        return super().forward(method, path, headers, body)


_Kind = TypeVar("_Kind", bound=interceptor.Interceptor)


@contextlib.contextmanager
def _serving(proxy: _Kind) -> Iterator[_Kind]:
    with proxy:
        proxy.doom(0, fatal=0)
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def _children(process: int) -> set[str]:
    """Return the processes that a process started."""
    tasks = pathlib.Path(f"/proc/{process}/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclasses.dataclass(frozen=True)
class _Run:
    """Runs of ``retrofit manage``.

    Attributes:
        cloud: Where.
        place: Directory of what they need.
    """

    cloud: cloud.Cloud
    place: pathlib.Path

    def start(
        self, *words: str, endpoint: str = "", who: str = cloud.RETROFIT
    ) -> subprocess.Popen[str]:
        """Start a run for the images in the file."""
        settings = self.cloud.clouds_yaml(self.place / "clouds.yaml")
        if endpoint:
            content = yaml.safe_load(settings.read_text())
            content["clouds"][who]["image_endpoint_override"] = endpoint
            settings.write_text(yaml.safe_dump(content))
        command = [sys.executable, "-m", "retrofit", "manage", "--os-cloud", who]
        command += ["--images", str(self.path), "--tag", image_files.TAG]
        command += ["--work-dir", str(self.place), *words]
        return subprocess.Popen(
            command,
            env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(settings)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def path(self) -> pathlib.Path:
        return self.place / "images.yml"

    def left(self) -> list[str]:
        """Return what work directories are left."""
        return [path.name for path in self.place.glob("retrofit-*")]


@pytest.fixture
def run(running_cloud: cloud.Cloud, tmp_path: pathlib.Path) -> _Run:
    return _Run(running_cloud, tmp_path)


def test_one_that_fails_leaves_the_others_in_their_order(
    run: _Run, server: web_server.Server
) -> None:
    products = []
    for number in range(6):
        checksum = image_files.content(server.directory / f"{number}.raw", f"beside {number}")
        if number == 2:
            checksum = f"sha256:{'0' * 64}"
        version = image_files.version("1", url=f"{server.url}{number}.raw", checksum=checksum)
        products.append(image_files.image(f"Beside {number}", version))
    image_files.write(run.path, *products)

    with run.start() as process:
        printed, complained = process.communicate(timeout=_DEADLINE_S)

    assert process.returncode == errors.ImageError.exit_code, complained
    words = [line.split()[:3] for line in printed.splitlines()]
    whole = [str(number) for number in range(6) if number != 2]
    assert words == [
        *(["import", "Beside", str(number)] for number in range(6)),
        *(["change", "Beside", number] for number in whole for _ in range(2)),
    ]
    rows = image_files.shown(run.cloud, "Beside")
    assert rows == [("1", f"Beside {number}", "public", "active") for number in whole]
    assert f"import Beside {whole[-1]} (1): " in complained
    assert f"{server.url}2.raw does not match its checksum" in complained
    assert run.left() == []


@pytest.mark.slow
def test_a_glance_that_has_room_for_one(run: _Run, server: web_server.Server) -> None:
    products = []
    for number in range(5):
        checksum = image_files.content(server.directory / f"{number}.raw", f"narrow {number}")
        version = image_files.version("1", url=f"{server.url}{number}.raw", checksum=checksum)
        products.append(image_files.image(f"Narrow {number}", version))
    image_files.write(run.path, *products)

    with (
        _serving(_Narrow(run.cloud)) as narrow,
        run.start("--prefetch", "always", endpoint=narrow.url) as process,
    ):
        _, complained = process.communicate(timeout=_DEADLINE_S)

    assert process.returncode == 0, complained
    assert narrow.refused > 0
    rows = image_files.shown(run.cloud, "Narrow")
    assert rows == [("1", f"Narrow {number}", "public", "active") for number in range(5)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_an_interruption_ends_all(
    run: _Run, server: web_server.Server, number: signal.Signals
) -> None:
    name = f"Interrupted {number.name}"
    products = []
    for each in range(4):
        checksum = image_files.content(server.directory / f"{each}.raw", f"{name} {each}")
        version = image_files.version("1", url=f"{server.url}{each}.raw", checksum=checksum)
        products.append(image_files.image(f"{name} {each}", version))
    image_files.write(run.path, *products)

    with _serving(_Slow(run.cloud)) as slow:
        with run.start("--prefetch", "always", endpoint=slow.url) as process:
            _await(lambda: len(slow.uploading) == 4)
            children = _children(process.pid)
            if number is signal.SIGTERM:
                _see_who_may_run_beside(run)
            process.send_signal(number)
            _await(lambda: process.poll() is not None)
            _await(lambda: not any(pathlib.Path(f"/proc/{each}").exists() for each in children))
        slow.end.set()

    assert len(children) == 4
    left = image_files.shown(run.cloud, name)
    if number is signal.SIGTERM:
        assert process.returncode == 128 + number
        assert left == []
        assert run.left() == []
    # What a killed run left is removed by the next one.
    with run.start() as process:
        _, complained = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 0, complained
    rows = image_files.shown(run.cloud, name)
    assert rows == [("1", f"{name} {each}", "public", "active") for each in range(4)]
    assert run.left() == []


def _see_who_may_run_beside(run: _Run) -> None:
    """See that a run is refused while another one has its target, and no other run is."""
    for words, who, expected in (
        ((), cloud.RETROFIT, errors.Busy.exit_code),
        (("--tag", "another"), cloud.RETROFIT, 0),
        ((), cloud.TENANT, 0),
    ):
        # Nothing is to be done: no image is called so.
        with run.start("--filter", "^$", *words, who=who) as process:
            _, complained = process.communicate(timeout=_DEADLINE_S)
        assert process.returncode == expected, complained
        if expected:
            assert f"manages the images with the tag {image_files.TAG} of this" in complained
