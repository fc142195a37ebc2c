"""What belongs to one unit on a machine, by name: directories and systemd units.

A machine may carry several applications of this charm, and several units of one application, next
to different principals. So everything is named by the unit.
"""

from __future__ import annotations

import dataclasses
import pathlib

PROJECT = "octavia-diskimage-retrofit"
# Services of one template get a slice of their own otherwise, which would stay behind.
SLICE = "system.slice"
# Directories in which each unit has one of its own.
STATES = pathlib.Path("/var/lib") / PROJECT
CACHES = pathlib.Path("/var/cache") / PROJECT
# What a unit does on a schedule beside builds.
IMAGE_FILES = "image-files"


@dataclasses.dataclass(frozen=True)
class Names:
    """The names of one unit.

    Attributes:
        unit: The unit, as Juju names it.
        job: What its runs do; empty for builds.
    """

    unit: str
    job: str = ""

    def of(self, job: str) -> Names:
        """Return the names of another job of the same unit."""
        return dataclasses.replace(self, job=job)

    @property
    def tag(self) -> str:
        """The unit in the names of files."""
        return self.unit.replace("/", "-")

    @property
    def state(self) -> pathlib.Path:
        """Directory of credentials, requests and results."""
        return STATES / self.tag

    @property
    def runs(self) -> pathlib.Path:
        """Directory of what asks for runs, and of results and history."""
        return self.state / self.job

    @property
    def evidence(self) -> pathlib.Path:
        """What is kept of proofs that failed: a directory for each image, named by its ID."""
        return self.state / "evidence"

    @property
    def cache(self) -> pathlib.Path:
        """Directory of what runs make and may make again."""
        return CACHES / self.tag

    @property
    def work(self) -> pathlib.Path:
        """Directory in which runs make their work directories, and their locks."""
        return self.cache / "work"

    @property
    def service(self) -> str:
        """The service that does the job."""
        return f"{_prefix(self.job)}@{self.tag}.service"

    @property
    def timer(self) -> str:
        """The timer that starts the service on a schedule."""
        return f"{_prefix(self.job)}@{self.tag}.timer"

    @property
    def next(self) -> str:
        """Timer and service that start the service once, without their endings."""
        return f"{_prefix(self.job)}-next@{self.tag}"

    @property
    def action(self) -> str:
        """The service that runs a command of the engine for an action."""
        return f"{PROJECT}-action@{self.tag}.service"

    @property
    def watch(self) -> str:
        """The service that ends what an action has started when the action is gone."""
        return f"{PROJECT}-watch@{self.tag}.service"

    @property
    def lock(self) -> pathlib.Path:
        """What an action holds while it waits for what it has started."""
        return self.state / "action.lock"

    def make_directories(self) -> None:
        """Make the unit's directories, whatever the umask says."""
        for path, mode in (
            (STATES, 0o755),
            (self.state, 0o700),
            (self.runs, 0o700),
            # Builds work as other users, and have to get there.
            (CACHES, 0o755),
            (self.cache, 0o755),
            (self.work, 0o755),
        ):
            path.mkdir(exist_ok=True)
            path.chmod(mode)

    def directories(self) -> dict[str, pathlib.Path]:
        """Return the directories that a request names, by its keys."""
        return {"evidence": self.evidence, "work-dir": self.work, "cache-dir": self.cache}


def _prefix(job: str) -> str:
    """Return how the names of systemd's units of a job begin."""
    return f"{PROJECT}-{job}" if job else PROJECT
