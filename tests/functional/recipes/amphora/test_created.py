"""Images from scratch, made of Debian's archive alone, are amphorae whose traffic is proven."""

from __future__ import annotations

import json
import pathlib

import pytest
from tests.support.cli import command

# A bootstrap, a build and two emulated machines each.
pytestmark = pytest.mark.slow

_TIMEOUT_S = 3600.0


def _run(directory: pathlib.Path, *words: str | pathlib.Path) -> command.Outcome:
    """Run a command that writes below a directory, and leaves nothing else."""
    work, files = directory / "work", directory / "files"
    for one in (work, files):
        one.mkdir(exist_ok=True)
    with command.started(words, cwd=files, work=work) as running:
        outcome = running.end(timeout_s=_TIMEOUT_S)
    assert outcome.code == 0, outcome.stderr + outcome.stdout
    return outcome


def _create(directory: pathlib.Path, *words: str | pathlib.Path) -> pathlib.Path:
    places = ["--work-dir", directory / "work", "--cache-dir", directory / "cache"]
    _run(directory, "create", "amphora.qcow2", "--series", "bookworm", *places, *words)
    return directory / "files/amphora.qcow2"


@pytest.mark.parametrize("agent", ["packages", "octavia==19.0.0"])
def test_it_balances_requests(agent: str, open_directory: pathlib.Path) -> None:
    image = _create(open_directory, "--agent", agent)

    places = ["--work-dir", open_directory / "work", "--evidence", open_directory / "evidence"]
    said = _run(open_directory, "verify", "--depth", "traffic", "--json", *places, image).stdout

    proof = json.loads(said)
    assert (proof["result"], proof["depth"]) == ("passed", "traffic")
    evidence_of = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert evidence_of["image"] == "debian bookworm amd64"
    assert "VIP answers" in evidence_of
    own = "/usr/bin/amphora-agent, without a package"
    assert (own in evidence_of["required packages"]) == (agent != "packages")
