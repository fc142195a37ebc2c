"""Certification authorities: the system's, and those that are trusted in addition."""

from __future__ import annotations

import datetime
import pathlib
import ssl

from .. import errors
from . import files

# Made by Debian's ca-certificates; OpenSSL of some releases only looks into the directory.
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def context(ca_certificate: str = "") -> ssl.SSLContext:
    """Return how servers are verified: by the system's store of authorities, and by more.

    The store is OpenSSL's, as the distribution keeps it and ``SSL_CERT_FILE`` replaces it. The
    collection that comes with a Python library knows none of an operator's own authorities.

    Args:
        ca_certificate: PEM text of authorities that are trusted in addition.
    """
    # Hooks check authorities, and open no connection.
    from urllib3.util import ssl_

    made = ssl_.create_urllib3_context()
    made.load_default_certs()
    if ca_certificate:
        made.load_verify_locations(cadata=ca_certificate)
    return made


def bundle() -> str | None:
    """Return the file of the system's store, for libraries that take nothing else.

    Returns:
        Its path; ``None`` where the system has no such file.
    """
    found = ssl.get_default_verify_paths().cafile or _BUNDLE
    return found if pathlib.Path(found).is_file() else None


def read(path: pathlib.Path) -> str:
    """Return the PEM text of a file of certification authorities, all of them valid now.

    Raises:
        errors.InputMissing: The file cannot be read.
        errors.ConfigError: It holds no certificate, or one that expired or is not valid yet.
    """
    try:
        content = files.content(path)
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read the CA certificate {path}: {error.strerror}"
        ) from error
    return checked(content, str(path))


def checked(content: bytes, name: str) -> str:
    """Return the PEM text of certification authorities, all of them valid now.

    Args:
        content: The text.
        name: Where it is from.

    Raises:
        errors.ConfigError: It holds no certificate, or one that expired or is not valid yet.
    """
    # Takes longer to load than all else that a request of most people needs.
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise errors.ConfigError(
            f"{name} has no CA certificate", hint="give a file in PEM form"
        ) from error
    now = datetime.datetime.now(datetime.timezone.utc)
    for certificate in found:
        subject = certificate.subject.rfc4514_string()
        if certificate.not_valid_after_utc < now:
            raise errors.ConfigError(
                f"the CA certificate {subject} in {name} expired on "
                f"{certificate.not_valid_after_utc:%Y-%m-%d}",
                hint="use a valid certificate",
            )
        if certificate.not_valid_before_utc > now:
            raise errors.ConfigError(
                f"the CA certificate {subject} in {name} is valid only from "
                f"{certificate.not_valid_before_utc:%Y-%m-%d}",
                hint="check this machine's clock",
            )
    return content.decode("ascii", errors="ignore")
