"""What a proof gives an amphora is what Octavia's own code gives."""

from __future__ import annotations

import configparser
import pathlib
from typing import Any

import pytest
import yaml
from tests.support.proof import amphora_client

from retrofit.proof import certificates
from retrofit.recipes.amphora.trial import backends, controller, haproxy, lvs

# These differ between any two clouds.
_SECRET = ("heartbeat_key", "controller_ip_port_list")
_AGENT = "/etc/octavia/amphora-agent.conf"


def test_a_server_is_asked_for_as_octavia_does(tmp_path: pathlib.Path) -> None:
    (tmp_path / "octavia").mkdir()
    octavias = amphora_client.controller(tmp_path / "octavia", amphora_client.program())
    wanted = octavias.plan()

    given = controller.new(tmp_path).server(
        octavias.amphora, controller.Topology.SINGLE, vendor_data=""
    )

    assert given.name == wanted.name
    assert sorted(given.files) == sorted(wanted.files)
    assert _options(given.files[_AGENT]) == _options(wanted.files[_AGENT])
    assert _blocks(given.files) == _blocks(wanted.files)
    assert yaml.safe_load(given.user_data) == yaml.safe_load(wanted.user_data)


_VIP, _VIP6 = "198.51.100.100", "2001:db8::64"
_MEMBERS = (("198.51.100.11", 8080), ("198.51.100.12", 8080))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Configurations of a load balancer as Octavia writes them."""
    octavias = amphora_client.controller(
        tmp_path_factory.mktemp("octavia"), amphora_client.program()
    )
    pair = certificates.Authority("Customers").issue("customer")
    wanted: dict[str, Any] = octavias.render(
        {
            "vip": _VIP,
            "additional_vip": _VIP6,
            "members": _MEMBERS,
            "health": backends.HEALTH,
            "certificate": pair.certificate,
            "key": pair.key,
        }
    )
    return wanted


def _pool(wanted: dict[str, Any]) -> haproxy.Pool:
    """Return a pool with Octavia's identifiers."""
    return haproxy.Pool(
        wanted["pool"],
        tuple(
            haproxy.Member(name, address, port)
            for name, (address, port) in zip(wanted["members"], _MEMBERS, strict=True)
        ),
    )


def _balancer(rendered: dict[str, Any]) -> haproxy.LoadBalancer:
    """Return the load balancer as a proof has it."""
    plain, secure, metrics = rendered["listeners"]
    return haproxy.LoadBalancer(
        id=rendered["balancer"],
        vip=_VIP,
        listeners=(
            haproxy.Listener(plain, 80),
            haproxy.Listener(secure, 443, terminates_tls=True),
        ),
        metrics=haproxy.Listener(metrics, 8088),
        pool=_pool(rendered),
        special=haproxy.Pool("special", ()),
        additional_vip=_VIP6,
    )


def test_haproxy_is_configured_as_octavia_does(rendered: dict[str, Any]) -> None:
    given = haproxy.configuration(_balancer(rendered))

    own, octavias_own = _sections(given), _sections(rendered["text"])
    assert octavias_own.keys() <= own.keys()
    for heading, lines in octavias_own.items():
        assert lines <= own[heading]


@pytest.mark.parametrize(("which", "protocol"), enumerate(lvs.Protocol), ids=list(lvs.Protocol))
def test_packets_are_balanced_as_octavia_does(
    rendered: dict[str, Any], which: int, protocol: lvs.Protocol
) -> None:
    wanted = rendered["packets"][which]
    listener = lvs.Listener(
        id=wanted["listener"],
        protocol=protocol,
        port=5300,
        pool=_pool(wanted),
        monitor=wanted["monitor"],
        interval_s=7,
        timeout_s=9,
    )

    given = lvs.configuration(listener, _balancer(rendered))

    assert _lines(given) == _lines(wanted["text"])


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _sections(text: str) -> dict[str, set[str]]:
    """Return the lines of each section by its heading, without what is a matter of taste."""
    sections: dict[str, set[str]] = {}
    for line in filter(str.strip, text.splitlines()):
        words = line.split()
        if not line.startswith((" ", "#")):
            lines = sections.setdefault(line.strip(), set())
        elif words[0] == "bind":
            # After it come ciphers and versions of TLS.
            lines.add(" ".join(words[:5]))
        elif words[0] not in ("#", "log-format"):
            lines.add(" ".join(words))
    return sections


def _options(text: str) -> dict[str, dict[str, str]]:
    """Return the options of each section but those that differ between clouds."""
    parser = configparser.ConfigParser(default_section="", interpolation=None)
    parser.read_string(text)
    return {
        section: {key: value for key, value in parser[section].items() if key not in _SECRET}
        for section in parser.sections()
    }


def _blocks(files: dict[str, str]) -> dict[str, int]:
    """Return how many certificates and keys are in each file."""
    return {path: text.count("-----BEGIN ") for path, text in files.items()}
