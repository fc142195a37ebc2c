"""Every option and relation with every wrong value, alone and in pairs: blocked by name."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import ops
import pytest
import yaml
from ops import testing
from tests.support import paths
from tests.unit.charm import charm_fakes

import charm

Context = testing.Context[charm.RetrofitCharm]

# What each option refuses. Juju itself refuses values of another type.
WRONG: dict[str, tuple[Any, ...]] = {
    "ubuntu-mirror": ("mirror.example", "ftp://m", "http://a\nhttp://b", "deb http://a b c\nx"),
    "uca-mirror": (
        "uca.example",
        "ppa:owner",
        "ppa:a/b/c",
        "cloud:caracal",
        "cloud:nobel-caracal",
    ),
    "retrofit-series": ("nobel", "24.04", "noble jammy", "Noble"),
    "retrofit-arch": ("amd65", "i386", "amd64 arm64", "AMD64"),
    "retrofit-uca-pocket": ("caracal!", "noble-caracal/x", "caracal/backports", "2024.1"),
    "image-format": ("vmdk", "QCOW2", "", "qcow2 raw"),
    "image-compression": ("lzma", "", "zstd,zlib"),
    "amp-image-tag": ("one,two", "one two", "t" * 256),
    "image-definitions": ("{", "images: 7", "images: []", "imagez: []", "- name: amphora"),
    "image-files": ("images: 7\n", "images", "/a/../b", "https://h/r.git", "git@h:r.git"),
    "image-files-frequency": ("fortnightly", "2020-01-01", "", "* * * * *"),
    "image-files-rotation": ("remove", "", "Delete", "hide,delete"),
    "image-mirror": ("s3://", "mirror", "/a b", "https://h/b"),
    "frequency": ("fortnightly", "2020-01-01", "", "* * * * *"),
    "maintenance-window": ("at night", "22:00", "22:00-22:00", "Mon 25:00-26:00"),
    "rebuild-on": ("", "never", "base,bases", ","),
    "source-projects": ("a/b", "a b c!", "é"),
    "proof-depth": ("deep", "", "Boot"),
    "keep-images": (-1,),
    "region": ("", "Region One", "\t"),
}
# Whatever these hold is right: any truth value, and what has no effect.
_ANY = {"auto-retrofit", "debug", "use-internal-endpoints", "channel", "snapd_refresh"}
_EACH = [(name, value) for name, values in WRONG.items() for value in values]
_PAIRS = list(itertools.combinations(((name, values[0]) for name, values in WRONG.items()), 2))
_GARBAGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def _blocked(context: Context, state: testing.State, fake: charm_fakes.Workload) -> str:
    """Return the status of a unit that nothing may begin on, and whose hooks do not fail."""
    fake.timer = "daily"

    out = context.run(context.on.config_changed(), state)

    assert isinstance(out.unit_status, ops.BlockedStatus), out.unit_status
    assert "\n" not in out.unit_status.message
    assert (fake.timer, fake.wanted, fake.runs) == (None, None, [])
    return out.unit_status.message


def _state(*relations: testing.Relation, **options: Any) -> testing.State:
    return testing.State(
        relations=relations, leader=True, config={"auto-retrofit": True, **options}
    )


def test_every_option_is_here() -> None:
    options = yaml.safe_load((paths.REPOSITORY / "config.yaml").read_text())["options"]
    assert set(options) == set(WRONG) | _ANY


@pytest.mark.parametrize(("name", "value"), _EACH)
def test_one(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    name: str,
    value: Any,
) -> None:
    message = _blocked(context, _state(keystone, **{name: value}), fake)

    assert message.startswith(f"wrong option {name}")


def test_two(context: Context, keystone: testing.Relation, fake: charm_fakes.Workload) -> None:
    for (first, one), (second, other) in _PAIRS:
        message = _blocked(context, _state(keystone, **{first: one, second: other}), fake)
        assert message.startswith((f"wrong option {first}", f"wrong option {second}")), message


@pytest.mark.parametrize(("name", "values"), WRONG.items())
def test_an_option_and_a_relation(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    name: str,
    values: tuple[Any, ...],
) -> None:
    for wrong in {wrong[0]: wrong for wrong in _RELATIONS}.values():
        state = _state(*_related(keystone, wrong), **{name: values[0]})
        assert _blocked(context, state, fake).startswith(f"wrong option {name}")


# What the charms of keystone, glance and vault may publish that is of no use.
_RELATIONS = [
    ("identity-credentials", {"auth_port": "none"}, "auth_protocol, auth_host and auth_port"),
    ("identity-credentials", {"auth_port": "99999"}, "auth_protocol, auth_host and auth_port"),
    ("identity-credentials", {"auth_protocol": "ftp"}, "auth_protocol, auth_host and"),
    ("identity-credentials", {"auth_host": "a host"}, "auth_protocol, auth_host and"),
    ("identity-credentials", {"auth_host": "[fd00"}, "auth_protocol, auth_host and"),
    ("image-service", {"glance-api-server": "10.1.0.9:9292"}, "glance-api-server"),
    ("image-service", {"glance-api-server": "http://a host:9292"}, "glance-api-server"),
    ("certificates", {"ca": _GARBAGE}, "ca of remote/0"),
    ("certificates", {"ca": "", "chain": "a chain"}, "chain of remote/0"),
]


def _related(
    keystone: testing.Relation, *wrong: tuple[str, dict[str, str], str]
) -> list[testing.Relation]:
    """Return all relations, of which some publish what is wrong."""
    glance = testing.Relation(
        "image-service",
        interface="glance",
        remote_app_name="glance",
        remote_units_data={0: {"glance-api-server": "http://10.1.0.9:9292"}},
    )
    certificates = testing.Relation("certificates", interface="tls-certificates")
    changes = {endpoint: change for endpoint, change, _ in wrong}
    return [
        dataclasses.replace(
            each, remote_units_data={0: each.remote_units_data[0] | changes.get(each.endpoint, {})}
        )
        for each in (keystone, glance, certificates)
        if each is not certificates or each.endpoint in changes
    ]


@pytest.mark.parametrize("wrong", _RELATIONS)
def test_a_relation(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    wrong: tuple[str, dict[str, str], str],
) -> None:
    message = _blocked(context, _state(*_related(keystone, wrong)), fake)

    assert message.startswith(f"wrong data of the relation {wrong[0]}: {wrong[2]}")


def test_two_relations(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    pairs = [
        pair
        for pair in itertools.combinations(_RELATIONS, 2)
        if len({name for name, *_ in pair}) > 1
    ]
    for pair in pairs:
        message = _blocked(context, _state(*_related(keystone, *pair)), fake)
        told = tuple(f"wrong data of the relation {name}: {text}" for name, _, text in pair)
        assert message.startswith(told), message


def test_credentials_that_depart_during_a_run(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    state = context.run(context.on.relation_changed(keystone), _state(keystone))
    fake.running = True
    fake.record(outcome="running", step="customise")

    out = context.run(context.on.relation_broken(state.get_relation(keystone.id)), state)

    # The run has its token and ends by itself; nothing begins after it.
    assert out.unit_status == ops.BlockedStatus(
        "missing relation identity-credentials: relate this to keystone"
    )
    assert (fake.cloud, fake.timer, fake.running) == (None, None, True)
    with pytest.raises(testing.ActionFailed, match="missing relation identity-credentials"):
        context.run(context.on.action("retrofit-image"), dataclasses.replace(out, relations=[]))


_ACTIONS = yaml.safe_load((paths.REPOSITORY / "actions.yaml").read_text())
# These say what there is, end a run, or change what begins by itself, whatever is missing.
_ALWAYS = {"cancel-run", "check", "show-history", "pause", "resume"}


@pytest.mark.parametrize("action", sorted(set(_ACTIONS) - _ALWAYS))
def test_packages_that_are_missing_while_an_action_is_asked_for(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload, action: str
) -> None:
    state = context.run(context.on.relation_changed(keystone), _state(keystone))
    fake.missing, fake.broken_apt = ["mtools"], True

    with pytest.raises(testing.ActionFailed, match="mtools"):
        context.run(context.on.action(action), state)

    assert fake.runs == []
