"""Certification authorities that live as long as a proof does."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

# The library itself imports it when it is first used, which is in a workshop.
import cryptography.hazmat.backends.openssl.backend  # noqa: F401
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# From a day before its making, as clocks differ, to a day after it.
_DAY = datetime.timedelta(days=1)
_LIFETIME = 2 * _DAY


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, both as PEM.

    Attributes:
        certificate: The certificate.
        key: The private key, not encrypted.
    """

    certificate: str
    key: str = dataclasses.field(repr=False)

    @property
    def both(self) -> str:
        """One text of certificate and key, as servers and clients take them from one file."""
        return self.certificate + self.key


class Authority:
    """A certification authority, its key in memory only.

    Args:
        name: Its common name.
        expired: Whether its own certificate ran out a day ago.

    Attributes:
        pair: Its own certificate and key.
    """

    def __init__(self, name: str, *, expired: bool = False) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = (
            _builder(self._name, self._name, self._key, expired=expired)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pair = _pair(certificate, self._key)

    def issue(
        self, name: str, alternatives: Sequence[x509.GeneralName] = (), *, expired: bool = False
    ) -> Pair:
        """Return a new certificate and its key.

        Args:
            name: Common name, and a host name that it is for.
            alternatives: Further names and addresses that it is for.
            expired: Whether it ran out a day ago.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name), *alternatives])
        issuer_key = self._key.public_key()
        certificate = (
            _builder(_named(name), self._name, key, expired=expired)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
            )
            .add_extension(_usage(signs_certificates=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return _pair(certificate, key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    ends = now - _DAY if expired else now + _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - _LIFETIME)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )
