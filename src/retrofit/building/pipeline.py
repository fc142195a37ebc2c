"""The steps that turn a base image into a service image, in order.

They run in a workshop (:mod:`retrofit.host.sandbox.workshop`), whose parent has put the base
image and the elements within reach.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import pathlib
from collections.abc import Iterator
from concurrent.futures import thread

from .. import errors, model
from ..host import files, process, progress, source_date, trees
from ..host.sandbox import cells, emulation, workshop
from . import activity, customise, layers, package_managers, packing, seal
from .disk import conversion, firmware, growth, layout, tree
from .elements import collect, runner

_LOG = logging.getLogger(__name__)

_COPY_TIMEOUT_S = 1800.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One build, as it is handed to the workshop.

    Attributes:
        source: The base image, readable by the workshop.
        work: The work directory; the image made stays in it.
        elements: Directory below ``work`` that
            :func:`retrofit.building.elements.collect.collect` filled.
        recipe: By which to make it.
        request: What to make.
        base_hash: Hash of the base image.
        layers: Directory of layers that builds share, if they are to.
        breaks: Phases of elements before which the person at the terminal gets a shell.
        keep_failed: Whether the tree stays in ``work`` if a step fails that changes it.
    """

    source: pathlib.Path
    work: pathlib.Path
    elements: pathlib.Path
    recipe: collect.Recipe
    request: model.BuildRequest
    base_hash: str
    layers: pathlib.Path | None = None
    breaks: tuple[str, ...] = ()
    keep_failed: bool = False

    @property
    def failed(self) -> pathlib.Path:
        """Where the tree of a failed build stays."""
        return self.work / "failed"


def build(job: Job, reporter: progress.Reporter) -> model.BuildResult:
    """Make an image in a workshop.

    Raises:
        errors.RetrofitError: A step failed; nothing but files in the work directory is left of it.
    """
    shared = () if job.layers is None else (job.layers,)
    return workshop.run(job.work, functools.partial(_run, job), reporter, further=shared)


def _run(job: Job, reporter: progress.Reporter) -> model.BuildResult:
    """Run all steps inside the workshop."""
    request = job.request
    source_date.declare(request.source_date)
    recipe = job.recipe
    raw = job.work / "disk.raw"
    output = job.work / f"output.{request.image_format}"
    step = functools.partial(progress.step, reporter)
    with contextlib.ExitStack() as resources:
        with step("unpack"):
            conversion.to_raw(job.source, raw)
        with step("inspect"):
            found = layout.read(raw, job.work)
            _check_release(found.release, recipe, request)
            emulation.prepare(found.release.architecture)
        with step("grow"):
            found = growth.grow(raw, found, request.root_size or recipe.root_size)
        with step("open"):
            opened = resources.enter_context(tree.open_tree(raw, found, job.work))
            if request.source_date is not None:
                opened.check_repeatable()
            opened.make_room()
            recall = _recall(job, opened, resources)
            if job.keep_failed:
                resources.enter_context(_keeping(opened.path, job.failed))
        inside = cells.Cell(root=opened.path, work=job.work)
        with step("customise"):
            elements = customise.apply(
                opened.path,
                recipe=recipe,
                request=request,
                release=found.release,
                elements_root=job.elements,
                work=job.work,
                cell=inside,
                recall=recall,
                doing=activity.Activity(reporter.doing),
                breaks=job.breaks,
            )
        with step("boot-loader"):
            opened.update_grub()
        with step("seal"):
            # Sealing takes the lists away by which security updates are told.
            manager = _manager(found.release)
            shown = manager.binds(opened.path, request, found.release, job.work)
            asked = dataclasses.replace(inside, binds=(*inside.binds, *shown))
            packages = manager.secured(asked, manager.installed(asked))
            told = manager.settings(asked, packages, found.release)
            seal.seal(opened.path)
            if request.source_date is not None:
                source_date.clamp(opened.path, request.source_date)
        made = {}
        trees_wanted = [one for one in request.files if one in model.TREE_FORMATS]
        if trees_wanted:
            with step("pack"):
                for file_format in trees_wanted:
                    made[file_format] = job.work / f"tree.{file_format}"
                    packing.pack(
                        opened.path,
                        made[file_format],
                        file_format,
                        recipe=recipe.name,
                        release=found.release,
                    )
        with step("write-back"):
            opened.write_back(request.source_date)
    with step("convert"), thread.ThreadPoolExecutor() as pool:
        # There need not be room for these and for the image.
        removed = pool.submit(trees.remove, opened.place)
        virtual_size = raw.stat().st_size
        uefi_alone = firmware.is_uefi_alone(raw, found.table, found.release.architecture)
        convert = functools.partial(
            conversion.from_raw,
            raw,
            compression=request.compression,
            in_order=request.source_date is not None,
        )
        convert(output, request.image_format)
        for file_format in request.files:
            if file_format not in made:
                made[file_format] = job.work / f"disk-of.{file_format}"
                convert(made[file_format], file_format, further=request.qemu_img_options)
        raw.unlink()
        removed.result()
        sha256, sha512 = _hashes(output)
    return model.BuildResult(
        image=output,
        image_format=request.image_format,
        virtual_size=virtual_size,
        size=output.stat().st_size,
        sha256=sha256,
        sha512=sha512,
        release=found.release,
        packages=packages,
        elements=elements,
        archives=told,
        uefi_alone=uefi_alone,
        files=tuple(_file(made[file_format], file_format) for file_format in request.files),
    )


@contextlib.contextmanager
def _keeping(tree: pathlib.Path, kept: pathlib.Path) -> Iterator[None]:
    """Copy a tree if what is done in the context fails."""
    try:
        yield
    except errors.RetrofitError:
        process.run(["cp", "--archive", tree, kept], timeout_s=_COPY_TIMEOUT_S, check=False)
        raise


def _recall(job: Job, opened: tree.OpenTree, held: contextlib.ExitStack) -> runner.Recall:
    """Return what brings packages into the tree, from a layer where there is one."""
    if job.layers is None:
        return runner.always
    if not files.moves(job.work, job.layers):
        _LOG.info("no layers are kept: %s is on another disk than %s", job.layers, job.work)
        return runner.always
    return functools.partial(layers.Layers(job.layers, job.base_hash, held).recall, opened)


def _check_release(
    release: model.Release, recipe: collect.Recipe, request: model.BuildRequest
) -> None:
    """Refuse a base image that is not the one wanted, before anything costly happens to it."""
    if request.series and release.series != request.series:
        raise errors.ImageError(
            f"the base image is {release.distribution} {release.series}, not {request.series}",
            hint="give an image of that series, or change --series",
        )
    recipe.check(release)
    if request.source_date is not None and not _manager(release).repeatable:
        raise errors.ImageError(
            f"images of {release.distribution} cannot be built bit for bit",
            hint=f"unset {source_date.VARIABLE}",
        )


def _manager(release: model.Release) -> package_managers.PackageManager:
    return package_managers.of(release.distribution)


def _file(path: pathlib.Path, file_format: model.FileFormat) -> model.ImageFile:
    """Describe a file that was made."""
    return model.ImageFile(path, file_format, path.stat().st_size, files.digest(path, "sha256"))


def _hashes(path: pathlib.Path) -> tuple[str, str]:
    """Return a file's SHA-256 and SHA-512, hexadecimal, each computed in a thread of its own."""
    with thread.ThreadPoolExecutor() as pool:
        sha256, sha512 = pool.map(functools.partial(files.digest, path), ("sha256", "sha512"))
    return sha256, sha512
