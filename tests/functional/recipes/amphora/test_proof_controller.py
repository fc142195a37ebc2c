"""What a proof gives an amphora is what Octavia's own code gives."""

from __future__ import annotations

import configparser
import pathlib

import yaml
from tests.support.proof import amphora_client

from retrofit.proof import certificates
from retrofit.recipes.amphora.trial import backends, controller, haproxy

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


def test_haproxy_is_configured_as_octavia_does(tmp_path: pathlib.Path) -> None:
    octavias = amphora_client.controller(tmp_path, amphora_client.program())
    pair = certificates.Authority("Customers").issue("customer")
    vip, members = "198.51.100.100", [("198.51.100.11", 8080), ("198.51.100.12", 8080)]
    wanted = octavias.render(
        {
            "vip": vip,
            "members": members,
            "health": backends.HEALTH,
            "certificate": pair.certificate,
            "key": pair.key,
        }
    )

    plain, secure = wanted["listeners"]
    pool = haproxy.Pool(
        wanted["pool"],
        tuple(
            haproxy.Member(name, address, port)
            for name, (address, port) in zip(wanted["members"], members, strict=True)
        ),
    )
    given = haproxy.configuration(
        haproxy.LoadBalancer(
            id=wanted["balancer"],
            vip=vip,
            listeners=(
                haproxy.Listener(plain, 80),
                haproxy.Listener(secure, 443, terminates_tls=True),
            ),
            pool=pool,
            special=haproxy.Pool("special", ()),
        )
    )

    own, octavias_own = _sections(given), _sections(wanted["text"])
    assert octavias_own.keys() <= own.keys()
    for heading, lines in octavias_own.items():
        assert lines <= own[heading]


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
