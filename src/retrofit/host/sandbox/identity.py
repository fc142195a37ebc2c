"""Which user and group ids a workshop gets, pure but for reading the system's tables."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd

from ... import errors
from .. import process

IDS = 65536
# Above what Debian's and Ubuntu's adduser and useradd hand out, and the start of the range that
# systemd sets apart for containers (https://systemd.io/UIDS-GIDS/): no file of the host has these.
_SHIFTED = 524288
_MAP_TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True)
class Range:
    """A run of ids: ``count`` ids from ``inside`` stand for those from ``outside``."""

    inside: int
    outside: int
    count: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """The id maps of a workshop.

    Attributes:
        uids: User ids; the first range holds root.
        gids: Group ids; the first range holds root.
        privileged: Whether the maps may be written as they are; else ``newuidmap`` is asked.
    """

    uids: tuple[Range, ...]
    gids: tuple[Range, ...]
    privileged: bool

    @property
    def owner(self) -> tuple[int, int]:
        """User and group that root of the workshop is outside."""
        return self.uids[0].outside, self.gids[0].outside


def plan() -> Plan:
    """Choose the ids for a workshop of the calling user.

    Root of a machine gets ids that nobody has there, root of a container those of the container
    (they are shifted already), anybody else their own id and their subordinate ids.

    Raises:
        errors.ToolMissing: The user has too few subordinate ids.
    """
    if os.geteuid() == 0:
        ranges = (Range(0, _root_base(), IDS),)
        return Plan(ranges, ranges, privileged=True)
    name = _name(os.geteuid())
    return Plan(
        uids=_with_subordinates(os.geteuid(), "/etc/subuid", name),
        gids=_with_subordinates(os.getegid(), "/etc/subgid", name),
        privileged=False,
    )


def write(plan_: Plan, pid: int) -> None:
    """Give the user namespace of process ``pid`` its maps."""
    for kind, ranges in (("uid", plan_.uids), ("gid", plan_.gids)):
        words = [(str(one.inside), str(one.outside), str(one.count)) for one in ranges]
        if plan_.privileged:
            text = "".join(" ".join(word) + "\n" for word in words)
            pathlib.Path(f"/proc/{pid}/{kind}_map").write_text(text, encoding="ascii")
            continue
        arguments = [number for word in words for number in word]
        process.run([f"new{kind}map", str(pid), *arguments], timeout_s=_MAP_TIMEOUT_S)


def _name(user: int) -> str:
    """Name a user as the tables of subordinate ids do, whatever the environment says."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _root_base() -> int:
    """First id outside for root: shifted where the ids exist, else the container's own."""
    rows = pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    for first, _, count in (map(int, row.split()) for row in rows):
        if first <= _SHIFTED and _SHIFTED + IDS <= first + count:
            return _SHIFTED
    return 0


def _with_subordinates(own: int, table: str, name: str) -> tuple[Range, ...]:
    """The caller's own id as root, then its largest subordinate range as all the others."""
    counts: list[tuple[int, int]] = []
    path = pathlib.Path(table)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in (name, str(own)):
            counts.append((int(fields[2]), int(fields[1])))
    count, first = max(counts, default=(0, 0))
    if count < IDS - 1:
        raise errors.ToolMissing(
            f"user {name} has {count} subordinate IDs in {table}, but a build needs {IDS - 1}",
            hint=f"as root, add the line {name}:100000:65536 (see subuid(5))",
        )
    return (Range(0, own, 1), Range(1, first, IDS - 1))
