"""What the element ``boot-parameters`` tells GRUB, and what a shell reads of it."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest

from retrofit.building.elements import collect
from retrofit.proof.rest import boot_parameters

_SCRIPT = collect.OWN / "boot-parameters/finalise.d/50-boot-parameters"
_NAMES = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_TERMINAL")
_TIMES = ("GRUB_TIMEOUT", "GRUB_RECORDFAIL_TIMEOUT", "GRUB_TIMEOUT_STYLE")
# As in Ubuntu's cloud images.
_OF_THE_BASE = {
    "grub": 'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\nGRUB_CMDLINE_LINUX=""\n',
    "grub.d/50-cloudimg.cfg": 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console=ttyS0"\n',
    "grub.d/90-site.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1 console=hvc0"\n',
}


def _run(root: pathlib.Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script where all of its paths are below a directory."""
    # It runs with the Python of images, the oldest of which are of Ubuntu 20.04.
    text = _SCRIPT.read_text()
    for path in (
        "/boot/loader/entries",
        "/etc/default",
        "/etc/kernel/cmdline",
        "/usr/sbin/grub2-mkconfig",
        "/usr/sbin/update-grub",
    ):
        assert f'"{path}' in text
        text = text.replace(f'"{path}', f'"{root}{path}')
    return subprocess.run(
        ["/usr/bin/python3", "-c", text],
        env={"PATH": "/usr/bin:/bin", "ARCH": "amd64", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a directory with the settings of a base image."""
    for name, text in _OF_THE_BASE.items():
        file = tmp_path / "etc/default" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/update-grub").touch()
    return tmp_path


def _read(root: pathlib.Path, *names: str) -> list[str]:
    """Return what grub-mkconfig would find."""
    files = [root / "etc/default/grub", *sorted((root / "etc/default/grub.d").glob("*.cfg"))]
    script = "".join(f". '{file}'; " for file in files)
    script += "".join(f"printf '%s\\n' \"${name}\"; " for name in names)
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


_BASE_CONSOLES = "console=tty1 console=ttyS0"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"DIB_BOOTLOADER_DEFAULT_CMDLINE": " irqaffinity=0 isolcpus=1-N"},
            [" audit=1 console=hvc0", f"{_BASE_CONSOLES} irqaffinity=0 isolcpus=1-N", ""],
        ),
        (
            {"DIB_BOOTLOADER_DEFAULT_CMDLINE": "dyndbg='a b' x=$(id) \\$y"},
            [" audit=1 console=hvc0", f"{_BASE_CONSOLES} dyndbg='a b' x=$(id) \\$y", ""],
        ),
        (
            {"DIB_BOOTLOADER_SERIAL_CONSOLE": "ttyS1,9600", "DIB_NO_TIMER_CHECK": "True"},
            ["audit=1", "console=tty0 console=ttyS1,9600 no_timer_check", ""],
        ),
        (
            {"DIB_BOOTLOADER_VIRTUAL_TERMINAL": "", "ARCH": "arm64"},
            ["audit=1", "console=ttyAMA0,115200", ""],
        ),
        (
            {"DIB_BOOTLOADER_USE_SERIAL_CONSOLE": "False"},
            ["audit=1", "console=tty0", "console"],
        ),
    ],
)
def test_parameters_of_the_kernel(
    root: pathlib.Path, variables: dict[str, str], expected: list[str]
) -> None:
    for _ in range(2):
        done = _run(root, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert _read(root, *_NAMES) == expected


def test_the_time_that_the_menu_waits(root: pathlib.Path) -> None:
    assert _run(root, DIB_GRUB_TIMEOUT="3", DIB_GRUB_TIMEOUT_STYLE="hidden").returncode == 0

    assert _read(root, *_TIMES) == ["3", "3", "hidden"]
    assert _read(root, "GRUB_CMDLINE_LINUX_DEFAULT") == [_BASE_CONSOLES]


def test_what_nobody_asks_for_stays(root: pathlib.Path) -> None:
    assert _run(root).returncode == 0

    assert not (root / boot_parameters.ASKED.lstrip("/")).exists()


@pytest.mark.parametrize(
    "variables",
    [{"DIB_GRUB_TIMEOUT": "soon"}, {"DIB_GRUB_TIMEOUT": "-1"}, {"DIB_GRUB_TIMEOUT_STYLE": "no"}],
)
def test_a_value_that_grub_does_not_know(root: pathlib.Path, variables: dict[str, str]) -> None:
    done = _run(root, **variables)

    assert done.returncode != 0
    assert done.stderr.startswith(next(iter(variables)))


def test_an_image_without_grub(root: pathlib.Path) -> None:
    shutil.rmtree(root / "usr")

    assert _run(root, DIB_GRUB_TIMEOUT="0").returncode == 0
    done = _run(root, DIB_BOOTLOADER_DEFAULT_CMDLINE="fips=1")
    assert done.returncode != 0
    assert "no update-grub" in done.stderr


def test_kernels_with_entries_of_their_own(root: pathlib.Path) -> None:
    """The Red Hat family has a file for each, and one for those to come."""
    (root / "usr/sbin/update-grub").rename(root / "usr/sbin/grub2-mkconfig")
    shutil.rmtree(root / "etc/default/grub.d")
    entries = root / "boot/loader/entries"
    entries.mkdir(parents=True)
    words = "root=UUID=1 ro console=tty1 quiet"
    for kernel in ("5.1", "6.1"):
        entry = f"title Linux {kernel}\nlinux /vmlinuz-{kernel}\noptions {words}\n\n"
        (entries / f"machine-{kernel}.conf").write_text(entry)
    (root / "etc/kernel").mkdir()
    (root / "etc/kernel/cmdline").write_text(f"{words}\n")

    done = _run(
        root,
        DIB_BOOTLOADER_DEFAULT_CMDLINE="fips=1",
        DIB_BOOTLOADER_SERIAL_CONSOLE="ttyS1",
        DIB_GRUB_TIMEOUT="0",
    )

    assert done.returncode == 0, done.stderr
    wanted = "root=UUID=1 ro quiet console=tty0 console=ttyS1 fips=1"
    for kernel in ("5.1", "6.1"):
        assert (entries / f"machine-{kernel}.conf").read_text() == (
            f"title Linux {kernel}\nlinux /vmlinuz-{kernel}\noptions {wanted}\n\n"
        )
    assert (root / "etc/kernel/cmdline").read_text() == f"{wanted}\n"
    # One file is all that grub2-mkconfig reads.
    shell = f". '{root}/etc/default/grub'; echo \"$GRUB_TIMEOUT $GRUB_CMDLINE_LINUX_DEFAULT\""
    told = subprocess.run(["sh", "-c", shell], stdout=subprocess.PIPE, text=True, check=True)
    assert told.stdout == "0 quiet splash console=tty0 console=ttyS1 fips=1\n"
