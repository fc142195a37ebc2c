"""One run from a source to a target: find the base image, build, deliver or publish.

This is what ``retrofit image`` and the charm's service call. All that talks to a cloud or touches
the caller's files happens here, outside the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from . import (
    cloud,
    errors,
    fingerprint,
    model,
    naming,
    pipeline,
    progress,
    publish,
    recipes,
    targets,
)
from .elements import collect
from .sandbox import workshop
from .sources import glance


@dataclasses.dataclass(frozen=True)
class CloudOptions:
    """Which cloud to use, and how.

    Attributes:
        name: Entry of clouds.yaml; without one the ``OS_*`` variables count.
        region: Region of the image service; without one the cloud's default.
        interface: Endpoint type, ``public``, ``internal`` or ``admin``; without one the default.
    """

    name: str | None = None
    region: str | None = None
    interface: str | None = None


@dataclasses.dataclass(frozen=True)
class GlanceTarget:
    """Publish in Glance, found by Octavia through ``amp_image_tag``."""

    amp_image_tag: str


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: from where, to where, what.

    Attributes:
        source: A file, or what to look for in Glance.
        target: A file, or Glance.
        build: What to make.
        force: Replace the file, or publish although the same image is published already.
        cloud: Which cloud, where one is involved.
        work_base: Directory in which the work directory is made; ``None`` for the default.
    """

    source: pathlib.Path | glance.Wanted
    target: pathlib.Path | GlanceTarget
    build: model.BuildRequest
    force: bool = False
    cloud: CloudOptions = CloudOptions()
    work_base: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run made.

    Attributes:
        build: The image; its path is the target's, or gone where it was published.
        base: The base image in Glance, where it came from there.
        published: The image in Glance, where it went there.
    """

    build: model.BuildResult
    base: model.BaseImage | None
    published: publish.Published | None


def run(request: RunRequest, reporter: progress.Reporter) -> RunResult:
    """Do a run.

    Args:
        request: What is wanted.
        reporter: Told of the steps.

    Raises:
        errors.UpToDate: Exactly this image is published already.
        errors.Busy: Another run writes the same file.
        errors.RetrofitError: Something else stood in the way; nothing half-done is left.
    """
    with contextlib.ExitStack() as held:
        if isinstance(request.target, pathlib.Path):
            targets.check(request.target, force=request.force)
            held.enter_context(
                _lock(targets.beside(request.target, "lock"), f"writes {request.target}")
            )
            return _run(request, reporter)
        lock = workshop.work_base(request.work_base) / f"retrofit-publish-{os.geteuid()}.lock"
        held.enter_context(_lock(lock, "publishes an image"))
        return _run(request, reporter)


def _run(request: RunRequest, reporter: progress.Reporter) -> RunResult:
    """Do a run that has its lock."""
    recipe = recipes.get(request.build.recipe)
    connection = _connect(request)
    base = None
    if isinstance(request.source, pathlib.Path):
        _check_source(request.source)
    else:
        assert connection is not None
        base = glance.find(connection, request.source)
    with workshop.work_directory(request.work_base) as work:
        elements = work / "elements"
        collect.collect(recipe, request.build, elements)
        target = request.target
        mark = ""
        if isinstance(target, GlanceTarget):
            assert connection is not None
            mark = fingerprint.compute(
                base=_base_hash(request.source, base),
                elements=collect.digest(elements),
                request=request.build,
            )
            if not request.force:
                publish.check_current(connection, mark, tag=target.amp_image_tag)
        source = _bring(request.source, base, connection, work, reporter)
        job = pipeline.Job(source, work, elements, request.build)
        built = pipeline.build(job, reporter)
        if isinstance(target, pathlib.Path):
            targets.deliver(built.image, target)
            return RunResult(dataclasses.replace(built, image=target), base, None)
        assert connection is not None
        description = naming.describe(
            built, base, recipe=recipe.name, fingerprint=mark, tag=target.amp_image_tag
        )
        with progress.step(reporter, "upload"):
            published = publish.publish(
                connection, built.image, description, advanced=reporter.advanced
            )
        return RunResult(built, base, published)


def _connect(request: RunRequest) -> cloud.Cloud | None:
    """Connect to the cloud if the run needs one."""
    if isinstance(request.source, pathlib.Path) and isinstance(request.target, pathlib.Path):
        return None
    options = request.cloud
    return cloud.connect(options.name, region=options.region, interface=options.interface)


def _base_hash(source: pathlib.Path | glance.Wanted, base: model.BaseImage | None) -> str:
    """Return what identifies the base image's content."""
    if base is not None:
        # Data in Glance never changes, so an identifier does where there is no hash.
        return base.content_hash or f"glance:{base.id}"
    assert isinstance(source, pathlib.Path)
    with source.open("rb") as file:
        return f"sha512:{hashlib.file_digest(file, 'sha512').hexdigest()}"


def _bring(
    source: pathlib.Path | glance.Wanted,
    base: model.BaseImage | None,
    connection: cloud.Cloud | None,
    work: pathlib.Path,
    reporter: progress.Reporter,
) -> pathlib.Path:
    """Put the base image where the workshop can read it, and return its path."""
    local = work / "source.img"
    if isinstance(source, pathlib.Path):
        if workshop.reachable(source):
            return source.absolute()
        shutil.copyfile(source, local)
    else:
        assert base is not None and connection is not None
        with progress.step(reporter, "download"):
            glance.download(connection, base, local, advanced=reporter.advanced)
    workshop.adopt(local)
    return local


def _check_source(source: pathlib.Path) -> None:
    """Refuse a base image that is not there before anything is set up for it."""
    try:
        with source.open("rb"):
            pass
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read the base image {source}: {error.strerror}"
        ) from error


@contextlib.contextmanager
def _lock(path: pathlib.Path, doing: str) -> Iterator[None]:
    """Hold a lock file, or say that another run does."""
    try:
        file = path.open("w", encoding="ascii")
    except OSError as error:
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise errors.Busy(
                f"another run {doing} at this moment", hint="wait until it has ended"
            ) from busy
        try:
            yield
        finally:
            path.unlink()
