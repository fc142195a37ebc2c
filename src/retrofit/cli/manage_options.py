"""Options of ``retrofit manage``, each set of them as one value."""

from __future__ import annotations

import dataclasses
import functools

import rich_click as click

from ..image_manager import importing, mirror, rotation, sharing, stores, wanted
from . import options

_rotation = functools.partial(click.option, panel="Rotation")
_import = functools.partial(click.option, panel="Import")
_age = functools.partial(click.option, panel="Age")
_sharing = functools.partial(click.option, panel="Sharing")


@dataclasses.dataclass(frozen=True)
class Imports:
    """How images are brought into Glance.

    Attributes:
        timeout_s: Seconds that the import of an image may take.
        retries: How often an import by URL that is stuck is tried again.
        prefetch: When images are downloaded here and uploaded.
        max_parallel: How many images are imported at a time at most.
        mirror: Mirror that images come from, where it has them.
        verify: Whether an image without a checksum is an error.
        fill_mirror: Whether the mirror gets what it lacks first.
    """

    timeout_s: int
    retries: int
    prefetch: importing.Prefetch
    max_parallel: int
    mirror: str | None
    verify: bool
    fill_mirror: bool

    def store(self) -> stores.Store | None:
        """Return the mirror that is to be filled, if one is."""
        return stores.opened(self.mirror) if self.mirror is not None and self.fill_mirror else None

    def locate(self) -> wanted.Locate:
        """Return what finds the places that a version may be downloaded from."""
        if self.mirror is None:
            return wanted.locations
        return mirror.locator(stores.opened(self.mirror, filled=not self.fill_mirror))


def _policy(
    tag: str,
    latest: bool,
    keep: bool,
    hide: bool,
    deactivate: bool,
    delete: bool,
    really: bool,
    use_os_hidden: bool,
    hidden_visibility: str | None,
    retire_expired: bool,
) -> rotation.Policy:
    if hidden_visibility and not hide:
        raise click.UsageError("--hidden-visibility needs --hide.")
    return rotation.Policy(
        tag=tag,
        latest=latest,
        keep=keep,
        hide=hide,
        deactivate=deactivate,
        delete=delete and really,
        use_os_hidden=use_os_hidden,
        hidden_visibility=hidden_visibility or "",
        retire_expired=retire_expired,
    )


policy: options.Decorator = options.gather(
    "policy",
    _policy,
    _rotation(
        "--tag",
        default="managed_by_osism",
        show_default=True,
        help="Tag of the images to manage. Other images are never changed.",
    ),
    _rotation("--latest", is_flag=True, help="Import only the newest version of each image."),
    _rotation(
        "--keep",
        is_flag=True,
        help="Keep versions without rotation that were removed from the files.",
    ),
    _rotation(
        "--hide", is_flag=True, help="Change the visibility of superseded images to community."
    ),
    _rotation("--deactivate", is_flag=True, help="Deactivate images that may be deleted."),
    _rotation(
        "--delete", is_flag=True, help="Delete images that may be deleted. Needs the next option."
    ),
    _rotation("--yes-i-really-know-what-i-do", "really", is_flag=True, help="Confirm --delete."),
    _rotation("--use-os-hidden", is_flag=True, help="Hide superseded images from image lists."),
    _rotation(
        "--hidden-visibility",
        type=click.Choice(("community", "private", "shared")),
        help="Visibility that --hide gives. [default: community; with --use-os-hidden: no change]",
    ),
    _rotation(
        "--retire-expired",
        is_flag=True,
        help="Treat all images as superseded after the date of provided_until.",
    ),
)


def _imports(
    import_timeout: int,
    stuck_retry: int,
    prefetch: str,
    max_parallel: int,
    mirror: str | None,
    verify_checksum: bool,
    fill_mirror: bool,
) -> Imports:
    if fill_mirror and mirror is None:
        raise click.UsageError("--fill-mirror needs --mirror.")
    how = importing.Prefetch(prefetch)
    return Imports(
        import_timeout, stuck_retry, how, max_parallel, mirror, verify_checksum, fill_mirror
    )


imports: options.Decorator = options.gather(
    "imports",
    _imports,
    _import(
        "--import-timeout",
        metavar="SECONDS",
        type=click.IntRange(min=1),
        default=1800,
        show_default=True,
        help="Time limit for the import of an image.",
    ),
    _import(
        "--stuck-retry",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="How often to retry an import by URL that is stuck.",
    ),
    _import(
        "--prefetch",
        type=click.Choice(("never", "on-stuck", "always")),
        default="on-stuck",
        show_default=True,
        help="When to download an image here and upload it.",
    ),
    _import(
        "--max-parallel",
        metavar="N",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Number of images to import at a time.",
    ),
    _import(
        "--verify-checksum", is_flag=True, help="Import no image whose checksum is not known."
    ),
    _import("--mirror", metavar="TARGET", help="Download images from this mirror if it has them."),
    _import(
        "--fill-mirror",
        is_flag=True,
        help="First copy images that the mirror lacks to it, as `retrofit mirror` does.",
    ),
)


def _age_limit(check_age: bool, max_age: int) -> int | None:
    return max_age if check_age else None


age_limit: options.Decorator = options.gather(
    "age_limit_days",
    _age_limit,
    _age(
        "--check-age",
        is_flag=True,
        help="List images that are older than the newest build in the files.",
    ),
    _age(
        "--max-age",
        metavar="DAYS",
        type=click.IntRange(min=0),
        default=90,
        show_default=True,
        help="How many days older an image may be.",
    ),
)


def _wish(
    share_image: str | None,
    share_action: str,
    share_type: str,
    share_target: str | None,
    share_domain: str,
) -> sharing.Wish | None:
    if share_image is None:
        return None
    if share_target is None:
        raise click.UsageError("--share-image needs --share-target.")
    return sharing.Wish(
        image=share_image,
        target=share_target,
        whole_domain=share_type == "domain",
        domain=share_domain,
        add=share_action == "add",
    )


wish: options.Decorator = options.gather(
    "wish",
    _wish,
    _sharing("--share-image", metavar="IMAGE", help="Share this image, and do nothing else."),
    _sharing(
        "--share-action",
        type=click.Choice(("add", "del")),
        default="add",
        show_default=True,
        help="Share, or stop sharing.",
    ),
    _sharing(
        "--share-type",
        type=click.Choice(("project", "domain")),
        default="project",
        show_default=True,
        help="Share with one project, or with all projects of a domain.",
    ),
    _sharing("--share-target", metavar="NAME", help="The project, or the domain."),
    _sharing(
        "--share-domain",
        metavar="NAME",
        default="default",
        show_default=True,
        help="Domain of the project.",
    ),
)
