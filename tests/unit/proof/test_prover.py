"""What a proof refuses before anything is made."""

from __future__ import annotations

import pytest

from retrofit import errors, model, recipes
from retrofit.host import process
from retrofit.model import findings
from retrofit.proof import checks, prover


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
    prover.check("small", lambda: checks.Checks(depth=deepest), depth, architectures, {})


@pytest.mark.parametrize("architecture", ["x86_64", "amd64", ""])
def test_an_image_is_booted_where_its_architecture_may_have_an_emulator(architecture: str) -> None:
    _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of(architecture))


def test_the_emulator_is_that_of_the_image_and_not_of_the_host() -> None:
    with pytest.raises(errors.ToolMissing, match="qemu-system-aarch64"):
        _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of("aarch64"))
    with pytest.raises(errors.ImageError, match="no machine of the architecture ppc64el"):
        _check(findings.Depth.BOOT, findings.Depth.BOOT, *_amphora_of("ppc64le"))


def test_at_rest_nothing_is_emulated() -> None:
    _check(findings.Depth.REST, findings.Depth.REST, "ppc64el")


def test_a_recipe_is_not_proved_deeper_than_it_says() -> None:
    with pytest.raises(errors.ConfigError, match="proofs beyond depth boot") as refused:
        _check(findings.Depth.TRAFFIC, findings.Depth.BOOT, "amd64")
    assert refused.value.hint == "use --depth boot"
