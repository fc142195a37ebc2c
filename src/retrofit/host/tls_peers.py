"""Who signed a server's certificate, and whether that is trusted here."""

from __future__ import annotations

import pathlib
import socket
import ssl
import urllib.parse
import urllib.request

from .. import errors
from . import authorities, http_errors, proxies

_PORTS = {"http": 80, "https": 443}


def address(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def proxy(url: str) -> str:
    """Return the proxy of the environment through which a URL is reached; empty for none."""
    known = urllib.request.getproxies_environment()
    if proxies.bypassed(url, known.get("no", "")):
        return ""
    return known.get(urllib.parse.urlsplit(url).scheme, "")


def connect(url: str, *, timeout_s: float) -> None:
    """Open a connection to a server, and close it.

    Raises:
        http_errors.Transient: It cannot be opened.
    """
    try:
        socket.create_connection(address(url), timeout_s).close()
    except OSError as error:
        raise http_errors.unreachable(f"connect to {url}", str(error)) from error


def trusted_by(url: str, ca_file: str, *, timeout_s: float) -> tuple[str, str]:
    """Return who signed a server's certificate, and what trusts that authority.

    Args:
        url: Of the server, with https.
        ca_file: File or directory of authorities that are trusted beside the system's store;
            empty for none.
        timeout_s: How long to wait for the server.

    Raises:
        errors.Denied: Neither trusts it, or the certificate is not valid; the message names who
            signed it.
        errors.Unavailable: The server does not answer.
    """
    stores = {"the system's store": authorities.context()}
    if ca_file:
        stores[ca_file] = _with(pathlib.Path(ca_file))
    what = f"verify {url}"
    refusal: ssl.SSLError | None = None
    try:
        for store, context in stores.items():
            try:
                return _issuer(url, context, timeout_s), store
            except ssl.SSLCertVerificationError as error:
                refusal = error
        assert refusal is not None
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        signer = _issuer(url, unverified, timeout_s)
    except ssl.SSLError as error:
        raise http_errors.tls(what, str(error)) from error
    except OSError as error:
        raise http_errors.unreachable(what, str(error)) from error
    raise http_errors.tls(what, str(refusal), signer=f"{signer}, an authority") from refusal


def _with(given: pathlib.Path) -> ssl.SSLContext:
    """Return a context that also trusts the authorities of a file, or of OpenSSL's directory."""
    context = authorities.context()
    try:
        if given.is_dir():
            context.load_verify_locations(capath=given)
        else:
            context.load_verify_locations(cafile=given)
    except ssl.SSLError as error:
        raise errors.ConfigError(
            f"{given} has no CA certificate", hint="give a file in PEM form"
        ) from error
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read the CA certificate {given}: {error.strerror}",
            hint="check OS_CACERT or cacert in clouds.yaml",
        ) from error
    return context


def _issuer(url: str, context: ssl.SSLContext, timeout_s: float) -> str:
    """Return who signed the certificate of a server that a context accepts."""
    from cryptography import x509

    host, port = address(url)
    with (
        socket.create_connection((host, port), timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        content = wrapped.getpeercert(binary_form=True)
    assert content is not None
    return x509.load_der_x509_certificate(content).issuer.rfc4514_string()
