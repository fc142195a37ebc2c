"""Applies a recipe to the tree of an image."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection

from .. import model
from ..host import rootfs
from ..host.sandbox import cells
from ..model import releases
from . import activity, package_managers, workbench
from .archives import logins
from .elements import collect, inline, repositories, runner

# Programs and lists that elements leave for later phases, which nobody needs after the last.
_LEFTOVERS = (
    "/etc/apt/apt.conf.d/95disable-recommends",
    "/etc/dib-manifests",
    "/usr/local/bin/dib-init-system",
    "/usr/local/bin/dib-python",
    "/usr/share/pkg-map",
    "/usr/share/svc-map",
)
# A script of diskimage-builder would take it for files of this machine.
_UNUSED = ("DIB_YUM_REPO_CONF",)


def apply(
    tree: pathlib.Path,
    *,
    recipe: collect.Recipe,
    request: model.BuildRequest,
    release: model.Release,
    elements_root: pathlib.Path,
    work: pathlib.Path,
    cell: cells.Cell,
    recall: runner.Recall,
    doing: activity.Activity,
    breaks: Collection[str] = (),
) -> tuple[str, ...]:
    """Turn the base image in ``tree`` into what the recipe makes.

    Args:
        tree: The system, writable, with all its file systems in place.
        recipe: What to apply.
        request: The user's elements, variables, archives, proxies and certificates.
        release: What runs in the tree.
        elements_root: Directory that :func:`retrofit.building.elements.collect.collect` filled.
        work: Directory for files of the build.
        cell: Where untrusted programs run; its root is ``tree``.
        recall: See :class:`retrofit.building.elements.runner.Runner`.
        doing: Told of what scripts do.
        breaks: Phases before which the person at the terminal gets a shell.

    Returns:
        The names of all elements that were applied, sorted.

    Raises:
        errors.RecipeError: A script of an element failed.
        errors.ConfigError: A pocket or mirror does not have what is wanted; elements that do not
            go together.
        errors.Unavailable: An archive does not answer.
        errors.ImageError: The base image cannot install packages.
    """
    recipe.check(release)
    packages = package_managers.of(release.distribution)
    elements = runner.prepare(
        [
            *recipe.elements[release.distribution],
            *request.elements,
            *inline.names(request.changes),
            *collect.names(elements_root),
        ],
        elements_root=elements_root,
        work=work,
        cell=workbench.furnish(cell, request, release, work),
        environment=_environment(recipe, request, release),
        packages=_Packages(packages, request.archives, doing, work),
        recall=recall,
        doing=doing,
        breaks=breaks,
    )
    request = dataclasses.replace(request, archives=logins.without(request.archives))
    packages.point(tree, request.archives, release)
    with packages.prepared(tree, request):
        doing.begins("packages of the base image")
        packages.settle(elements.cell, doing.line)
        doing.begins("lists of packages")
        packages.refresh(elements.cell, request, release, doing.line)
        elements.run()
    for path in (*_LEFTOVERS, *(f"/usr/local/bin/{name}" for name in elements.tools)):
        rootfs.remove(tree, path)
    _install_resolver(tree)
    return elements.names


@dataclasses.dataclass(frozen=True)
class _Packages:
    """A package manager in one build; see :class:`.runner.Packages`."""

    manager: package_managers.PackageManager
    given: model.Archives
    doing: activity.Activity
    work: pathlib.Path

    def upgrade(self, cell: cells.Cell) -> None:
        self.manager.upgrade(cell, self.given, self.doing.line)

    def clean(self, cell: cells.Cell) -> None:
        self.manager.clean(cell)

    def lists(self) -> str:
        return self.manager.identity_of_lists(self.work)


def _environment(
    recipe: collect.Recipe, request: model.BuildRequest, release: model.Release
) -> dict[str, str]:
    """Variables of diskimage-builder, then the recipe's, then the user's."""
    return {
        "ARCH": release.architecture,
        "DIB_DEBUG_TRACE": "0",
        "DIB_DEFAULT_INSTALLTYPE": "source",
        "DIB_INIT_SYSTEM": "systemd",
        "DIB_OFFLINE": "",
        "DIB_PYTHON": "python3",
        "DIB_PYTHON_EXEC": "python3",
        "DIB_PYTHON_VERSION": "3",
        "DIB_RELEASE": releases.short(release.series),
        "DISTRO_NAME": release.distribution,
        "IMAGE_NAME": recipe.name,
        "NO_SOURCE_REPOSITORIES": "1",
        **recipe.environment,
        **{
            name: value
            for name, value in repositories.without_logins(request.environment).items()
            if name not in _UNUSED
        },
    }


def _install_resolver(tree: pathlib.Path) -> None:
    """Put the resolver configuration in place that elements left for the finished image.

    diskimage-builder keeps the build's own in ``resolv.conf`` and puts ``resolv.conf.ORIG`` in
    its place at the end; no-resolvconf counts on that.
    """
    wanted = rootfs.read(tree, "/etc/resolv.conf.ORIG")
    if wanted is None:
        return
    for name in ("/etc/resolv.conf.ORIG", "/etc/resolv.conf"):
        rootfs.remove(tree, name)
    rootfs.write(tree, "/etc/resolv.conf", wanted)
