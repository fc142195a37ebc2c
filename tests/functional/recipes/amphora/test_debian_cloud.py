"""Debian 13's own cloud image becomes an amphora whose traffic is proven."""

from __future__ import annotations

import json
import pathlib

import pytest
from tests.support.base_images import base_images
from tests.support.cli import command

# Two emulated machines.
pytestmark = pytest.mark.slow

# Of a build and two boots, which have limits of their own; together they take 20 minutes alone.
_TIMEOUT_S = 3600.0


def test_it_balances_requests(open_directory: pathlib.Path) -> None:
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    work, output = open_directory / "work", open_directory / "files" / "amphora.qcow2"
    evidence = open_directory / "evidence"
    places = ["--work-dir", work, "--cache-dir", open_directory / "cache"]

    with command.started(
        ["image", "--json", "--depth", "traffic", "--evidence", evidence, *places]
        + [base_images.debian_cloud(), output],
        cwd=output.parent,
        work=work,
    ) as running:
        outcome = running.end(timeout_s=_TIMEOUT_S)

    assert outcome.code == 0, outcome.stderr
    proof = json.loads(outcome.stdout)["proof"]
    assert (proof["result"], proof["depth"]) == ("passed", "traffic")
    assert proof["machine"]["graphics_card"] == "virtio"
    evidence_of = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert evidence_of["image"] == "debian trixie amd64"
    assert "VIP answers" in evidence_of
    assert output.exists()
