"""Boot menus whose entries are files of their own."""

from __future__ import annotations

import pathlib

from retrofit.building.disk import loader_entries


def _entry(kernel: str, options: str = "root=UUID=1 ro") -> str:
    return (
        f"title Linux ({kernel})\nversion {kernel}\nlinux /vmlinuz-{kernel}\n"
        f"initrd /initramfs-{kernel}.img $tuned_initrd\noptions {options} $tuned_params\n"
        "grub_users $grub_users\n"
    )


def test_newest_kernel_comes_first(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "boot/loader/entries"
    directory.mkdir(parents=True)
    for kernel in ("6.9.1-1", "6.12.0-9", "6.12.0-10"):
        (directory / f"machine-{kernel}.conf").write_text(_entry(kernel))
    (directory / "README").write_text("linux /other\n")

    found = loader_entries.read(tmp_path, {})

    assert [one.kernel for one in found] == [
        "/vmlinuz-6.12.0-10",
        "/vmlinuz-6.12.0-9",
        "/vmlinuz-6.9.1-1",
    ]
    assert found[0].initrds == ("/initramfs-6.12.0-10.img",)
    assert found[0].arguments == ("root=UUID=1", "ro")
    assert loader_entries.default(found, "") == found[0]
    assert loader_entries.default(found, "machine-6.9.1-1") == found[2]
    assert loader_entries.default(found, "gone") == found[0]
    assert loader_entries.default([], "") is None


def test_options_may_be_variables_of_the_menu() -> None:
    entry = loader_entries.parse(
        "a", _entry("6.1", "${kernelopts} $unknown"), {"kernelopts": "root=LABEL=x quiet"}
    )

    assert entry.arguments == ("root=LABEL=x", "quiet")


def test_an_entry_that_is_none() -> None:
    entry = loader_entries.parse("a", 'linux\noptions "open\n', {})

    assert entry == loader_entries.Entry("a", "", (), ('"open',))
