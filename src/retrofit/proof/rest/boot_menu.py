"""What a boot loader starts by default, whichever way its menu is written."""

from __future__ import annotations

import dataclasses
import re

from ...building.disk import grub_config, loader_entries
from .. import subject
from . import reading

# Where GRUB's own tools and those of the Red Hat family write it.
_DIRECTORIES = ("/boot/grub", "/boot/grub2")
_ENTRIES_IN_FILES = re.compile(r"(?m)^\s*blscfg\b")
_VARIABLE = re.compile(r"(?m)^\s*set (\w+)=(?:\"([^\"\n]*)\"|(\S*))")


@dataclasses.dataclass(frozen=True)
class Menu:
    """The menu of an image.

    Attributes:
        path: Path of the ``grub.cfg``: where it was looked for, if there is none.
        text: Its text; ``None`` if there is none.
        environment: Text of the ``grubenv`` beside it.
        default: What is started when nobody chooses.
    """

    path: str
    text: str | None
    environment: str
    default: grub_config.Entry | None


def read(image: subject.Subject) -> Menu:
    """Read the menu of an image."""
    for directory in _DIRECTORIES:
        path = f"{directory}/grub.cfg"
        text = reading.text(image.tree, path)
        if text is not None:
            break
    else:
        return Menu(f"{_DIRECTORIES[0]}/grub.cfg", None, "", None)
    environment = reading.text(image.tree, f"{directory}/grubenv") or ""
    saved = grub_config.value(environment, "saved_entry")
    default = grub_config.default_entry(text, saved)
    if _ENTRIES_IN_FILES.search(text):
        default = _of_files(image, text, environment, saved) or default
    return Menu(path, text, environment, default)


def _of_files(
    image: subject.Subject, text: str, environment: str, saved: str
) -> grub_config.Entry | None:
    """Return the entry that is a file of its own."""
    variables = {name: quoted or plain for name, quoted, plain in _VARIABLE.findall(text)}
    variables |= dict(line.partition("=")[::2] for line in environment.splitlines())
    entries = loader_entries.read(image.tree, variables)
    chosen = loader_entries.default(entries, saved)
    if chosen is None or not chosen.kernel:
        return None
    return grub_config.Entry(
        title=chosen.identifier,
        identifier=chosen.identifier,
        kernels=[(chosen.kernel, chosen.arguments)],
        initrds=list(chosen.initrds),
    )
