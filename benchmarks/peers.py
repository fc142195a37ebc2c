"""Measures what people would use instead; the scripts in ``scripts/`` are their ways."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from retrofit.base_images.scratch import archives
from retrofit.host import accelerator

from . import session

_SCRIPTS = pathlib.Path(__file__).parent / "scripts"
_COMPONENTS = "main"
_RELEASE = "bookworm"


def floor(bench: session.Session) -> None:
    """Measure the least that can be done by hand."""
    _on_a_disk(bench, "floor", "floor: loop mount, chroot, apt, `qemu-img convert -c`", {})


def virt_customize(bench: session.Session) -> None:
    """Measure the way of the existing snap."""
    _on_a_disk(
        bench,
        "virt-customize",
        "`virt-customize`, `virt-sparsify`, `qemu-img convert -c`",
        _appliance(bench),
    )


def diskimage_builder(bench: session.Session) -> None:
    """Measure ``disk-image-create`` twice: it keeps a cache."""
    _disk_image_create(bench, "diskimage-builder", bench.before.archives, bench.packages)


def disk_image_create(bench: session.Session) -> None:
    """Measure it with the packages of the tar that ``retrofit create`` makes."""
    found = archives.of_release("debian", _RELEASE, "amd64")
    suites = [(one.url, one.suite) for one in found]
    _disk_image_create(bench, "disk-image-create", suites, bench.created_packages)


def _disk_image_create(
    bench: session.Session, name: str, suites: Sequence[tuple[str, str]], packages: pathlib.Path
) -> None:
    """Measure ``disk-image-create`` with packages of suites, each with its archive's URL."""
    environment = {
        "DIB_RELEASE": _RELEASE,
        "DIB_DISTRIBUTION_MIRROR": next(url for url, suite in suites if suite == _RELEASE),
        # The same archives as ours.
        "DIB_APT_SOURCES_CONF": "\n".join(
            f"bench-{number}:deb {url} {suite} {_COMPONENTS}"
            for number, (url, suite) in enumerate(suites)
        ),
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    cache = bench.directory(f"{name}-cache")
    output = bench.place / f"{name}.tar"
    for state in (session.COLD, session.WARM):
        bench.measure(
            f"{name}-{state}",
            "`disk-image-create -t tar`, from scratch",
            [_SCRIPTS / "diskimage-builder.sh", cache, output, packages],
            cache=state,
            output=output,
            environment=environment,
            isolated=True,
        )
        output.unlink(missing_ok=True)


def sparsify(bench: session.Session) -> None:
    """Compress the tree of the result in the way that virt-sparsify and zlib do it."""
    output = bench.place / "sparsified.qcow2"
    bench.measure(
        "sparsify",
        "the result again: `virt-sparsify`, `qemu-img convert -c`",
        [_SCRIPTS / "sparsify.sh", bench.result, output],
        cache=session.NONE,
        output=output,
        environment=_appliance(bench),
        isolated=True,
    )
    bench.figures["result_bytes"] = bench.result.stat().st_size
    output.unlink(missing_ok=True)


def _on_a_disk(bench: session.Session, name: str, what: str, environment: dict[str, str]) -> None:
    """Measure a peer that installs packages on a copy of the base image as large as the result."""
    output = bench.place / f"{name}.qcow2"
    bench.measure(
        name,
        what,
        [_SCRIPTS / f"{name}.sh", bench.base, output, _disk_size(bench.result), bench.packages],
        cache=session.NONE,
        output=output,
        environment=environment,
        isolated=True,
    )
    output.unlink(missing_ok=True)


def _disk_size(image: pathlib.Path) -> str:
    """Return the size in bytes of the disk in an image."""
    command = ["qemu-img", "info", "--output=json", image]
    return str(json.loads(subprocess.check_output(command))["virtual-size"])


def _appliance(bench: session.Session) -> dict[str, str]:
    """Return what libguestfs is to know: where to work, and whether machines are emulated."""
    places = {"LIBGUESTFS_CACHEDIR": str(bench.place), "TMPDIR": str(bench.place)}
    settings = {} if accelerator.kvm_works() else {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
    return {"LIBGUESTFS_BACKEND": "direct"} | places | settings
