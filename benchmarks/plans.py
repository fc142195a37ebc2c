"""What a plan costs where Glance has few and many images, and few and many are wanted.

What archives cost depends on them: here they are this machine's own, and its packages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import platform
import resource
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.support.cloud import cloud, interceptor
from tests.support.provenance import records
from tests.support.publishing import publishing

from retrofit import cloud as engine_cloud
from retrofit import model
from retrofit.building import manifest
from retrofit.building.archives import recording
from retrofit.host import files
from retrofit.model import architectures
from retrofit.provenance import description

from . import goals, record, session, table

_OTHERS = (1, 100, 10_000)
_WANTED = (1, 40)
# Reasons that count: without archives, and with them.
_WITHOUT, _WITH = ("base", "recipe"), ("base", "recipe", "security", "packages")
# What the project set itself for one image with nothing to do, its archives asked.
_GOAL_S = 2.0
_ATTEMPTS = 3
_MADE = "2026-08-01 00:00:00.000000"


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one plan cost.

    Attributes:
        others: Images of others in Glance.
        wanted: Images that were planned.
        archives: Whether their archives were asked.
        requests: Requests to Glance.
        wall_s: Elapsed seconds, the start of the command included; the least of a few attempts.
        cpu_s: Processor seconds of the command.
    """

    others: int
    wanted: int
    archives: bool
    requests: int
    wall_s: float
    cpu_s: float


def measure_plans(bench: session.Session) -> None:
    """Plan one image and many that are up to date, and write ``results/plans.md``."""
    costs = measure(bench.directory("plans"))
    document = record.Document(record.machine(), "python -m benchmarks plans", (), {})
    rows = [
        f"| {cost.others:,} | {cost.wanted} | {'asked' if cost.archives else 'not asked'} | "
        f"{cost.requests} | "
        f"{cost.requests / cost.wanted:.1f} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} |"
        for cost in costs
    ]
    slowest = max(cost.wall_s for cost in costs if cost.wanted == 1)
    goal = goals.Goal("one image, its archives asked", _GOAL_S, slowest, unit="s")
    lines = [
        table.headline(document),
        "",
        "| images of others | wanted, up to date | archives | requests | for each | s | "
        "processor, s |",
        "|---:|---:|---|---:|---:|---:|---:|",
        *rows,
        "",
        f"One image takes at most {goal.limit:g} s, its archives asked: "
        f"{'met' if goal.met else 'not met'} ({slowest:.2f} s).",
        "",
    ]
    files.write(record.RESULTS / "plans.md", "\n".join(lines), mode=0o644)


def measure(place: pathlib.Path) -> list[Cost]:
    """Plan against a Glance on loopback that holds more and more images of others.

    Args:
        place: Directory for requests.
    """
    costs = []
    with cloud.running() as running, interceptor.intercepting(running) as glance:
        # Nobody is to be killed.
        glance.doom(0, fatal=0)
        clouds = running.clouds_yaml(place / "clouds.yaml")
        with_proxy = f"image_endpoint_override: {glance.url}\n    region_name:"
        clouds.write_text(clouds.read_text().replace("region_name:", with_proxy))
        data = place / "data.raw"
        data.write_bytes(bytes(512))
        running.upload_base(data, disk_format="raw")
        requests = [_request(place, number, _WITHOUT) for number in range(max(_WANTED))]
        _publish(_plan(place, requests), data, clouds)
        added = 0
        for others in _OTHERS:
            _add_images(running, others - added)
            added = others
            for wanted, reasons in itertools.product(_WANTED, (_WITHOUT, _WITH)):
                chosen = [_request(place, number, reasons) for number in range(wanted)]
                costs.append(min(_costs(place, glance, others, chosen), key=_wall_s))
    return costs


def _costs(
    place: pathlib.Path,
    glance: interceptor.Interceptor,
    others: int,
    requests: Sequence[pathlib.Path],
) -> Iterator[Cost]:
    """Plan a few times, and yield what each plan cost."""
    archives = json.loads(requests[0].read_text())["rebuild-on"] == list(_WITH)
    for _ in range(_ATTEMPTS):
        glance.requests.clear()
        begun, spent = time.monotonic(), _children_s()
        planned = _plan(place, requests)
        taken, spent = time.monotonic() - begun, _children_s() - spent
        if any(image["action"] != "none" for image in planned):
            raise SystemExit("not all images are up to date")
        yield Cost(others, len(requests), archives, len(glance.requests), taken, spent)


