"""A signed simplestreams tree of tiny images, as Ubuntu's server and its mirrors have it."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import hashlib
import json
import os
import pathlib
import random
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from retrofit.host import process

INDEX = "streams/v1/index.sjson"
PRODUCTS = "streams/v1/com.ubuntu.cloud:daily:download.sjson"
CONTENT_ID = "com.ubuntu.cloud:daily:download"
BORN = "20200101T000000"
_SIZE = 3_000_000
_TIMEOUT_S = 60.0


class Signer:
    """Somebody with a key.

    Attributes:
        keyring: The public key, in binary form.
        home: Directory of its gpg.
    """

    def __init__(self, home: pathlib.Path, *, lasts: str = "never") -> None:
        """Make the key.

        Args:
            home: New directory for it; its path is to be short, as gpg makes a socket in it.
            lasts: How long it is valid, from 2020 on, such as ``7d``.
        """
        home.mkdir(mode=0o700)
        self.home = home
        self.keyring = home / "keyring.gpg"
        self._gpg(
            *("--passphrase", "", "--quick-generate-key", "Mirror", "ed25519", "sign", lasts),
            at=BORN,
        )
        self._gpg("--output", os.fspath(self.keyring), "--export", at=BORN)

    def sign(self, content: str, path: pathlib.Path, *, at: str = "", days: int = 0) -> None:
        """Write a document with a signature around it.

        Args:
            content: The document.
            path: File to write.
            at: When it is signed, in gpg's form ``20260101T000000``; empty for now.
            days: How long the signature is valid; 0 for ever.
        """
        plain = self.home / "plain"
        plain.write_text(content)
        limit = ("--default-sig-expire", f"{days}d") if days else ()
        path.unlink(missing_ok=True)
        self._gpg(*limit, "--output", os.fspath(path), "--clearsign", os.fspath(plain), at=at)

    def armoured(self) -> str:
        """Return the public key as text."""
        path = self.home / "key.asc"
        self._gpg("--yes", "--armor", "--output", os.fspath(path), "--export", at=BORN)
        return path.read_text()

    def close(self) -> None:
        """End gpg's agent."""
        process.run(
            ["gpgconf", "--homedir", os.fspath(self.home), "--kill", "all"], timeout_s=_TIMEOUT_S
        )

    def _gpg(self, *words: str, at: str) -> None:
        time = ("--faked-system-time", at) if at else ()
        process.run(
            ["gpg", "--homedir", os.fspath(self.home), "--batch", "--quiet", *time, *words],
            timeout_s=_TIMEOUT_S,
        )


class Signers(NamedTuple):
    """Who signs trees: their own signer, somebody else, and one whose key has expired."""

    own: Signer
    other: Signer
    expired: Signer


@contextlib.contextmanager
def signers() -> Iterator[Signers]:
    """Make the signers, and end them."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as name:
        home = pathlib.Path(name)
        made = Signers(
            Signer(home / "own"), Signer(home / "other"), Signer(home / "expired", lasts="7d")
        )
        try:
            yield made
        finally:
            for signer in made:
                signer.close()


class Tree:
    """A tree in a directory.

    Attributes:
        directory: Where it is.
        products: What its file of products says, by name; changes count after :meth:`write`.
    """

    def __init__(self, directory: pathlib.Path, signer: Signer) -> None:
        self.directory = directory
        self.products: dict[str, Any] = {}
        self._signer = signer
        (directory / "streams/v1").mkdir(parents=True)

    def add(self, version: str, name: str = "com.ubuntu.cloud.daily:server:24.04:amd64") -> str:
        """Add a version of a product; return the path of its image."""
        _, kind, release, architecture = name.split(":")
        path = f"{kind}/{version}/{kind}-{release}-{architecture}.img"
        image = self.directory / path
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(random.Random(path).randbytes(_SIZE))
        product = self.products.setdefault(
            name, {"arch": architecture, "os": "ubuntu", "version": release, "versions": {}}
        )
        product["versions"][version] = {
            "label": "daily",
            "items": {
                "manifest": {"ftype": "manifest", "path": f"{path}.manifest", "size": 1},
                "disk1.img": {
                    "ftype": "disk1.img",
                    "path": path,
                    "sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
                    "size": _SIZE,
                },
            },
        }
        return path

    def write(
        self,
        *,
        signer: Signer | None = None,
        content_id: str = CONTENT_ID,
        made: datetime.datetime | None = None,
        **signing: Any,
    ) -> None:
        """Sign what there is.

        Args:
            signer: Who signs, if not the tree's own.
            content_id: What the file of products says that it is.
            made: When it says that it was made, if not now.
            signing: How it is signed (:meth:`Signer.sign`).
        """
        by = signer or self._signer
        updated = email.utils.format_datetime(made or datetime.datetime.now(datetime.UTC))
        products = {
            "content_id": content_id,
            "datatype": "image-downloads",
            "format": "products:1.0",
            "updated": updated,
            "products": self.products,
        }
        entry = {
            "datatype": "image-downloads",
            "format": "products:1.0",
            "path": PRODUCTS,
            "products": sorted(self.products),
            "updated": updated,
        }
        # As on Ubuntu's server, where clouds have lists of their own with the same products.
        elsewhere = entry | {"datatype": "image-ids", "path": "streams/v1/elsewhere.sjson"}
        index = {
            "format": "index:1.0",
            "updated": updated,
            "index": {"com.ubuntu.cloud:daily:aws": elsewhere, CONTENT_ID: entry},
        }
        by.sign(json.dumps(products, indent=1), self.directory / PRODUCTS, **signing)
        by.sign(json.dumps(index, indent=1), self.directory / INDEX, **signing)
