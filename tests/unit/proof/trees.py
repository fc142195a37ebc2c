"""Images that are only a tree of a few files, for checks that look at nothing else."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from retrofit import model
from retrofit.building.disk import layout, partitions, volume
from retrofit.proof import subject

_UUID = "6f3c2f0e-3b3c-4c1e-9d1c-0b5f3a0c7d11"


def image(tree: pathlib.Path, files: Mapping[str, str]) -> subject.Subject:
    """Return an image with some files, which are added to a tree.

    Args:
        tree: Where its files are.
        files: Text by absolute path; one that begins with -> is a link's target, and one with a
            shebang a program.
    """
    for name, text in files.items():
        path = tree / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
            continue
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    filesystem = partitions.Filesystem("ext4", _UUID, "cloudimg-rootfs")
    root = partitions.Partition(1, model.MIB, model.MIB, "", _UUID, filesystem)
    return subject.Subject(
        image=tree,
        raw=tree,
        layout=layout.Layout(
            table=partitions.Table("gpt", 512, (root,)),
            root=volume.Volume("/", root, filesystem),
            boot=None,
            esp=None,
            release=model.Release("ubuntu", "24.04", "noble", "amd64"),
        ),
        tree=tree,
        packages=(),
        expected=subject.Expected(),
        work=tree,
        evidence=tree,
    )
