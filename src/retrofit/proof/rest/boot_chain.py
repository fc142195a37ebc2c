"""What starts a machine: boot loader, the entry it takes, kernel and initial ramdisk."""

from __future__ import annotations

import re

from ...building.disk import firmware, layout, machine_code, mount_table
from ...host import rootfs
from ...model import findings
from .. import subject
from . import boot_menu, kernel_modules, programs, reading

_ESP = "/boot/efi"
# UEFI specification, 3.5.1.1: what firmware starts of a disk it was told nothing about.
_EFI_LOADERS = {
    "amd64": "BOOTX64.EFI",
    "arm64": "BOOTAA64.EFI",
    "armhf": "BOOTARM.EFI",
    "riscv64": "BOOTRISCV64.EFI",
}
_KERNEL_NAME = re.compile(r".*/vmlinu[xz]-(.+)")
# With or without an initial ramdisk the kernel has to find its root file system.
_DRIVERS = ("virtio_pci", "virtio_blk")
_MODULES = "/lib/modules"
# Ubuntu 24.04 has each module as a file of its own in a part that is not compressed, which
# unmkinitramfs walks through with a dozen processes a file: a minute on a busy machine.
_LISTING_TIMEOUT_S = 600.0


def boot_loader() -> subject.Check:
    """Firmware finds a boot loader on the disk, and that finds its configuration."""
    return subject.Check("boot loader", _boot_loader)


def _boot_loader(image: subject.Subject) -> findings.Verdict:
    architecture = image.layout.release.architecture
    table = image.layout.table
    ways, faults = [], []
    if architecture in ("amd64", "i386"):
        fault = firmware.bios_fault(image.raw, table)
        faults += [fault] if fault else []
        ways += [] if fault else ["BIOS boot code"]
    if architecture in firmware.WITH_OPEN_FIRMWARE:
        fault = firmware.open_firmware_fault(image.raw, table)
        faults += [fault] if fault else []
        ways += [] if fault else ["PReP boot program"]
    loader = _EFI_LOADERS.get(architecture)
    if image.layout.esp is not None and loader is not None:
        fault = _efi_fault(image, loader, architecture)
        faults += [fault] if fault else []
        ways += [] if fault else [loader]
    elif loader is not None and any(
        one.type_code in firmware.ESP_TYPES for one in table.partitions
    ):
        faults.append("fstab does not mount the EFI system partition, so it was not checked")
        if architecture != "amd64":
            return findings.not_applicable(faults[-1])
    if not ways:
        return findings.failed("; ".join(faults) or "the disk has no boot loader")
    stub = _stub_fault(image)
    if stub:
        return findings.failed(stub)
    return findings.passed(", ".join(ways) + "".join(f" ({fault})" for fault in faults))


def _efi_fault(image: subject.Subject, loader: str, architecture: str) -> str:
    """Say why UEFI firmware would start nothing; nothing if it would."""
    path = f"{_ESP}/EFI/BOOT/{loader}"
    # FAT does not tell capitals from small letters.
    for directory in (one for one in rootfs.entries(image.tree, _ESP) if _is(one, "EFI")):
        for boot in (one for one in rootfs.entries(image.tree, directory) if _is(one, "BOOT")):
            for file in (one for one in rootfs.entries(image.tree, boot) if _is(one, loader)):
                head = reading.head(image.tree, file, machine_code.HEAD_SIZE) or b""
                found = machine_code.of_efi_program(head)
                if found != architecture:
                    return f"{file} is for {found or 'no machine'}, not {architecture}"
                return ""
    return f"{path} is missing"


def _is(path: str, name: str) -> bool:
    return path.rpartition("/")[2].upper() == name.upper()


def _stub_fault(image: subject.Subject) -> str:
    """Say what is wrong with a ``grub.cfg`` that only leads to the other; nothing if all is right.

    Signed loaders of distributions read one on the EFI system partition.
    """
    known = _file_systems(image.layout)
    for path, _ in reading.walk(image.tree, f"{_ESP}/EFI"):
        if not _is(path, "grub.cfg"):
            continue
        for line in (reading.text(image.tree, path) or "").splitlines():
            words = line.split()
            searched = ""
            if words[:1] == ["search.fs_uuid"]:
                searched = words[1] if words[1:] else ""
            elif words[:1] == ["search"] and "--fs-uuid" in words:
                searched = words[-1]
            if searched and searched not in known:
                return f"{path} searches for the file system {searched}, which is missing"
    return ""


def _file_systems(found: layout.Layout) -> dict[str, str]:
    """Map UUIDs and labels of the file systems GRUB reads to where they are mounted."""
    named: dict[str, str] = {}
    for volume in (found.root, found.boot):
        if volume is not None:
            prefix = "" if volume.mount_point == "/" else volume.mount_point
            named[volume.filesystem.uuid] = named[volume.filesystem.label] = prefix
    named.pop("", None)
    return named


def kernel() -> subject.Check:
    """The default entry starts a kernel that is there, with its initial ramdisk and modules."""
    return subject.Check("kernel and initrd", _kernel)


