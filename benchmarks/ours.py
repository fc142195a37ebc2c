"""Measures this project's own commands."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import statistics
import sys
from collections.abc import Sequence

from . import measure, session, transfer

_RETROFIT = (sys.executable, "-m", "retrofit")
_PACKAGE_STEP = "customise"
_IMAGES = 4
_STARTS = 5
# The kernel is that of diskimage-builder's debian-minimal.
_SYSTEM = ("--series=bookworm", "--package-set=minimal", "--kernel=linux-image-amd64")
_SERVICES = ("--recipe=plain", "--package=haproxy", "--package=keepalived")


def build(bench: session.Session) -> None:
    """Build the result with an empty cache, then again with a changed recipe and that cache."""
    cache = bench.directory("cache")
    output = bench.place / "warm.qcow2"
    elements = _elements(bench, ["changed"])
    cold = bench.measure(
        "retrofit-cold",
        "`retrofit image`",
        _image(bench.base, bench.result, cache),
        cache=session.COLD,
        output=bench.result,
    )
    if cold.outcome is not measure.Outcome.DONE:
        raise SystemExit(f"retrofit image failed: {cold.complaint}")
    steps = {step["name"]: step["wall-s"] for step in json.loads(cold.output)["steps"]}
    package_step_s = steps.pop(_PACKAGE_STEP)
    bench.figures |= {f"step_{name}_s": seconds for name, seconds in steps.items()}
    bench.figures["package_step_s"] = package_step_s
    bench.figures["other_steps_s"] = sum(steps.values())
    bench.figures["used_bytes"] = bench.after.used_bytes

    bench.measure(
        "retrofit-warm",
        "`retrofit image`, recipe changed",
        _image(bench.base, output, cache, "--elements-path", elements, "--element", "changed"),
        cache=session.WARM,
        output=output,
    )
    output.unlink(missing_ok=True)


def create(bench: session.Session) -> None:
    """Make a tar of a system from a package mirror with an empty cache, then with that cache."""
    cache = bench.directory("create-cache")
    for state in (session.COLD, session.WARM):
        made = bench.measure(
            f"create-{state}",
            "`retrofit create --format tar`",
            [*_RETROFIT, "create", bench.created, "--format=tar", *_SYSTEM, *_SERVICES]
            + ["--cache-dir", cache, "--force"],
            cache=state,
            output=bench.created,
        )
        if made.outcome is not measure.Outcome.DONE:
            raise SystemExit(f"retrofit create failed: {made.complaint}")
        bench.created.unlink()


def start(bench: session.Session) -> None:
    """Take the median of several starts of the command."""
    place = bench.directory("start")
    command = measure.Command([*_RETROFIT, "--help"], place, bench.bound_s)
    seconds = [measure.run(command).cpu_s or 0.0 for _ in range(_STARTS)]
    bench.figures["help_cpu_s"] = statistics.median(seconds)


def parallel(bench: session.Session) -> None:
    """Build several images one after the other and all at once, with caches warm and cold."""
    names = [f"variant-{number}" for number in range(_IMAGES)]
    listed = bench.place / "variants"
    listed.write_text("".join(f"{name}\n" for name in names))
    elements = _elements(bench, names)
    # Warm, they share a cache that another image filled; cold, each has an empty one of its own.
    for state in (session.WARM, session.COLD):
        for way, at_once in (("sequential", 1), ("parallel", _IMAGES)):
            output = bench.directory("images")
            caches = bench.place / "caches"
            # xargs starts them as a user's script would, and puts each name for the braces.
            cache = caches / "{}" if state == session.COLD else bench.place / "cache"
            xargs = ["xargs", f"--arg-file={listed}", f"--max-procs={at_once}", "--replace={}"]
            variant: list[str | pathlib.Path] = ["--elements-path", elements, "--element", "{}"]
            bench.measure(
                f"{way}-{state}",
                f"{_IMAGES} images, {'one after the other' if at_once == 1 else 'at once'}",
                [*xargs, *_image(bench.base, output / "{}.qcow2", cache, *variant)],
                cache=state,
                output=output,
            )
            shutil.rmtree(output)
            shutil.rmtree(caches, ignore_errors=True)


def transfers(bench: session.Session) -> None:
    """Copy the result to a Glance and back, as a build does and with curl."""
    seconds = dataclasses.asdict(transfer.measure(bench.result))
    bench.figures |= {f"{name}_s": round(value, 2) for name, value in seconds.items()}


def _image(
    base: pathlib.Path, output: pathlib.Path, cache: pathlib.Path, *more: str | pathlib.Path
) -> Sequence[str | pathlib.Path]:
    """Return the command line of a build."""
    return [*_RETROFIT, "image", base, output, "--cache-dir", cache, *more, "--json"]


def _elements(bench: session.Session, names: Sequence[str]) -> pathlib.Path:
    """Make elements that only put a file into the image, each another one."""
    elements = bench.place / "elements"
    for name in names:
        script = elements / name / "post-install.d" / "50-put-file"
        script.parent.mkdir(parents=True)
        script.write_text(f"#!/bin/sh\necho {name} >/etc/retrofit-bench\n")
        script.chmod(0o755)
    return elements
