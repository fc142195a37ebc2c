"""Answers for the image's own update-grub, which cannot find them out on an overlay.

``grub-mkconfig`` asks ``grub-probe`` about the devices below ``/`` and ``/boot``. In a build these
are overlays, so a stand-in answers what the real program will say on the booted image.
"""

from __future__ import annotations

import pathlib
import re
import shlex

from ... import errors
from ...host import rootfs
from ...host.sandbox import cells
from . import layout, loader_entries, partitions, volume

_UPDATE_TIMEOUT_S = 300.0
# Debian's and the Red Hat family's: where it writes, and what it has to be told.
_PROGRAMS = (
    ("/usr/sbin/update-grub", "/boot/grub/grub.cfg", ()),
    ("/usr/sbin/grub2-mkconfig", "/boot/grub2/grub.cfg", ("-o", "/boot/grub2/grub.cfg")),
)
_VARIABLE = re.compile(r"(?m)^\s*set (\w+)=\"([^\"\n]*)\"")
# Stands for a partition, whose name depends on the machine; grub.cfg has identifiers instead.
_PARTITION = "/dev/retrofit"
_PROBES = ("/usr/sbin/grub-probe", "/usr/sbin/grub2-probe")
# grub names its own module for what blkid says.
_GRUB_FILESYSTEMS = {"ext2": "ext2", "ext3": "ext2", "ext4": "ext2"}


def update(tree: pathlib.Path, found: layout.Layout, work: pathlib.Path) -> None:
    """Run the image's own program that writes GRUB's menu, if it has one, and check the menu.

    Args:
        tree: The merged tree, with ``/boot`` in its place.
        found: What is where on the image.
        work: Directory for the answers.

    Raises:
        errors.OutputError: The menu does not boot the image's root file system.
    """
    own = next((one for one in _PROGRAMS if rootfs.resolve(tree, one[0]).exists()), None)
    if own is None:
        return
    program, menu, words = own
    probe = cells.Cell(root=tree, work=work, binds=binds(tree, found, work))
    probe.run([program, *words], timeout_s=_UPDATE_TIMEOUT_S)

    configuration = rootfs.read(tree, menu) or ""
    started = _of_menu(configuration) or _of_files(tree, configuration)
    root = found.root
    wanted = {
        f"root=UUID={root.filesystem.uuid}",
        f"root=PARTUUID={root.partition.uuid}",
        f"root=LABEL={root.filesystem.label}",
        f"root={_device(root)}",
    }
    prefix = "" if found.boot is None else "/boot"
    if not started or not all(
        wanted.intersection(arguments)
        and all(rootfs.resolve(tree, f"{prefix}/{name}").is_file() for name in files)
        for files, arguments in started
    ):
        raise errors.OutputError(
            f"{pathlib.PurePath(program).name} wrote a configuration that does not boot the"
            " image's root file system",
            details=tuple(" ".join((*files, *arguments)) for files, arguments in started),
        )


def _of_menu(configuration: str) -> list[tuple[list[str], list[str]]]:
    """Return the files and the arguments of each kernel in a ``grub.cfg``.

    An initial ramdisk comes after its kernel.
    """
    found: list[tuple[list[str], list[str]]] = []
    for words in map(str.split, configuration.splitlines()):
        if words[:1] in (["linux"], ["linuxefi"]):
            found.append((words[1:2], words[2:]))
        elif words[:1] in (["initrd"], ["initrdefi"]) and found:
            found[-1][0].extend(words[1:2])
    return found


def _of_files(tree: pathlib.Path, configuration: str) -> list[tuple[list[str], list[str]]]:
    """Return the same of entries that are files of their own."""
    variables = dict(_VARIABLE.findall(configuration))
    return [
        ([one.kernel, *one.initrds], list(one.arguments))
        for one in loader_entries.read(tree, variables)
    ]


