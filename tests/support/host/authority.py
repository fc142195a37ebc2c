"""A certification authority that lives as long as a test cloud does."""

from __future__ import annotations

import ipaddress
import pathlib

from cryptography import x509

from retrofit.host import files
from retrofit.proof import certificates


class Authority:
    """Signs server certificates for loopback.

    Args:
        directory: Where ``ca.pem``, and each certificate and key, are written.
        expired: Whether the authority's own certificate ran out a day ago.
    """

    def __init__(self, directory: pathlib.Path, *, expired: bool = False) -> None:
        self._directory = directory
        self._signer = certificates.Authority("Test cloud authority", expired=expired)
        self.path = directory / "ca.pem"
        files.write(self.path, self._signer.pair.certificate, mode=0o644)

    def issue(self, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Return the files of a new certificate for 127.0.0.1 and localhost, and of its key."""
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        pair = self._signer.issue(name, here)
        certificate, key = (self._directory / f"{name}.{kind}" for kind in ("pem", "key"))
        files.write(certificate, pair.certificate, mode=0o644)
        files.write(key, pair.key, mode=0o600)
        return certificate, key

    def save_key(self) -> pathlib.Path:
        """Write the authority's own key, for a program that signs in its name."""
        key = self._directory / "ca.key"
        files.write(key, self._signer.pair.key, mode=0o600)
        return key
