"""The authorities of the relation certificates, in both forms of its interface."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import ops
import pytest
from cryptography import x509
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from retrofit.proof import certificates

Context = testing.Context[charm.RetrofitCharm]

ROOT, CHAIN, OTHER, EXPIRED = (
    certificates.Authority(name, expired=name == "Expired").pair.certificate.strip()
    for name in ("Root", "Intermediate", "Other", "Expired")
)
VAULT = {"ca": f"{ROOT}\n", "chain": CHAIN, "client.cert": OTHER, "client.key": "KEY"}


def _relation(
    *units: dict[str, str], app: dict[str, str] | None = None, name: str = "vault"
) -> testing.Relation:
    return testing.Relation(
        "certificates",
        interface="tls-certificates",
        remote_app_name=name,
        remote_units_data=dict(enumerate(units or ({},))),
        remote_app_data=app or {},
    )


def _signed(*entries: dict[str, Any]) -> dict[str, str]:
    given = {"certificate": OTHER, "certificate_signing_request": "CSR"}
    return {"certificates": json.dumps([given | entry for entry in entries])}


def _changed(
    context: Context, keystone: testing.Relation, relation: testing.Relation
) -> testing.State:
    state = testing.State(relations=[keystone, relation], leader=True)
    return context.run(context.on.relation_changed(relation), state)


@pytest.mark.parametrize(
    ("relation", "authority"),
    [
        pytest.param(_relation({"ca": ROOT}), (ROOT,), id="authority"),
        pytest.param(_relation(VAULT), (ROOT, CHAIN), id="chain"),
        pytest.param(_relation({"chain": CHAIN}), (CHAIN,), id="chain alone"),
        pytest.param(_relation(VAULT, VAULT, {}), (ROOT, CHAIN), id="units that agree"),
        pytest.param(
            _relation({"ca": ROOT}, {"ca": OTHER}), (ROOT, OTHER), id="units that do not"
        ),
        pytest.param(
            _relation(app=_signed({"ca": ROOT, "chain": [CHAIN, ROOT]})),
            (ROOT, CHAIN),
            id="application",
        ),
        pytest.param(
            _relation(app=_signed({"ca": ROOT, "chain": CHAIN}, {"ca": OTHER})),
            (ROOT, CHAIN, OTHER),
            id="application's texts",
        ),
        pytest.param(
            _relation({"ca": OTHER}, app=_signed({"ca": ROOT})), (OTHER,), id="units come first"
        ),
    ],
)
def test_trusts_what_the_provider_says(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    relation: testing.Relation,
    authority: tuple[str, ...],
) -> None:
    out = _changed(context, keystone, relation)

    assert out.unit_status.name == "active"
    assert fake.authority == "".join(f"{each}\n" for each in authority)
    assert fake.cloud is not None
    assert fake.wanted is not None
    assert fake.cloud.ca_certificate == fake.wanted["defaults"]["ca-certificate"]
    assert fake.cloud.ca_certificate.endswith("/ca.pem")


GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("relation", "told"),
    [
        (_relation({"ca": "garbage"}), "ca of vault/0 has no CA certificate"),
        (_relation({"ca": GARBAGE}), "ca of vault/0 has no CA certificate"),
        (_relation(VAULT | {"chain": "garbage"}), "chain of vault/0 has no CA certificate"),
        (_relation(VAULT, {"ca": "né"}), "ca of vault/1 has no CA certificate"),
        (_relation({"ca": EXPIRED}), "the CA certificate CN=Expired in ca of vault/0 expired on"),
        (
            _relation(app=_signed({"ca": "garbage"})),
            "certificates of vault has no CA certificate",
        ),
        *(
            (
                _relation(app={"certificates": text}),
                "certificates of vault is not a list of certificates, each with its ca and chain",
            )
            for text in (
                "{",
                "7",
                "[7]",
                '["PEM"]',
                '[{"chain": []}]',
                '[{"ca": 7}]',
                '{"ca": "x"}',
            )
        ),
    ],
)
def test_names_what_is_no_authority(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    relation: testing.Relation,
    told: str,
) -> None:
    fake.timer = "daily"

    out = _changed(context, keystone, relation)

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert out.unit_status.message.startswith(f"wrong data of the relation certificates: {told}")
    assert fake.wanted is None
    assert fake.timer is None


def test_asks_once_those_who_say_nothing_otherwise(
    context: Context, keystone: testing.Relation
) -> None:
    silent = _relation(name="self-signed-certificates")

    out = _changed(context, keystone, silent)

    assert out.unit_status == ops.WaitingStatus("waiting for an authority on certificates")
    asked = out.get_relation(silent.id).local_unit_data["certificate_signing_requests"]
    [request] = json.loads(asked)
    assert request["ca"] is False
    csr = x509.load_pem_x509_csr(request["certificate_signing_request"].encode())
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "CN=octavia-diskimage-retrofit/0"
    assert "PRIVATE" not in str(out.get_relation(silent.id).local_unit_data)

    again = context.run(context.on.update_status(), out)
    assert (
        again.get_relation(silent.id).local_unit_data
        == out.get_relation(silent.id).local_unit_data
    )

    answered = dataclasses.replace(
        again.get_relation(silent.id), remote_app_data=_signed({"ca": ROOT})
    )
    assert _changed(context, keystone, answered).unit_status.name == "active"


def test_asks_nothing_of_those_who_have_said_it(
    context: Context, keystone: testing.Relation
) -> None:
    vault = _relation(VAULT)

    out = _changed(context, keystone, vault)

    assert "certificate_signing_requests" not in out.get_relation(vault.id).local_unit_data
