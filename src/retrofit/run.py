"""One run from a source to a target: find the base image, build, deliver or publish.

This is what ``retrofit image`` and the charm's service call. All that talks to a cloud or touches
the caller's files happens here, outside the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import functools
import os
import pathlib
from collections.abc import Callable, Iterator

from . import (
    cloud,
    errors,
    fingerprint,
    model,
    naming,
    pipeline,
    progress,
    provenance,
    publish,
    recipes,
    targets,
)
from .elements import collect
from .sandbox import workshop
from .sources import glance, origins


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
        steps: What each step cost, in order.
    """

    build: model.BuildResult
    base: model.BaseImage | None
    published: publish.Published | None
    steps: tuple[model.StepRecord, ...]


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
    recipe = recipes.get(request.build.recipe)
    recorder = progress.Recorder(reporter)
    with contextlib.ExitStack() as held:
        held.enter_context(_locked(request))
        connect = connector(request.cloud, held)
        origin = find_origin(request.source, connect)
        work = held.enter_context(workshop.work_directory(request.work_base))
        elements = work / "elements"
        collect.collect(recipe, request.build, elements)

        def build() -> model.BuildResult:
            source = origin.bring(work, recorder)
            return pipeline.build(pipeline.Job(source, work, elements, request.build), recorder)

        if isinstance(request.target, pathlib.Path):
            built = build()
            targets.deliver(built.image, request.target)
            made = dataclasses.replace(built, image=request.target)
            return RunResult(made, origin.base, None, tuple(recorder.records))
        base = dataclasses.replace(
            origin.base or model.BaseImage(name=origin.name), content_hash=origin.content_hash()
        )
        elements_digest = collect.digest(elements)
        mark = fingerprint.compute(
            base=base.content_hash, elements=elements_digest, request=request.build
        )
        tag = request.target.amp_image_tag
        if not request.force:
            publish.check_current(connect(), mark, tag=tag)
        built = build()
        made_of = provenance.describe(
            built,
            base=base,
            request=request.build,
            elements_digest=elements_digest,
            releases=collect.releases(recipe),
            now=datetime.datetime.now(datetime.UTC),
        )
        description = naming.describe(
            built,
            origin.base,
            recipe=recipe.name,
            fingerprint=mark,
            tag=tag,
            further=provenance.properties(made_of, built.packages),
        )
        with progress.step(recorder, "upload"):
            published = publish.publish(
                connect(), built.image, description, advanced=reporter.advanced
            )
        return RunResult(built, origin.base, published, tuple(recorder.records))


def connector(options: CloudOptions, held: contextlib.ExitStack) -> Callable[[], cloud.Cloud]:
    """Return what connects to the cloud when that is first needed, and closes it in the end."""

    @functools.cache
    def connect() -> cloud.Cloud:
        connection = cloud.connect(
            options.name, region=options.region, interface=options.interface
        )
        return held.enter_context(contextlib.closing(connection))

    return connect


def find_origin(
    source: pathlib.Path | glance.Wanted, connect: Callable[[], cloud.Cloud]
) -> origins.Origin:
    """Find an image.

    Args:
        source: A file, or what to look for in Glance.
        connect: Connects to the cloud if that is needed.
    """
    if isinstance(source, pathlib.Path):
        return origins.File(source)
    connection = connect()
    return origins.Glance(connection, glance.find(connection, source))


def _locked(request: RunRequest) -> contextlib.AbstractContextManager[None]:
    """Keep other runs from making the same file, or from publishing beside this one."""
    if isinstance(request.target, pathlib.Path):
        targets.check(request.target, force=request.force)
        return _lock(targets.beside(request.target, "lock"), f"writes {request.target}")
    base = workshop.work_base(request.work_base)
    return _lock(base / f"retrofit-publish-{os.geteuid()}.lock", "publishes an image")


@contextlib.contextmanager
def _lock(path: pathlib.Path, doing: str) -> Iterator[None]:
    """Hold a lock file, or say that another run does."""
    try:
        # Everybody may make links where work directories are made.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(handle, "r+b"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(handle, path):
                # It was opened while the other run was about to remove it.
                raise BlockingIOError
        except BlockingIOError as busy:
            raise errors.Busy(
                f"another run {doing} at this moment", hint="wait until it has ended"
            ) from busy
        try:
            yield
        finally:
            path.unlink()


def _is_at(handle: int, path: pathlib.Path) -> bool:
    """Tell whether an open file is the one that has a name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
