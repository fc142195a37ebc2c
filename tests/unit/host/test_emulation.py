"""Which programs need an emulator, and how a kernel tells them."""

from __future__ import annotations

import pathlib
import platform
import struct

import pytest

from retrofit import errors
from retrofit.host import process
from retrofit.host.sandbox import emulation


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(emulation, "of_the_host", frozenset)


def _installed(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    def find(name: str) -> str:
        if name in programs:
            return f"/usr/bin/{name}"
        raise errors.ToolMissing(f"the program {name} is not installed")

    monkeypatch.setattr(process, "find", find)


@pytest.mark.parametrize(
    ("machine", "architecture", "native"),
    [
        ("x86_64", "amd64", True),
        ("x86_64", "i386", True),
        ("x86_64", "arm64", False),
        ("aarch64", "arm64", True),
        ("aarch64", "amd64", False),
        ("riscv64", "riscv64", True),
        ("ppc64le", "ppc64el", True),
        ("x86_64", "ppc64el", False),
    ],
)
def test_a_machine_runs_its_own_programs(
    machine: str, architecture: str, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert emulation.is_native(architecture) is native


@pytest.mark.parametrize(
    ("architecture", "program"),
    [
        ("arm64", "qemu-aarch64-static"),
        ("arm64", "qemu-aarch64"),
        ("ppc64el", "qemu-ppc64le-static"),
        ("ppc64el", "qemu-ppc64le"),
    ],
)
def test_the_emulator_has_one_of_two_names(
    architecture: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _installed(monkeypatch, program)
    assert emulation.emulator(architecture) == f"/usr/bin/{program}"


def test_an_emulator_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch)
    with pytest.raises(errors.ToolMissing, match="programs of arm64 cannot run") as missing:
        emulation.prepare("arm64")
    assert missing.value.hint == "install the package qemu-user-static"


def test_what_nothing_emulates() -> None:
    with pytest.raises(errors.ImageError, match="programs of s390x cannot run on this machine"):
        emulation.prepare("s390x")


def test_registrations_of_the_host_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch)
    monkeypatch.setattr(emulation, "of_the_host", lambda: frozenset({"qemu-aarch64"}))
    emulation.prepare("arm64")


def test_an_old_kernel_is_an_error_that_says_what_to_do(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _installed(monkeypatch, "qemu-arm-static")
    monkeypatch.setattr(emulation, "_REGISTRATIONS", tmp_path / "missing")
    with pytest.raises(errors.ToolMissing, match="programs of armhf cannot run") as refused:
        emulation.prepare("armhf")
    assert "binfmt-support" in refused.value.hint


@pytest.mark.parametrize(
    ("architecture", "wide", "machine"),
    [("arm64", 2, 183), ("armhf", 1, 40), ("ppc64el", 2, 21), ("riscv64", 2, 243)],
)
def test_a_registration_matches_the_programs_of_its_architecture(
    architecture: str, wide: int, machine: int
) -> None:
    line = emulation._PROCESSORS[architecture].registration("/usr/bin/emulator")
    _, name, kind, offset, magic, mask, path, flags = line.decode("ascii").split(":")
    assert (kind, offset, path, flags) == ("M", "0", "/usr/bin/emulator", "CF")
    assert name.startswith("qemu-")
    wanted, looked_at = (bytes.fromhex(part.replace("\\x", "")) for part in (magic, mask))

    def matches(interface: int, type_of_file: int, of: int) -> bool:
        header = bytes((*b"\x7fELF", wide, 1, 1, interface)) + bytes(8)
        header += struct.pack("<HH", type_of_file, of)
        return all(
            (byte ^ want) & look == 0
            for byte, want, look in zip(header, wanted, looked_at, strict=True)
        )

    assert matches(0, 2, machine) and matches(3, 3, machine)
    assert not matches(0, 2, 62) and not matches(0, 4, machine)
