"""Image files of OpenStack Image Manager's form, and what becomes of them in Glance.

As a program with the argument DIRECTORY, it does what files say in processes that tests may kill:
it says ``ready``, reads lines with the path of a file, and answers each with the number of the
process and, in the end, with how that ended.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import yaml

from retrofit import cloud as clouds
from retrofit import errors, model
from retrofit.host import web
from retrofit.image_manager import importing, inventory, managing, reading, rotation

from ..cloud import cloud
from ..publishing import publishing

TAG = "managed_by_test"
META = {
    "architecture": "x86_64",
    "hw_disk_bus": "scsi",
    "hypervisor_type": "qemu",
    "os_distro": "ubuntu",
    "os_purpose": "generic",
    "provided_until": "none",
    "replace_frequency": "monthly",
    "uuid_validity": "last-3",
}


def version(name: str, **changes: Any) -> dict[str, Any]:
    """Return a version of an image; ``None`` leaves a key out."""
    usual = {"version": name, "url": "https://example.org/x.img"}
    return _changed(usual | {"build_date": datetime.date(2026, 8, 1)}, changes)


def image(name: str, *versions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an image; ``None`` leaves a key out, ``meta`` changes properties."""
    usual = {
        "name": name,
        "enable": True,
        "format": "raw",
        "login": "ubuntu",
        "min_disk": 0,
        "min_ram": 0,
        "status": "active",
        "visibility": "public",
        "multi": True,
        "meta": _changed(META, changes.pop("meta", {})),
        "tags": [],
        "versions": list(versions),
    }
    return _changed(usual, changes)


def write(path: pathlib.Path, *images: dict[str, Any]) -> pathlib.Path:
    """Write a file of images."""
    path.write_text(yaml.safe_dump({"images": list(images)}, sort_keys=False))
    return path


def content(path: pathlib.Path, text: str) -> str:
    """Write a small raw image; return its checksum."""
    path.write_bytes(text.encode() * 4096)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def manage(
    connection: clouds.Cloud, path: pathlib.Path, work: pathlib.Path, **changes: Any
) -> tuple[list[managing.Step], list[errors.RetrofitError]]:
    """Do what files say; return the steps that were taken, and what failed.

    Args:
        connection: Where.
        path: The files.
        work: Directory for what is fetched.
        changes: Fields of the policy, and of how images are brought in.
    """
    means = {"prefetch": importing.Prefetch.ALWAYS, "timeout_s": 60.0, "retries": 0}
    more = (*means, "at_once", "locate")
    means |= {key: changes.pop(key) for key in [*changes] if key in more}
    access = web.Access(proxies=model.Proxies())
    steps: list[managing.Step] = []
    policy = rotation.Policy(tag=changes.pop("tag", TAG), **changes)
    task = managing.Task(
        policy,
        access,
        importing.Means(
            access=access,
            work=work,
            reporter=publishing.Silent(),
            beside=publishing.Silent(),
            **means,
        ),
        steps.append,
    )
    managed = inventory.listed(connection, policy.tag)
    failures = managing.manage(connection, managed, reading.read(path, check=True).products, task)
    return steps, failures


def shown(running: cloud.Cloud, prefix: str) -> list[tuple[str, ...]]:
    """Return name, version, visibility and status of each image of a product, sorted by version.

    Args:
        running: The cloud.
        prefix: What the names of the product's images begin with.
    """
    found = [
        *running.images(visibility="all"),
        *running.images(visibility="all", os_hidden="true"),
    ]
    rows = [
        (
            image.get("internal_version", ""),
            image["name"],
            "hidden" if image["os_hidden"] else image["visibility"],
            image["status"],
        )
        for image in found
        if image["name"].startswith(prefix)
    ]
    return sorted(rows)


def _changed(usual: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = usual | changes
    return {key: value for key, value in merged.items() if value is not None}


def names(steps: Sequence[managing.Step]) -> list[str]:
    """Return steps in few words."""
    return [f"{step.what} {step.image}" for step in steps]


def main() -> None:
    """Do in a process for each line what a file says; delete what nobody was promised."""
    work = pathlib.Path(sys.argv[1])
    connection = clouds.connect("retrofit", region=None, interface=None)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _, failures = manage(connection, pathlib.Path(line.strip()), work, delete=True)
            print(*failures, sep="\n", file=sys.stderr, flush=True)
            os._exit(len(failures))
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
