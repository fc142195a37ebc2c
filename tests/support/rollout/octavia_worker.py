"""Stands in for Octavia's controller worker: makes failovers complete, fail or hang.

It takes the messages of the real API, and does to the API's database what Octavia's flow
``octavia-failover-amphora-flow`` does on its way; there are no machines.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import threading
import time
from collections.abc import Iterator

import openstack

from ..cloud import cloud, octavia_api

_INTERVAL_S = 0.02


class Outcome(enum.Enum):
    """What becomes of a failover."""

    COMPLETES = enum.auto()
    FAILS = enum.auto()
    HANGS = enum.auto()


@dataclasses.dataclass
class Failover:
    """A failover that the API asked for.

    Attributes:
        balancer: Identifier of the load balancer.
        amphora: Identifier of the amphora that is replaced.
        role: Its role.
        began: When, in seconds of :func:`time.monotonic`.
        ended: When it ended; ``None`` until it has.
    """

    balancer: str
    amphora: str
    role: str
    began: float
    ended: float | None = None
    _successor: str = ""


class Worker:
    """Takes messages as long as its context lasts.

    Args:
        octavia: The API.
        images: A connection to the Glance from which new amphorae get their images.
        tag: Tag of those images, where a flavor names no other.
        duration_s: How long a failover takes.

    Attributes:
        outcomes: What becomes of failovers, by load balancer; otherwise they complete.
        failovers: All that the API asked for, in the order of their beginnings.
        duration_s: How long a failover takes.
    """

    def __init__(
        self,
        octavia: octavia_api.Octavia,
        images: openstack.connection.Connection,
        *,
        tag: str,
        duration_s: float,
    ) -> None:
        self._octavia = octavia
        self._images = images
        self._tag = tag
        self._read = (octavia.directory / "casts").stat().st_size
        self._stopping = threading.Event()
        self.duration_s = duration_s
        self.outcomes: dict[str, Outcome] = {}
        self.failovers: list[Failover] = []

    def most_at_once(self) -> int:
        """Return how many failovers were under way at the same time at most."""
        return max(
            sum(
                other.began <= each.began and (other.ended is None or each.began < other.ended)
                for other in self.failovers
            )
            for each in self.failovers
        )

    def pauses(self) -> list[float]:
        """Return the seconds from the end of each failover to the beginning of the next one."""
        ends = sorted(each.ended for each in self.failovers if each.ended is not None)
        begins = [each.began for each in self.failovers]
        return [
            min(begin for begin in begins if begin > end) - end for end in ends if end < begins[-1]
        ]

    def run(self) -> None:
        """Work until it is told to stop."""
        while not self._stopping.wait(_INTERVAL_S):
            for amphora in self._messages():
                self._begin(amphora)
            for failover in self.failovers:
                ending = failover.began + self.duration_s
                hangs = self._outcome(failover) is Outcome.HANGS
                if failover.ended is None and not hangs and time.monotonic() > ending:
                    self._end(failover)

    def stop(self) -> None:
        """Have :meth:`run` return."""
        self._stopping.set()

    def _messages(self) -> Iterator[str]:
        """Yield the amphorae that are to be failed over and were not yet told."""
        with (self._octavia.directory / "casts").open() as casts:
            casts.seek(self._read)
            for line in casts.read().splitlines():
                yield json.loads(line)["failover_amphora"]
            self._read = casts.tell()

    def _outcome(self, failover: Failover) -> Outcome:
        return self.outcomes.get(failover.balancer, Outcome.COMPLETES)

    def _begin(self, amphora: str) -> None:
        """Do what Octavia does first: a new amphora boots, and the old one still works."""
        with self._octavia.database() as database:
            row = database.execute("SELECT * FROM amphora WHERE id = ?", (amphora,)).fetchone()
            balancer, role = row["load_balancer_id"], row["role"]
            octavia_api.change(database, "amphora", amphora, status="PENDING_DELETE")
            successor = octavia_api.insert_amphora(
                database, balancer, image=None, status="BOOTING"
            )
        self.failovers.append(
            Failover(balancer, amphora, role, time.monotonic(), _successor=successor)
        )

    def _end(self, failover: Failover) -> None:
        """Do what Octavia does last."""
        image = self._image(failover.balancer)
        with self._octavia.database() as database:
            if self._outcome(failover) is Outcome.FAILS:
                octavia_api.change(database, "amphora", failover.amphora, status="ERROR")
                octavia_api.change(database, "amphora", failover._successor, status="ERROR")
                status = "ERROR"
            else:
                octavia_api.change(database, "amphora", failover.amphora, status="DELETED")
                octavia_api.change(
                    database,
                    "amphora",
                    failover._successor,
                    status="ALLOCATED",
                    role=failover.role,
                    image_id=image,
                )
                status = "ACTIVE"
            # Before others see it.
            failover.ended = time.monotonic()
            octavia_api.change(
                database, "load_balancer", failover.balancer, provisioning_status=status
            )

    def _image(self, balancer: str) -> str:
        """Return what Octavia makes an amphora of: the newest active image with the tag."""
        query = (
            "SELECT flavor_data FROM load_balancer JOIN flavor ON flavor.id = flavor_id "
            "JOIN flavor_profile ON flavor_profile.id = flavor_profile_id "
            "WHERE load_balancer.id = ?"
        )
        with self._octavia.database() as database:
            flavors = [json.loads(row[0]) for row in database.execute(query, (balancer,))]
        tag = next((flavor["amp_image_tag"] for flavor in flavors), self._tag)
        found = self._images.image.get(
            "/images", params={"tag": tag, "status": "active", "sort": "created_at:desc"}
        ).json()
        identifier: str = found["images"][0]["id"]
        return identifier


@contextlib.contextmanager
def working(
    octavia: octavia_api.Octavia, beside: cloud.Cloud, *, tag: str, duration_s: float = 0.1
) -> Iterator[Worker]:
    """Run a worker.

    Args:
        octavia: The API that gives it work.
        beside: The cloud whose images it takes.
        tag: Tag of those images, where a flavor names no other.
        duration_s: How long a failover takes.
    """
    with beside.admin() as admin:
        worker = Worker(octavia, admin, tag=tag, duration_s=duration_s)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join()