def binds(tree: pathlib.Path, found: layout.Layout, work: pathlib.Path) -> tuple[cells.Bind, ...]:
    """Return what a cell must show for update-grub to be right.

    They are for a run of update-grub only: dpkg cannot replace a program that is a mount.
    """
    place = work / "grub"
    place.mkdir(exist_ok=True)
    probe = place / "grub-probe"
    probe.write_text(stand_in(found), encoding="utf-8")
    probe.chmod(0o755)
    # grub-mkconfig names the root file system by UUID only if udev knows it.
    disk = place / "disk"
    for kind, names in _device_names(found).items():
        directory = disk / kind
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            (directory / name).touch()
    probes = (path for path in _PROBES if rootfs.resolve(tree, path).exists())
    return (*(cells.Bind(probe, path) for path in probes), cells.Bind(disk, "/dev/disk"))


def stand_in(found: layout.Layout) -> str:
    """Return a shell script that answers grub-probe's questions from a layout."""
    boot = found.boot or found.root
    root_device, boot_device = _device(found.root), _device(boot)
    answers = "\n".join(
        f"  {device}:{target}) printf '%s\\n' {shlex.quote(answer)} ;;"
        for device, volume in ((root_device, found.root), (boot_device, boot))
        for target, answer in _answers(found.table, volume).items()
    )
    return f"""#!/bin/sh
target=fs device= path=
while [ $# -gt 0 ]; do
  case $1 in
    --target=*) target=${{1#*=}} ;;
    -t | --target) target=$2; shift ;;
    -d | --device) device=yes ;;
    -*) ;;
    *) path=$1 ;;
  esac
  shift
done
if [ -z "$device" ]; then
  case $path in
    /boot | /boot/*) path={boot_device} ;;
    *) path={root_device} ;;
  esac
fi
case $target in
  device) echo "$path"; exit ;;
esac
case $path:$target in
{answers}
  *) exit 1 ;;
esac
"""


def _answers(table: partitions.Table, volume: volume.Volume) -> dict[str, str]:
    """Answer grub-probe's questions about a file system, by ``--target``."""
    kind = volume.filesystem.kind
    part = "gpt" if table.kind == "gpt" else "msdos"
    grub_device = f"hd0,{part}{volume.partition.number}"
    hint = " ".join(f"--hint-{firmware}={grub_device}" for firmware in ("bios", "efi"))
    logical = volume.device != ""
    if logical:
        grub_device = "lvm/" + _mapped(volume.device)
    return {
        "fs": _GRUB_FILESYSTEMS.get(kind, kind),
        "fs_uuid": volume.filesystem.uuid,
        "fs_label": volume.filesystem.label,
        "partuuid": "" if logical else volume.partition.uuid,
        "drive": f"({grub_device})",
        "abstraction": "lvm" if logical else "",
        "partmap": part,
        "hints_string": "" if logical else hint,
        "compatibility_hint": grub_device,
    }


def _device(volume: volume.Volume) -> str:
    """Name the device of a file system as the booted image does, if that can be known."""
    if volume.device:
        return "/dev/mapper/" + _mapped(volume.device)
    return f"{_PARTITION}{volume.partition.number}"


def _mapped(logical_volume: str) -> str:
    """Turn ``/dev/group/volume`` into the device mapper's name for it, which doubles hyphens."""
    _, _, group, name = logical_volume.split("/")
    return "-".join(part.replace("-", "--") for part in (group, name))


def _device_names(found: layout.Layout) -> dict[str, list[str]]:
    """Name what is below /dev/disk on the booted image, by directory."""
    volumes = [one for one in (found.root, found.boot, found.esp) if one is not None]
    return {
        "by-uuid": [one.filesystem.uuid for one in volumes],
        "by-partuuid": [one.partition.uuid for one in volumes],
        "by-label": [_link(one.filesystem.label) for one in volumes if one.filesystem.label],
    }


def _link(label: str) -> str:
    """Name a label as udev does below /dev/disk: no slash in it leads to another directory."""
    return re.sub(
        r"[^A-Za-z0-9#+.:=@_\u0080-\U0010ffff-]", lambda match: f"\\x{ord(match[0]):02x}", label
    )
