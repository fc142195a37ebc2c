"""The project's own elements: what their files promise one another."""

from __future__ import annotations

import configparser
import json
import os
import pathlib
import subprocess
import sys

import pytest

from retrofit.recipes.amphora import recipe

_AGENT = pathlib.Path(recipe.__file__).parent / "elements" / "amphora-agent-service"


def test_the_prometheus_proxy_starts_only_where_the_agent_has_one() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(_AGENT / "units/prometheus-proxy.service", encoding="utf-8")
    assert unit["Service"]["ExecStart"] == unit["Unit"]["ConditionFileIsExecutable"]


@pytest.mark.parametrize(
    ("policy", "is_left_out"),
    [("  Candidate: 4.4.3-P1-2\n", False), ("  Candidate: (none)\n", True), ("", True)],
)
def test_a_dhcp_client_that_no_archive_has_is_left_out(
    tmp_path: pathlib.Path, policy: str, is_left_out: bool
) -> None:
    maps = tmp_path / "usr/share/pkg-map"
    maps.mkdir(parents=True)
    (maps / "amphora-agent").write_text(
        json.dumps({"default": {"amphora-agent": "amphora-agent"}})
    )
    apt_cache = tmp_path / "apt-cache"
    apt_cache.write_text(f"#!/bin/sh\nprintf '%s' '{policy}'\n")
    apt_cache.chmod(0o755)
    subprocess.run(
        [sys.executable, _AGENT / "extra-data.d/50-complete-pkg-maps"],
        check=True,
        env={
            "DISTRO_NAME": "ubuntu",
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TMP_MOUNT_PATH": str(tmp_path),
        },
    )
    known = json.loads((maps / "amphora-agent").read_text())
    assert ("isc-dhcp-client" in known["distro"].get("ubuntu", {})) == is_left_out
    assert known["distro"]["debian"]["amphora-agent"] == "octavia-agent"
