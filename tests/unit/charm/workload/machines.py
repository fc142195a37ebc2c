"""A machine below a directory that stands for its root, and what its systemd is told."""

from __future__ import annotations

import dataclasses
import pathlib

from workload import names, removal

OWN = names.Names("odr/0")


@dataclasses.dataclass
class Machine:
    """A machine below a directory, and what its systemd was told."""

    root: pathlib.Path
    told: list[str]

    @property
    def state(self) -> pathlib.Path:
        return OWN.state

    @property
    def units(self) -> pathlib.Path:
        return removal.UNITS

    def unit(self, kind: str) -> str:
        path = self.units / f"octavia-diskimage-retrofit@odr-0.{kind}"
        return path.read_text(encoding="utf-8") if path.exists() else ""