def _wall_s(cost: Cost) -> float:
    return cost.wall_s


def _request(place: pathlib.Path, number: int, reasons: Sequence[str]) -> pathlib.Path:
    """Write a request that differs from the others in its tag and in what is made."""
    path = place / f"image-{number}.json"
    wanted = {
        "source": "glance:",
        "target": "glance:",
        "series": "noble",
        "architecture": "x86_64",
        "depth": "off",
        "cloud": cloud.RETROFIT,
        "amp-image-tag": path.stem,
        "environment": {"NUMBER": str(number)},
        "rebuild-on": reasons,
        "cache-dir": str(place / "cache"),
    }
    path.write_text(json.dumps(wanted))
    return path


def _plan(place: pathlib.Path, requests: Sequence[pathlib.Path]) -> list[dict[str, Any]]:
    """Return what is planned for each request."""
    planned = subprocess.run(
        [sys.executable, "-m", "retrofit", "plan", *requests, "--json"],
        env=os.environ | {"OS_CLIENT_CONFIG_FILE": str(place / "clouds.yaml")},
        stdout=subprocess.PIPE,
        check=True,
    )
    images: list[dict[str, Any]] = json.loads(planned.stdout)["images"]
    return images


def _children_s() -> float:
    """Return the processor seconds of all commands so far; the cloud is none that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _publish(planned: Iterable[dict[str, Any]], data: pathlib.Path, clouds: pathlib.Path) -> None:
    """Publish an image for every plan, as if it had been built."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(clouds)
    connection = engine_cloud.connect(cloud.RETROFIT, region=None, interface=None)
    made_of = _made_of()
    with contextlib.closing(connection):
        for image in planned:
            publishing.published(
                connection,
                data,
                image["name"],
                fingerprint=image["fingerprint"],
                tag=image["tag"],
                further=made_of,
            )


def _made_of() -> tuple[tuple[str, str], ...]:
    """Return what an image of this machine would say of its packages and archives.

    Nothing is newer than they are.
    """
    apt = pathlib.Path("/etc/apt")
    sources = [apt / "sources.list", *apt.glob("sources.list.d/*.*")]
    trusted = sorted(apt.glob("trusted.gpg.d/*.*"))
    packages = tuple(
        dataclasses.replace(package, version="99:1")
        for package in manifest.read(pathlib.Path("/"))
    )
    settings = model.AptSettings(
        texts=tuple(
            (str(path), recording.told(path.read_text())) for path in sources if path.is_file()
        ),
        # Those of the host are taken.
        keys=tuple((str(path), b"") for path in trusted),
    )
    described = records.described(packages).model_copy(
        update={"system": description.System(**dataclasses.asdict(_release())), "apt": settings}
    )
    return description.properties(described, packages)


def _release() -> model.Release:
    system = platform.freedesktop_os_release()
    return model.Release(
        distribution=system["ID"],
        version=system["VERSION_ID"],
        series=system["VERSION_CODENAME"],
        architecture=architectures.debian_architecture(platform.machine()),
    )


def _add_images(running: cloud.Cloud, count: int) -> None:
    """Write images of others, public as base images are, straight into Glance's database."""
    properties = {
        "os_distro": "ubuntu",
        "os_version": "22.04",
        "architecture": "x86_64",
        "product_name": "com.ubuntu.cloud.daily:server:22.04:amd64",
    }
    database = running.directory / "glance.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for _ in range(count):
            identifier = str(uuid.uuid4())
            connection.execute(
                "INSERT INTO images (id, name, size, status, created_at, updated_at, deleted,"
                " disk_format, container_format, owner, min_disk, min_ram, visibility)"
                " VALUES (?, 'other', 1, 'active', ?, ?, 0,"
                " 'raw', 'bare', 'other', 0, 0, 'public')",
                (identifier, _MADE, _MADE),
            )
            connection.executemany(
                "INSERT INTO image_properties (image_id, name, value, created_at, deleted)"
                " VALUES (?, ?, ?, ?, 0)",
                [(identifier, *item, _MADE) for item in properties.items()],
            )