def _kernel(image: subject.Subject) -> findings.Verdict:
    menu = boot_menu.read(image)
    entry = menu.default
    if menu.text is None:
        return findings.failed(f"{menu.path} is missing")
    if entry is None or not entry.kernels:
        return findings.failed(f"{menu.path} has no default entry that starts a kernel")
    known = _file_systems(image.layout)
    if entry.searched and entry.searched not in known:
        return findings.failed(
            f"the default entry searches for the file system {entry.searched},"
            " which the image does not have"
        )
    default = image.layout.boot or image.layout.root
    prefix = known.get(entry.searched, "" if default.mount_point == "/" else "/boot")
    versions = set()
    for path, arguments in entry.kernels:
        version, fault = _kernel_fault(image, f"{prefix}{path}")
        fault = fault or _root_fault(image, arguments)
        if fault:
            return findings.failed(fault)
        versions.add(version)
    version = versions.pop()
    if versions:
        return findings.failed(f"the default entry starts two kernels: {version} and others")
    initrds = [f"{prefix}{path}" for path in entry.initrds]
    fault = (
        _initrd_fault(image, initrds, version)
        if initrds
        else _without_initrd_fault(image, version, entry.kernels[0][1])
    )
    if fault:
        return findings.failed(fault)
    ramdisk = f"with {initrds[-1]}" if initrds else "without initrd, its drivers are built in"
    return findings.passed(f"Linux {version} {ramdisk}")


def _kernel_fault(image: subject.Subject, path: str) -> tuple[str, str]:
    """Return the version of a kernel, and what is wrong with it."""
    head = reading.head(image.tree, path, machine_code.HEAD_SIZE)
    if head is None:
        return "", f"the default entry starts {path}, which is missing"
    named = _KERNEL_NAME.fullmatch(path)
    version = machine_code.version_of_kernel(head) or (named[1] if named else "")
    if not head or not version:
        return "", f"{path} is not a kernel"
    if named and named[1] != version:
        return version, f"{path} is Linux {version}"
    if rootfs.resolve(image.tree, f"{_MODULES}/{version}/modules.dep").is_file():
        return version, ""
    return version, f"the modules of Linux {version} are missing ({_MODULES}/{version})"


def _root_fault(image: subject.Subject, arguments: tuple[str, ...]) -> str:
    """Say what is wrong with the root file system that a kernel is told."""
    roots = [word.removeprefix("root=") for word in arguments if word.startswith("root=")]
    if not roots:
        return "the kernel's command line names no root file system"
    if mount_table.is_volume(image.layout.root, roots[-1]):
        return ""
    return f"the kernel's root={roots[-1]} is not the root file system of the image"


def _initrd_fault(image: subject.Subject, paths: list[str], version: str) -> str:
    """Say what is wrong with the initial ramdisks of a kernel."""
    for path in paths:
        status = reading.status(image.tree, path)
        if status is None:
            return f"Linux {version} starts with {path}, which is missing"
        if status.st_size == 0:
            return f"{path} is empty"
    if programs.other_architecture(image):
        return "" if version in paths[-1] else f"{paths[-1]} is not for Linux {version}"
    lister = next((one for one in ("lsinitramfs", "lsinitrd") if _has_program(image, one)), None)
    if lister is None:
        return "" if version in paths[-1] else f"{paths[-1]} is not for Linux {version}"
    done = programs.run(image, lister, paths[-1], timeout_s=_LISTING_TIMEOUT_S)
    if done.returncode != 0:
        said = done.tail[-1] if done.tail else f"status {done.returncode}"
        return f"{paths[-1]} is damaged: {said}"
    if f"lib/modules/{version}" not in done.stdout:
        return f"{paths[-1]} has no modules of Linux {version}"
    built_in = reading.text(image.tree, f"{_MODULES}/{version}/modules.builtin") or ""
    missing = missing_driver(done.stdout, built_in)
    return f"{paths[-1]} has no {missing}: a machine does not find its disk" if missing else ""


def missing_driver(listing: str, built_in: str) -> str:
    """Return a driver that neither an initial ramdisk nor the kernel itself has, if there is one.

    Args:
        listing: The files of the ramdisk.
        built_in: The kernel's ``modules.builtin``.
    """
    # lsinitrd lists as `ls -l` does: a file's name comes last, after a time of day.
    files = "\n".join(line.rpartition(" ")[2] for line in listing.splitlines())
    known = kernel_modules.names(files) | kernel_modules.names(built_in)
    return next((name for name in _DRIVERS if name not in known), "")


def _has_program(image: subject.Subject, name: str) -> bool:
    return any(reading.is_program(image.tree, f"{at}/{name}") for at in ("/usr/bin", "/bin"))


def _without_initrd_fault(image: subject.Subject, version: str, arguments: tuple[str, ...]) -> str:
    """Say why a kernel does not reach its root file system without an initial ramdisk.

    Ubuntu's minimal images start so: by the partition's identifier, with drivers built in.
    """
    if not any(word.startswith(("root=PARTUUID=", "root=/dev/")) for word in arguments):
        return f"Linux {version} has no initrd, and cannot find its root= without one"
    built_in = reading.text(image.tree, f"{_MODULES}/{version}/modules.builtin") or ""
    names = kernel_modules.names(built_in)
    wanted = (*_DRIVERS, image.layout.root.filesystem.kind)
    missing = [name for name in wanted if name not in names]
    return f"Linux {version} has no initrd, and {missing[0]} is not built in" if missing else ""
