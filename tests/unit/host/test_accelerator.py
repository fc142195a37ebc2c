"""Whether virtual machines run at full speed."""

from __future__ import annotations

import pathlib
import platform
from collections.abc import Iterator

import pytest

from retrofit.host import accelerator, process


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    clear = accelerator.kvm_works.cache_clear
    clear()
    yield
    clear()


@pytest.mark.parametrize("there", [True, False])
def test_the_x86_guest_is_not_tried_elsewhere(
    there: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "kvm"
    if there:
        device.touch()

    def run(*_: object, **__: object) -> None:
        raise AssertionError("a guest was started")

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(accelerator, "_KVM", device)
    assert accelerator.kvm_works() is there


@pytest.mark.parametrize(
    ("machine", "architecture", "under_kvm"),
    [
        ("x86_64", "amd64", True),
        ("x86_64", "ppc64el", False),
        ("ppc64le", "ppc64el", True),
        ("ppc64le", "amd64", False),
        ("aarch64", "arm64", True),
    ],
)
def test_a_machine_is_accelerated_where_the_host_is_like_it(
    machine: str, architecture: str, under_kvm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(process, "find", lambda name: name)
    monkeypatch.setattr(accelerator, "kvm_works", lambda: True)
    assert accelerator.accelerates(architecture) is under_kvm
