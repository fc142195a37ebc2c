"""Makes the config drive with which OpenStack's compute service starts a server."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import uuid
from typing import Any

from ..host import process

_TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Server:
    """What the compute service was asked to give a new server.

    Attributes:
        name: Name of the server.
        files: Text of each file to put into its file system, by absolute path.
        user_data: The user data; empty for none.
        vendor_data: Cloud-init's part of the vendor data, such as a script.
    """

    name: str
    files: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    user_data: str = ""
    vendor_data: str = ""


def make(server: Server, *, mac: str, work: pathlib.Path) -> pathlib.Path:
    """Write the config drive, as Nova lays it out, into ``work`` and return its ISO image.

    Args:
        server: What was asked for.
        mac: Address of the server's network card, which gets its addresses by DHCP.
        work: Directory for the image and what it is made from; both hold the server's secrets.

    Raises:
        errors.ToolMissing: genisoimage is not installed.
    """
    root = work / "config-drive"
    latest, content = root / "openstack" / "latest", root / "openstack" / "content"
    root.mkdir(mode=0o700)
    latest.mkdir(parents=True)
    content.mkdir()
    injected = []
    for number, (path, text) in enumerate(server.files.items()):
        (content / f"{number:04}").write_text(text, encoding="utf-8")
        injected.append({"path": path, "content_path": f"/content/{number:04}"})
    documents = {
        "meta_data.json": _meta_data(server.name) | {"files": injected},
        "network_data.json": _network_data(mac),
        "vendor_data.json": {"cloud-init": server.vendor_data} if server.vendor_data else {},
        "vendor_data2.json": {},
    }
    for name, document in documents.items():
        (latest / name).write_text(json.dumps(document), encoding="utf-8")
    if server.user_data:
        (latest / "user_data").write_text(server.user_data, encoding="utf-8")
    image = work / "config-drive.iso"
    image.touch(mode=0o600)
    # The options with which Nova calls it (nova/virt/configdrive.py).
    options = ["-quiet", "-J", "-r", "-ldots", "-allow-lowercase", "-allow-multidot", "-l"]
    process.run(
        ["genisoimage", "-o", image, *options, "-V", "config-2", root], timeout_s=_TIMEOUT_S
    )
    return image


def _meta_data(name: str) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "name": name,
        "hostname": f"{name}.novalocal",
        "availability_zone": "nova",
        "launch_index": 0,
        "project_id": uuid.uuid4().hex,
        "devices": [],
        "dedicated_cpus": [],
    }


def _network_data(mac: str) -> dict[str, Any]:
    link = {
        "id": "tap0",
        "vif_id": str(uuid.uuid4()),
        "type": "ovs",
        "mtu": 1500,
        "ethernet_mac_address": mac,
    }
    network = {
        "id": "network0",
        "link": "tap0",
        "type": "ipv4_dhcp",
        "network_id": str(uuid.uuid4()),
    }
    return {"links": [link], "networks": [network], "services": []}
