"""The ladder of hosts: unit tests, a build and its proof on other releases of Debian."""

import subprocess

import pytest
from tests.support import paths

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("release", ["bullseye", "trixie", "forky"])
def test_unit_tests_and_a_proven_image(release: str) -> None:
    # What it prints is shown if it fails.
    completed = subprocess.run([paths.REPOSITORY / "tools" / "hosts", release], check=False)
    assert completed.returncode == 0
