"""Machines that tests have no other way to be: restricted by AppArmor, short of memory."""

import os
import pathlib

import pytest

from retrofit import errors
from retrofit.host import accelerator, machine_checks, process
from retrofit.model import diagnosis

_MEMORY = "MemTotal: {} kB\nMemFree: 1 kB\nMemAvailable: {} kB\nSwapFree: {} kB\n"


def _found(name: str, cache: pathlib.Path | None = None) -> diagnosis.Finding:
    checks = {check.name: check for check in machine_checks.others(cache)}
    return checks[name].answer({})


@pytest.fixture
def restriction(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    path = tmp_path / "apparmor_restrict_unprivileged_userns"
    monkeypatch.setattr(machine_checks, "_RESTRICTION", path)
    return path


@pytest.mark.parametrize(
    ("value", "user", "says"),
    [
        (None, 1000, "the kernel knows no restriction of unprivileged user namespaces"),
        ("0\n", 1000, "apparmor_restrict_unprivileged_userns is 0"),
        ("1\n", 0, "apparmor_restrict_unprivileged_userns is 1, which does not concern root"),
    ],
)
def test_a_machine_that_restricts_nobody_or_not_this_user(
    value: str | None,
    user: int,
    says: str,
    restriction: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
):
    if value is not None:
        restriction.write_text(value)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    assert _found("apparmor") == diagnosis.Finding("apparmor", diagnosis.Outcome.OK, says)


def test_a_machine_that_restricts_ordinary_users(
    restriction: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    restriction.write_text("1\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    found = _found("apparmor")

    assert found.outcome is diagnosis.Outcome.FAILED
    assert found.advice.endswith("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")


@pytest.mark.parametrize(
    ("available", "swap", "outcome"), [(2, 0, "ok"), (1, 1, "ok"), (1, 0, "failed")]
)
def test_memory(
    available: int,
    swap: int,
    outcome: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
):
    kibibytes = [1024**2 * gibibytes for gibibytes in (4, available, swap)]
    (tmp_path / "meminfo").write_text(_MEMORY.format(*kibibytes))
    monkeypatch.setattr(machine_checks, "_MEMORY", tmp_path / "meminfo")

    found = _found("memory")

    assert found.outcome.value == outcome
    assert found.found.startswith(f"{available + swap}.0 of 4.0 GiB are available")


def test_kvm_that_works(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accelerator, "accelerates", lambda _: True)
    assert "half a minute" in _found("kvm").found


def test_no_kvm_is_no_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accelerator, "accelerates", lambda _: False)
    found = _found("kvm")
    assert (found.outcome.value, found.found[:24]) == ("ok", "no guest runs under KVM:")


def test_no_qemu_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    def accelerates(_: str) -> bool:
        raise errors.ToolMissing("QEMU is not installed", hint="install it")

    monkeypatch.setattr(accelerator, "accelerates", accelerates)
    assert str(_found("kvm")) == "QEMU is not installed; install it"


def test_a_cache_that_is_not_there_yet(tmp_path: pathlib.Path):
    found = _found("cache", tmp_path / "deep" / "cache")
    assert found.outcome is diagnosis.Outcome.OK
    assert not (tmp_path / "deep").exists()


def test_a_cache_that_cannot_be_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = _found("cache", tmp_path / "cache")
    assert found.outcome is diagnosis.Outcome.FAILED
    assert f"make {tmp_path} writable for this user" in found.advice


def test_programs_are_missing_by_name_and_package(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(process, "_PATH", str(tmp_path))
    found = _found("programs")
    assert found.outcome is diagnosis.Outcome.FAILED
    assert "mcopy" in found.found
    assert "mtools" in found.advice
