"""``retrofit manage`` and the tool that it succeeds, each with a cloud of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..cloud import cloud
from ..host import web_server
from . import image_files, original

_BOUND_S = 1800.0


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a run cost.

    Attributes:
        wall_s: Seconds that it took.
        cpu_s: Seconds of a processor that the tool took, without those of the cloud.
        requests: Requests to Keystone and Glance.
        transfers: How often a whole image was fetched from the web server.
    """

    wall_s: float
    cpu_s: float
    requests: int
    transfers: int


@dataclasses.dataclass(frozen=True)
class Tool:
    """A tool with its cloud.

    Attributes:
        name: What it is called.
        command: What starts it.
        environment: What it needs in its environment.
        cloud: Its cloud.
        place: Directory for its files.
    """

    name: str
    command: Sequence[str | pathlib.Path]
    environment: Mapping[str, str]
    cloud: cloud.Cloud
    place: pathlib.Path

    def run(self, images: Sequence[dict[str, Any]], *words: str) -> tuple[int, str]:
        """Have it do what an image file says; return its exit code and what it printed."""
        path = image_files.write(self.place / "images.yml", *images)
        settings = self.cloud.clouds_yaml(self.place / "clouds.yaml")
        command = [*self.command, "--cloud", cloud.RETROFIT, "--tag", image_files.TAG]
        done = subprocess.run(
            [*command, "--images", path, *words],
            env={**os.environ, **self.environment, "OS_CLIENT_CONFIG_FILE": str(settings)},
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BOUND_S,
        )
        return done.returncode, done.stdout

    def measure(self, images: Sequence[dict[str, Any]], server: web_server.Server) -> Cost:
        """Return what a run that has to succeed costs."""
        asked, fetched = self.cloud.requests(), len(server.answers)
        began_s, used_s = time.monotonic(), _cpu_s()
        code, printed = self.run(images)
        wall_s, cpu_s = time.monotonic() - began_s, _cpu_s() - used_s
        assert code == 0, printed
        # A server notes a request after its answer.
        time.sleep(0.5)
        requests = (self.cloud.requests() - asked).total()
        whole = [each for each in server.answers[fetched:] if _is_whole(each, server)]
        return Cost(wall_s, cpu_s, requests, len(whole))


@contextlib.contextmanager
def tools(
    place: pathlib.Path,
    options: cloud.Options = cloud.Options(),  # noqa: B008 -- frozen
) -> Iterator[tuple[Tool, Tool]]:
    """Give this project's tool and the original, each with a new cloud."""
    ours = [sys.executable, "-m", "retrofit", "manage"]
    theirs, environment = original.command()
    with cloud.running(options=options) as first, cloud.running(options=options) as second:
        directories = place / "ours", place / "theirs"
        for directory in directories:
            directory.mkdir()
        yield (
            Tool("retrofit manage", ours, {}, first, directories[0]),
            Tool("openstack-image-manager", theirs, environment, second, directories[1]),
        )


def _is_whole(answer: web_server.Answer, server: web_server.Server) -> bool:
    """Tell whether an answer brought a file's last byte, and something at all."""
    size = (server.directory / answer.path).stat().st_size
    return 0 < answer.sent and answer.first + answer.sent == size


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
