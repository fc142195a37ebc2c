"""Whether virtual machines run at full speed."""

from __future__ import annotations

import pathlib
import platform
from collections.abc import Iterator

import pytest

from retrofit.host import accelerator, process


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    accelerator.kvm_works.cache_clear()
    yield
    accelerator.kvm_works.cache_clear()


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
