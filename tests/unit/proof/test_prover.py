"""What a proof refuses before anything is made."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from retrofit import errors, model, recipes
from retrofit.host import process
from retrofit.host.sandbox import workshop
from retrofit.model import findings
from retrofit.proof import bench, checks, hardware, prover


@pytest.fixture(autouse=True)
def _only_for_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one emulator installed, whatever is here."""

    def find(name: str) -> str:
        if name == "qemu-system-x86_64":
            return f"/usr/bin/{name}"
        raise errors.ToolMissing(f"{name} is not installed")

    monkeypatch.setattr(process, "find", find)


def _amphora_of(architecture: str) -> tuple[str, ...]:
    return recipes.get("amphora").architectures_of(model.BaseImage(architecture=architecture))


def _check(depth: findings.Depth, deepest: findings.Depth, *architectures: str) -> None:
    prover.check("small", lambda: checks.Checks(depth=deepest), depth, architectures, {}, ())


@pytest.mark.parametrize("architecture", ["x86_64", "amd64", ""])
def test_an_image_is_booted_where_its_architecture_may_have_an_emulator(architecture: str) -> None:
    _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of(architecture))


def test_the_emulator_is_that_of_the_image_and_not_of_the_host() -> None:
    with pytest.raises(errors.ToolMissing, match="qemu-system-aarch64"):
        _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of("aarch64"))
    with pytest.raises(errors.ToolMissing, match="qemu-system-ppc64 is") as missing:
        _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of("ppc64le"))
    assert missing.value.hint == "install the package qemu-system-ppc"
    with pytest.raises(errors.ImageError, match="no machine of the architecture riscv64"):
        _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of("riscv64"))


def test_at_rest_nothing_is_emulated() -> None:
    _check(findings.Depth.REST, findings.Depth.REST, "riscv64")


def test_a_recipe_is_not_proved_deeper_than_it_says() -> None:
    with pytest.raises(errors.ConfigError, match="proofs beyond depth boot") as refused:
        _check(findings.Depth.TRAFFIC, findings.Depth.BOOT, "amd64")
    assert refused.value.hint == "use --depth boot"


@pytest.mark.parametrize(
    ("firmwares", "seen", "kept"),
    [
        (["uefi"], ["boot ends"], {"rest.txt", "console.log"}),
        (
            ["bios", "secure-boot"],
            ["boot ends, bios", "boot ends, secure-boot"],
            {"rest.txt", "bios-console.log", "secure-boot-console.log"},
        ),
    ],
)
def test_findings_and_files_say_which_of_several_firmwares_they_are_of(
    firmwares: list[str], seen: list[str], kept: set[str], tmp_path: pathlib.Path
) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "rest.txt").touch()

    def trial(place: bench.Bench, depth: findings.Depth) -> Iterator[findings.Finding]:
        (place.work / "drive").mkdir()
        (place.evidence / "console.log").write_text(place.hardware.starts_by)
        yield findings.Finding("boot ends", depth, findings.passed(place.hardware.starts_by))

    machines = [hardware.of({}, "amd64", findings.Firmware(word)) for word in firmwares]
    place = bench.Bench(
        image=tmp_path / "disk.raw",
        architecture="amd64",
        hardware=machines[0],
        work=tmp_path,
        evidence=evidence,
        flavor_disk=model.GIB,
        accelerated=False,
        boot_timeout_s=1.0,
        reporter=workshop.Silent(),
    )

    found = list(prover._trials(trial, place, machines, findings.Depth.BOOT))

    assert [one.check for one in found] == seen
    assert [one.verdict.evidence for one in found] == firmwares
    assert {file.name for file in evidence.iterdir()} == kept
