"""Whether GRUB starts the kernel as was asked for, and without waiting."""

from __future__ import annotations

import pathlib

import pytest
from tests.unit.proof import trees

from retrofit.building.disk import grub_config
from retrofit.model import findings
from retrofit.proof.rest import boot_parameters

_ASKED = "/etc/default/grub.d/zz-boot-parameters.cfg"
# As Ubuntu's and Debian's grub-mkconfig write it, shortened.
_GRUB_CFG = """
set default="0"
if [ "${recordfail}" = 1 ] ; then
  set timeout=%(after_failure)s
else
  if [ x$feature_timeout_style = xy ] ; then
    set timeout_style=menu
    set timeout=%(seconds)s
  # Fallback normal timeout code in case the timeout_style feature is
  # unavailable.
  else
    set timeout=%(seconds)s
  fi
fi
menuentry 'Ubuntu' {
    if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
    linux /vmlinuz-1.0 root=LABEL=cloudimg-rootfs ro %(parameters)s
}
"""


def _look(
    tree: pathlib.Path,
    *,
    seconds: int = 0,
    after_failure: int = 30,
    parameters: str = "quiet",
    asked: str = "",
    environment: str = "",
) -> findings.Verdict:
    values = {"seconds": seconds, "after_failure": after_failure, "parameters": parameters}
    files = {"/boot/grub/grub.cfg": _GRUB_CFG % values, "/boot/grub/grubenv": environment}
    if asked:
        files[_ASKED] = f"# why\n{asked}"
    return boot_parameters.boot_parameters().look(trees.image(tree, files))


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        ("GRUB_CMDLINE_LINUX_DEFAULT='quiet isolcpus=1-N nohz=on'\n", "quiet isolcpus=1-N"),
        ("GRUB_CMDLINE_LINUX_DEFAULT=fips=1\n", "quiet"),
        ("GRUB_CMDLINE_LINUX=mitigations=off\nGRUB_TIMEOUT=0\n", "mitigations=auto"),
    ],
)
def test_a_parameter_that_the_kernel_does_not_get(
    tmp_path: pathlib.Path, asked: str, parameters: str
) -> None:
    verdict = _look(tmp_path, asked=asked, parameters=parameters)

    assert verdict.outcome is findings.Outcome.FAIL
    assert verdict.evidence.startswith("/boot/grub/grub.cfg does not give the kernel ")


def test_the_parameters_that_were_asked_for(tmp_path: pathlib.Path) -> None:
    asked = "GRUB_CMDLINE_LINUX_DEFAULT='console=ttyS0 isolcpus=1-N'\nGRUB_TIMEOUT=0\n"

    verdict = _look(tmp_path, asked=asked, parameters="isolcpus=1-N console=ttyS0 nofb")

    assert verdict == findings.passed("console=ttyS0 isolcpus=1-N")


@pytest.mark.parametrize(
    ("seconds", "asked", "environment", "fault"),
    [
        (-1, "", "", "the boot menu waits for a key"),
        (60, "", "", "the boot menu waits 60 s"),
        (5, "GRUB_TIMEOUT=0\n", "", "waits 5 s instead of 0 s"),
        (0, "", "# GRUB Environment Block\nrecordfail=1\n##", "the boot menu waits 30 s"),
        (5, "", "", ""),
        (30, "GRUB_TIMEOUT=30\n", "", ""),
        (0, "", "recordfail=0\n", ""),
    ],
)
def test_a_menu_that_waits(
    tmp_path: pathlib.Path, seconds: int, asked: str, environment: str, fault: str
) -> None:
    verdict = _look(tmp_path, seconds=seconds, asked=asked, environment=environment)

    assert (verdict.outcome is findings.Outcome.FAIL) == bool(fault)
    assert fault in verdict.evidence


def test_an_image_without_grub(tmp_path: pathlib.Path) -> None:
    verdict = boot_parameters.boot_parameters().look(trees.image(tmp_path, {}))

    assert verdict.outcome is findings.Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("text", ["", "fi\nelse\nset timeout=x\n", "if [ 1 ]; then\nset timeout"])
def test_a_menu_that_says_nothing_of_time(text: str) -> None:
    assert grub_config.timeouts(text, failed=False) == []
