"""Octavia's packages as Ubuntu has them, made of Debian's."""

from __future__ import annotations

import pathlib
import tempfile

from retrofit.host import process

from . import debs
from .ubuntu_packages import Fetch

_TIMEOUT_S = 60.0
_MASQUERADES = "octavia-agent-lvs-masquerade"


def make(pool: pathlib.Path, fetch: Fetch, version: str) -> None:
    """Make the packages that an amphora gets."""
    same = {"Depends": f"adduser, python3-octavia (= {version})"}
    common = debs.Package(
        "octavia-common",
        version,
        same,
        files={
            "usr/share/octavia-common/policy.json": b"{}\n",
            "usr/share/octavia-common/octavia.conf": b"[DEFAULT]\n",
        },
        scripts={"postinst": _COMMON_POSTINST},
    )
    debs.make(pool, common)
    debs.remake(pool, fetch("python3-octavia"), {"Version": version}, _as_octavia_has_it)
    unit, service = _agent_service(fetch("openstack-pkg-tools"))
    agent = debs.Package(
        "amphora-agent",
        version,
        {"Depends": f"octavia-common (= {version}), python3-gunicorn"},
        files={"lib/systemd/system/amphora-agent.service": unit},
        programs={"etc/init.d/amphora-agent": service},
        scripts={"postinst": _AGENT_POSTINST, "prerm": _AGENT_PRERM},
        configuration=("etc/init.d/amphora-agent",),
    )
    debs.make(pool, agent)


def _as_octavia_has_it(root: pathlib.Path) -> None:
    """Have the agent call what Octavia's element brings, in place of a program of Debian's."""
    code = root / "usr/lib/python3/dist-packages/octavia/amphorae/backends/utils/interface_file.py"
    text = code.read_text()
    assert _MASQUERADES in text
    code.write_text(text.replace(_MASQUERADES, "/usr/local/bin/lvs-masquerade.sh"))


def _agent_service(tools: pathlib.Path) -> tuple[bytes, str]:
    """Return unit and script of the agent, made with the tools that Ubuntu's packaging uses."""
    with tempfile.TemporaryDirectory(prefix="pkgos-") as name:
        place = pathlib.Path(name)
        process.run(["dpkg-deb", "--extract", tools, place], timeout_s=_TIMEOUT_S)
        template = place / "amphora-agent.init.in"
        template.write_text(_AGENT_TEMPLATE)
        program = place / "usr/bin/pkgos-gen-systemd-unit"
        process.run([program, template], timeout_s=_TIMEOUT_S, cwd=place)
        rest = (place / "usr/share/openstack-pkg-tools/init-script-template").read_text()
        unit = (place / "amphora-agent.service").read_bytes()
    return unit, _AGENT_TEMPLATE + rest


_COMMON_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    adduser --system --group --quiet --home /var/lib/octavia --shell /bin/sh octavia
    adduser --quiet octavia adm || true
    mkdir -p /etc/octavia /var/lib/octavia /var/log/octavia
    for file in octavia.conf policy.json; do
        [ -e /etc/octavia/$file ] || cp /usr/share/octavia-common/$file /etc/octavia/
    done
    find /etc/octavia -exec chown root:octavia '{}' +
    find /etc/octavia -type f -exec chmod 0640 '{}' + -o -type d -exec chmod 0750 '{}' +
    chown octavia:octavia /var/lib/octavia
    chmod 0750 /var/lib/octavia
    chown octavia:adm /var/log/octavia
fi
"""
_AGENT_TEMPLATE = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          amphora-agent
# Required-Start:    $network $local_fs $remote_fs $syslog
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Octavia amphora agent
### END INIT INFO
DESC="Octavia Amphora Agent"
PROJECT_NAME=octavia
NAME=amphora-agent
DAEMON=/usr/bin/amphora-agent
"""
# As debhelper writes them for a unit and a script.
_AGENT_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    deb-systemd-helper unmask amphora-agent.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled amphora-agent.service; then
        deb-systemd-helper enable amphora-agent.service >/dev/null || true
    fi
    update-rc.d amphora-agent defaults >/dev/null
    invoke-rc.d amphora-agent start || exit 1
fi
"""
_AGENT_PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ]; then
    invoke-rc.d amphora-agent stop || true
fi
"""
