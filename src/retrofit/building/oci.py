"""A file tree as a container image in an archive that podman and docker load.

The archive is an image layout of the OCI image specification 1.0
(https://github.com/opencontainers/image-spec/blob/v1.0.2/image-layout.md) with one layer, and has
beside it the ``manifest.json`` by which docker before 25 finds its way. Nothing in it tells when
it was made: the same tree makes the same archive.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import pathlib
import shutil
import tarfile
from typing import Any

from ..host import files

_TYPE = "application/vnd.oci.image."
_BLOBS = "blobs/sha256"
_NAMED = "org.opencontainers.image.ref.name"
# Go's names of architectures, which the specification wants, where they are not Debian's.
_ARCHITECTURES = {"armhf": "arm", "ppc64el": "ppc64le"}
_CHUNK = 2**20


@dataclasses.dataclass(frozen=True)
class _Blob:
    """A part of the image, told by its SHA-256."""

    kind: str
    digest: str
    size: int

    @property
    def place(self) -> str:
        return f"{_BLOBS}/{self.digest}"

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.kind, "digest": f"sha256:{self.digest}", "size": self.size}


def write(tree: pathlib.Path, archive: pathlib.Path, *, name: str, architecture: str) -> None:
    """Write an image of one layer.

    Args:
        tree: A tar archive of the files; it is removed.
        archive: The archive to write.
        name: Name and tag of the image, such as ``amphora:ubuntu-24.04``.
        architecture: Debian's name of the architecture.
    """
    diff_id = f"sha256:{files.digest(tree, 'sha256')}"
    compressed = tree.with_suffix(".gz")
    with (
        tree.open("rb") as plain,
        compressed.open("wb") as stream,
        # Neither a name nor a time in its head.
        gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed, _CHUNK)
    tree.unlink()
    layer = _Blob(
        f"{_TYPE}layer.v1.tar+gzip", files.digest(compressed, "sha256"), compressed.stat().st_size
    )
    with tarfile.open(archive, "w") as out:
        about = {
            "architecture": _ARCHITECTURES.get(architecture, architecture),
            "os": "linux",
            "config": {"Cmd": ["/sbin/init"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
        config = _blob(out, f"{_TYPE}config.v1+json", about)
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}manifest.v1+json",
            "config": config.descriptor,
            "layers": [layer.descriptor],
        }
        image = _blob(out, f"{_TYPE}manifest.v1+json", manifest)
        named = {**image.descriptor, "annotations": {_NAMED: name}}
        _add(out, "index.json", _text({"schemaVersion": 2, "manifests": [named]}))
        _add(out, "oci-layout", _text({"imageLayoutVersion": "1.0.0"}))
        docker = {"Config": config.place, "RepoTags": [name], "Layers": [layer.place]}
        _add(out, "manifest.json", _text([docker]))
        with compressed.open("rb") as content:
            out.addfile(_member(layer.place, layer.size), content)
    compressed.unlink()


def _blob(out: tarfile.TarFile, kind: str, value: dict[str, Any]) -> _Blob:
    """Add a blob of JSON."""
    text = _text(value)
    blob = _Blob(kind, hashlib.sha256(text).hexdigest(), len(text))
    _add(out, blob.place, text)
    return blob


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode("ascii")


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    out.addfile(_member(name, len(content)), io.BytesIO(content))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member
