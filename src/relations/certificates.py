"""The relation to whoever signs the cloud's certificates: only its authority is of interest.

The interface has two forms. Vault and easyrsa, as reactive charms, publish ``ca`` and ``chain`` as
texts in the data of each unit. Providers of version 1 and later publish in the data of their
application, as JSON, what they signed, each with its ``ca`` and ``chain``; they say nothing until
something is requested. A provider has one of the forms, and each look costs a process in every
hook: the second is looked for where the first is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ops

from retrofit import errors
from retrofit.host import authorities

_ENDPOINT = "certificates"
_ANSWER = "certificates"
_REQUEST = "certificate_signing_requests"


class Certificates:
    """Reads the certification authorities of the ``tls-certificates`` interface.

    This charm serves nothing over TLS. What it requests, so that providers of version 1 say who
    they are, is for a key that nobody has.
    """

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm

    def request(self) -> None:
        """Ask for a certificate where the provider may say only then which authority it is."""
        if not isinstance(self.problem(), ops.WaitingStatus):
            return
        for relation in self._relations:
            data = relation.data[self._charm.unit]
            if not data.get(_REQUEST):
                csr = _signing_request(self._charm.unit.name)
                request = {"certificate_signing_request": csr, "ca": False}
                data[_REQUEST] = json.dumps([request])

    def authority(self) -> str:
        """Return the authorities and their chains as PEM text, or nothing if there are none.

        Raises:
            errors.ConfigError: One of them is none.
        """
        texts = [authorities.checked(text.encode(), name).strip() for name, text in self._parts()]
        return "".join(f"{text}\n" for text in dict.fromkeys(texts))

    def problem(self) -> ops.StatusBase | None:
        """Return what keeps the relation from being of use, if it is there at all."""
        try:
            waits = self._relations and not self.authority()
        except errors.ConfigError as error:
            return ops.BlockedStatus(f"wrong data of the relation {_ENDPOINT}: {error}")
        return ops.WaitingStatus(f"waiting for an authority on {_ENDPOINT}") if waits else None

    @property
    def _relations(self) -> list[ops.Relation]:
        return self._charm.model.relations[_ENDPOINT]

    def _parts(self) -> Iterator[tuple[str, str]]:
        """Yield what providers say of authorities, and where they say it."""
        for relation in self._relations:
            parts = [
                (f"{key} of {unit.name}", relation.data[unit].get(key, "").strip())
                for unit in sorted(relation.units, key=lambda unit: unit.name)
                for key in ("ca", "chain")
            ]
            published = [(name, text) for name, text in parts if text]
            yield from published
            # An application that is gone has no data.
            if not published and relation.app is not None:
                yield from _answered(relation.data[relation.app].get(_ANSWER, ""), relation.app)


def _answered(text: str, app: ops.Application) -> Iterator[tuple[str, str]]:
    """Yield the authorities of what a provider has signed.

    Raises:
        errors.ConfigError: It is not written as the interface says.
    """
    name = f"{_ANSWER} of {app.name}"
    try:
        entries: Any = json.loads(text or "[]")
        parts = [(entry["ca"], entry.get("chain") or []) for entry in entries]
        for ca, chain in parts:
            for part in (ca, *([chain] if isinstance(chain, str) else chain)):
                if part.strip():
                    yield name, part.strip()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.ConfigError(
            f"{name} is not a list of certificates, each with its ca and chain"
        ) from error


def _signing_request(name: str) -> str:
    """Return a request in PEM form, for a key that is forgotten at once."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode().strip()
