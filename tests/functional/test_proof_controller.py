"""What a proof gives a new amphora is what Octavia's own code gives."""

from __future__ import annotations

import configparser
import pathlib

import yaml
from tests.support import amphora_client

from retrofit.proof.amphora import controller

# These differ between any two clouds.
_SECRET = ("heartbeat_key", "controller_ip_port_list")
_AGENT = "/etc/octavia/amphora-agent.conf"


def test_a_server_is_asked_for_as_octavia_does(tmp_path: pathlib.Path) -> None:
    (tmp_path / "octavia").mkdir()
    octavias = amphora_client.controller(tmp_path / "octavia")
    wanted = octavias.plan()

    given = controller.new(tmp_path).server(
        octavias.amphora, controller.Topology.SINGLE, vendor_data=""
    )

    assert given.name == wanted.name
    assert sorted(given.files) == sorted(wanted.files)
    assert _options(given.files[_AGENT]) == _options(wanted.files[_AGENT])
    assert _blocks(given.files) == _blocks(wanted.files)
    assert yaml.safe_load(given.user_data) == yaml.safe_load(wanted.user_data)


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
