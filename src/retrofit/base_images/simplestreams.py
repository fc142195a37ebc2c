"""Base images from a simplestreams server: Ubuntu's, or a mirror of it.

The format is described in doc/README of https://code.launchpad.net/simplestreams. Canonical's own
Python library is in Ubuntu only, neither on PyPI nor in Debian, and so not for a packed charm.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from .. import cloud, errors, model
from ..host import urls, web
from ..model import architectures
from . import download, selection, signatures, streams, systems

_LOG = logging.getLogger(__name__)

KEYRING = pathlib.Path("/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg")
STREAMS = {"daily": "com.ubuntu.cloud.daily:", "released": "com.ubuntu.cloud:"}
_UBUNTU = {
    "daily": "https://cloud-images.ubuntu.com/daily/",
    "released": "https://cloud-images.ubuntu.com/releases/",
}
_INDEX = "streams/v1/index.sjson"
# So many products are named where none fits.
_SHOWN = 12
# Ubuntu's lists of images have some 10 MiB.
_LIMIT = 128 * model.MIB
# Signatures there do not expire: who keeps an old index alive keeps updates from being seen.
_LONGEST_AGE = datetime.timedelta(days=180)
_CLOCK_TOLERANCE = datetime.timedelta(days=1)

_File = TypeVar("_File", streams.Index, streams.Products)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        url: Base URL of the server, or URL of its index; empty for Ubuntu's.
        keyring: Public keys of those who may sign.
        series: Series of Ubuntu, such as ``noble``; empty takes the newest LTS.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.
        stream: One of :data:`STREAMS`; empty prefers the first.
        version: Such as ``20260801``; empty takes the newest.
    """

    url: str = ""
    keyring: pathlib.Path = KEYRING
    series: str = ""
    architecture: str = ""
    stream: str = ""
    version: str = ""

    def find(self, _: Callable[[], cloud.Cloud], access: web.Access, /) -> download.Origin:
        """Find it; see :func:`find`."""
        found = find(self, access)
        return download.Origin(found.url, found.base, access)

    def pinned(self, planned: model.BaseImage, /) -> Wanted:
        """Return that one version."""
        return dataclasses.replace(self, version=planned.version_name)


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found: the base image, and the URL of its file."""

    base: model.BaseImage
    url: str


def find(wanted: Wanted, access: web.Access) -> Found:
    """Find the base image.

    Raises:
        errors.InputMissing: There is none; the message says what was looked for.
        errors.Denied: The index, or what it names, is not signed by one who is trusted, or old.
        errors.ImageError: What is signed is no index.
        errors.ConfigError: There is no such series.
        errors.Unavailable: The server does not answer as it should.
    """
    tree = _Tree(wanted, access)
    index = tree.index()
    candidates = systems.candidates(wanted.series, wanted.architecture)
    prefix = STREAMS.get(wanted.stream, "")
    looked_for = [
        product
        for candidate in candidates
        for product in candidate.products
        if product.startswith(prefix)
    ]
    for name in looked_for:
        # A product may stand in several files; usually it stands in one.
        for content_id in index.contents(name):
            product = tree.products(content_id, index.index[content_id]).products.get(name)
            version = product.newest(wanted.version) if product else None
            if product and version:
                _LOG.info("base image: %s %s at %s", name, version, urls.shown(tree.base_url))
                return tree.describe(name, product, version)
    raise _nothing_found(wanted, tree.base_url, candidates, looked_for, index)


class _Tree:
    """What a server has, as far as it is signed."""

    def __init__(self, wanted: Wanted, access: web.Access) -> None:
        self._keyring = wanted.keyring
        self._access = access
        self._files: dict[str, streams.Products] = {}
        url = wanted.url or _UBUNTU[wanted.stream or "daily"]
        base, found, rest = url.partition("streams/v1/")
        self.base_url = base.rstrip("/") + "/"
        self._index_path = found + rest if rest else _INDEX

    def index(self) -> streams.Index:
        """Fetch the index."""
        return self._fetch(self._index_path, streams.Index)

    def products(self, content_id: str, entry: streams.Entry) -> streams.Products:
        """Fetch a file of products, once.

        Raises:
            errors.Denied: It is another one than the index names.
        """
        if entry.path not in self._files:
            found = self._fetch(entry.path, streams.Products)
            if found.content_id != content_id:
                raise errors.Denied(
                    f"{self.base_url}{entry.path} has the content ID {found.content_id}, but "
                    "the index has "
                    f"{content_id}",
                    hint="update the mirror, or use another mirror",
                )
            self._files[entry.path] = found
        return self._files[entry.path]

    def describe(self, name: str, product: streams.Product, version: str) -> Found:
        """Return a base image, and where it is."""
        disk = product.versions[version].disk
        assert disk is not None
        base = model.BaseImage(
            name=disk.path.rpartition("/")[2],
            size=disk.size,
            content_hash=f"sha256:{disk.sha256}",
            product_name=name,
            version_name=version,
            os_distro=product.os,
            os_version=product.version,
            architecture=architectures.kernel_architecture(product.arch),
        )
        return Found(base, self.base_url + disk.path)

    def _fetch(self, path: str, kind: type[_File]) -> _File:
        """Fetch and check a file: its signature, its form and its age."""
        url = self.base_url + path
        name = urls.shown(url)
        document = web.read(url, self._access, limit=_LIMIT)
        signed = signatures.content(document, self._keyring, name)
        file = streams.parse(signed, kind, name)
        age = datetime.datetime.now(datetime.timezone.utc) - file.updated
        if age > _LONGEST_AGE:
            raise errors.Denied(
                f"{name} has expired: its date is {file.updated:%Y-%m-%d}, more than "
                f"{_LONGEST_AGE.days} days ago",
                hint="update the mirror, or check this machine's clock",
            )
        if -age > _CLOCK_TOLERANCE:
            raise errors.Denied(
                f"{name} has the date {file.updated:%Y-%m-%d}, which is in the future",
                hint="check this machine's clock",
            )
        return file


def _nothing_found(
    wanted: Wanted,
    base_url: str,
    candidates: Sequence[selection.Candidate],
    looked_for: Sequence[str],
    index: streams.Index,
) -> errors.InputMissing:
    """Say what was looked for, and what there is instead."""
    version = f"version {wanted.version} of " if wanted.version else ""
    systems_wanted = " or ".join(map(str, candidates))
    present = sorted(product for product in index.products() if ":server:" in product)
    return errors.InputMissing(
        f"no base image at {urls.shown(base_url)} for {version}{systems_wanted}",
        hint="name another series, stream, version or server; available server images: "
        + (", ".join(present[-_SHOWN:]) or "none"),
        details=tuple(f"looked for product {product}" for product in looked_for),
    )
