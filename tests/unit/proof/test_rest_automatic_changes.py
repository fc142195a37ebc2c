"""What would change an image after its proof."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pytest
from tests.unit.proof import trees

from retrofit.model import findings
from retrofit.proof.rest import automatic_changes

_SYSTEM, _LOCAL = "/usr/lib/systemd/system", "/etc/systemd/system"
_BOOT = {
    f"{_SYSTEM}/default.target": "->multi-user.target",
    f"{_SYSTEM}/multi-user.target": "[Unit]\nWants=timers.target\n",
    f"{_SYSTEM}/timers.target": "[Unit]\n",
}
_TIMER = "[Timer]\nOnCalendar=daily\n"


def _enabled(name: str, text: str) -> dict[str, str]:
    target = "timers" if name.endswith(".timer") else "multi-user"
    path = f"{_SYSTEM}/{name}"
    return {path: text, f"{_LOCAL}/{target}.target.wants/{name}": f"->{path}"}


def _look(tree: pathlib.Path, files: Mapping[str, str]) -> findings.Verdict:
    return automatic_changes.automatic_changes().look(trees.image(tree, {**_BOOT, **files}))


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (_enabled("apt-daily.timer", _TIMER), "the boot starts apt-daily.timer"),
        (
            _enabled("unattended-upgrades.service", "[Service]\nExecStart=/bin/true\n"),
            "the boot starts unattended-upgrades.service",
        ),
        (_enabled("snapd.service", "[Service]\n"), "the boot starts snapd.service"),
        (
            {
                **_enabled("site.timer", _TIMER),
                f"{_SYSTEM}/site.service": "[Service]\nExecStart=/usr/bin/apt-get -y upgrade\n",
            },
            "the boot starts site.timer, which runs apt-get -y upgrade",
        ),
        (
            {
                **_enabled("patch.service", "[Service]\nExecStart=-/usr/local/sbin/patch now\n"),
                "/usr/local/sbin/patch": "#!/bin/sh\n# apt-get install\nsnap refresh lxd\n",
            },
            "the boot starts patch.service, which runs snap refresh in /usr/local/sbin/patch",
        ),
        (
            {"/etc/cron.d/site": "@daily root apt update && apt full-upgrade -y\n"},
            "cron runs apt full-upgrade (/etc/cron.d/site)",
        ),
        (
            {"/etc/cron.weekly/patches": "#!/bin/sh\nexec unattended-upgrade -d\n"},
            "cron runs unattended-upgrade (/etc/cron.weekly/patches)",
        ),
        (
            {"/etc/cloud/cloud.cfg.d/99-site.cfg": "package_upgrade: true\n"},
            "cloud-init changes packages at the first boot: package_upgrade is set",
        ),
    ],
)
def test_an_image_that_changes_by_itself(
    tmp_path: pathlib.Path, files: dict[str, str], fault: str
) -> None:
    verdict = _look(tmp_path, files)

    assert verdict.outcome is findings.Outcome.FAIL
    assert verdict.evidence.startswith(fault)


@pytest.mark.parametrize(
    "files",
    [
        {},
        # Not started, or masked.
        {f"{_SYSTEM}/apt-daily.timer": _TIMER},
        {
            **_enabled("apt-daily.timer", _TIMER),
            f"{_LOCAL}/apt-daily.timer": "->/dev/null",
        },
        # As Debian's packages have them.
        _enabled("man-db.timer", _TIMER)
        | {f"{_SYSTEM}/man-db.service": "[Service]\nExecStart=/usr/bin/mandb --quiet\n"},
        {"/etc/cron.daily/apt-compat": "#!/bin/sh\nexec /usr/lib/apt/apt.systemd.daily\n"},
        {"/etc/cron.daily/own": "#!/bin/sh\ninstall -d /run/apt-snapshots\napt-config shell X\n"},
        {"/etc/cloud/cloud.cfg": "package_upgrade: true\n"}
        | {"/etc/cloud/cloud.cfg.d/99-site.cfg": "package_upgrade: false\n"},
        # Somebody wants it.
        _enabled("apt-daily.timer", _TIMER)
        | {"/usr/share/octavia-diskimage-retrofit/keeps-automatic-changes": ""},
    ],
)
def test_an_image_that_stays_as_it_is(tmp_path: pathlib.Path, files: dict[str, str]) -> None:
    assert _look(tmp_path, files).outcome is findings.Outcome.PASS
