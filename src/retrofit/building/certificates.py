"""The certification authorities that programs in an image trust for the time of a build."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from ..host import rootfs
from ..host.sandbox import cells

# Where a cell shows them.
FILE = "/tmp/retrofit-certificates.pem"
# By which OpenSSL, curl, git, pip and requests are told of certificates.
_VARIABLES = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
# Those of the system itself, on Debian and on the Red Hat family.
_OF_THE_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)


def show(
    tree: pathlib.Path, further: str, work: pathlib.Path
) -> tuple[tuple[cells.Bind, ...], Mapping[str, str]]:
    """Return what a cell needs to trust authorities in addition to those of its system.

    Args:
        tree: The system.
        further: PEM text of the authorities; empty for none.
        work: Directory for files of the build.

    Returns:
        What is to be seen in the cell, and variables of its programs.
    """
    if not further:
        return (), {}
    bundle = work / "certificates.pem"
    system = "\n".join(filter(None, (rootfs.read(tree, path) for path in _OF_THE_SYSTEM)))
    bundle.write_text(f"{system}\n{further}\n", encoding="utf-8")
    bundle.chmod(0o644)
    return (cells.Bind(bundle, FILE),), dict.fromkeys(_VARIABLES, FILE)
