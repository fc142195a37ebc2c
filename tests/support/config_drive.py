"""Makes the config drive with which OpenStack's compute service starts an amphora."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import uuid

# Reports on the second serial port how the system came up. OpenStack passes it as vendor data, so
# what Octavia gives stays as it is. cloud-init runs it while the boot still goes on, hence the
# unit of its own that waits for the end of the boot.
_REPORT = """\
#!/bin/sh
if [ "$1" != report ]; then
    exec systemd-run --no-block --unit=boot-report "$0" report
fi
exec >/dev/ttyS1 2>&1
echo "state $(systemctl is-system-running --wait)"
for unit in $(systemctl list-units --state=failed --plain --no-legend | cut -d ' ' -f 1); do
    echo "failed $unit"
    journalctl --unit="$unit" --boot --no-pager --lines=15 --output=cat | sed 's/^/| /'
done
cloud-init status --long | sed 's/^/cloud-init /'
echo "end"
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """What the compute service was asked to give a new server.

    Attributes:
        name: Name of the server.
        files: Text of each file to put into its file system, by absolute path.
        user_data: The user data.
    """

    name: str
    files: dict[str, str]
    user_data: str


def make(server: Server, *, mac: str, work: pathlib.Path) -> pathlib.Path:
    """Write the config drive, as Nova lays it out, into ``work`` and return its ISO image.

    Args:
        server: What Octavia asked for.
        mac: Address of the server's network card, which gets its addresses by DHCP.
        work: Directory for the image and what it is made from.
    """
    root = work / "config-drive"
    latest, content = root / "openstack" / "latest", root / "openstack" / "content"
    latest.mkdir(parents=True)
    content.mkdir()
    injected = []
    for number, (path, text) in enumerate(server.files.items()):
        (content / f"{number:04}").write_text(text)
        injected.append({"path": path, "content_path": f"/content/{number:04}"})
    identity = str(uuid.uuid4())
    documents = {
        "meta_data.json": {
            "uuid": identity,
            "name": server.name,
            "hostname": f"{server.name}.novalocal",
            "availability_zone": "nova",
            "launch_index": 0,
            "project_id": uuid.uuid4().hex,
            "devices": [],
            "dedicated_cpus": [],
            "files": injected,
        },
        "network_data.json": {
            "links": [
                {
                    "id": "tap0",
                    "vif_id": str(uuid.uuid4()),
                    "type": "ovs",
                    "mtu": 1500,
                    "ethernet_mac_address": mac,
                }
            ],
            "networks": [
                {
                    "id": "network0",
                    "link": "tap0",
                    "type": "ipv4_dhcp",
                    "network_id": str(uuid.uuid4()),
                }
            ],
            "services": [],
        },
        "vendor_data.json": {"cloud-init": _REPORT},
        "vendor_data2.json": {},
    }
    for name, document in documents.items():
        (latest / name).write_text(json.dumps(document))
    (latest / "user_data").write_text(server.user_data)
    image = work / "config-drive.iso"
    # The options with which Nova calls it (nova/virt/configdrive.py).
    options = ["-quiet", "-J", "-r", "-ldots", "-allow-lowercase", "-allow-multidot", "-l"]
    subprocess.run(
        ["genisoimage", "-o", image, *options, "-V", "config-2", root],
        check=True,
        stderr=subprocess.PIPE,
    )
    return image
