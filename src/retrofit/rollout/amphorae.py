"""What Octavia says of its load balancers and amphorae, and the failovers that it is asked for.

By its API v2 (https://docs.openstack.org/api-ref/load-balancer/v2/).
"""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import pydantic

from .. import cloud, errors
from . import fleet

_PAGE = 200
# More than any cloud has: a service that answers every request with the same page is noticed.
_MOST_PAGES = 5000
_AMPHORAE = "/octavia/amphorae"
_BALANCERS = "/lbaas/loadbalancers"


class _Row(pydantic.BaseModel):
    """What a list of Octavia's has, as far as it matters here."""

    id: str


class _Amphora(_Row):
    loadbalancer_id: str | None = None
    role: str | None = None
    status: str
    image_id: str | None = None

    def parsed(self) -> fleet.Amphora:
        return fleet.Amphora(self.id, self.role or "", self.status, self.image_id or "")


class _Balancer(_Row):
    name: str | None = None
    provisioning_status: str
    flavor_id: str | None = None


class _Flavor(_Row):
    flavor_profile_id: str


class _Profile(_Row):
    flavor_data: pydantic.Json[dict[str, Any]]


_R = TypeVar("_R", bound=_Row)


class Octavia:
    """The load balancer service of a cloud.

    Args:
        connection: The cloud.
        patience_s: After how many seconds to take no answer for none, at once; without it a
            question is asked again a few times.

    Raises:
        errors.ConfigError: The cloud's catalog has no such service.
    """

    def __init__(self, connection: cloud.Cloud, *, patience_s: float | None = None) -> None:
        service = connection.api("load_balancer")
        if service is None:
            raise errors.ConfigError(
                "the cloud's catalog has no load balancer service",
                hint="set a region that has one: --os-region-name",
            )
        self._service = service
        self._send = (
            functools.partial(service.once, timeout=patience_s) if patience_s else service.send
        )

    def read(self) -> fleet.Fleet:
        """Return all load balancers that have amphorae, of all projects, and spare amphorae.

        Raises:
            errors.Denied: The user may not see amphorae.
            errors.Unavailable: Octavia does not answer as it should.
        """
        # Who may see amphorae sees the load balancers of all projects; others see their own only.
        owned = collections.defaultdict(list)
        for row in self._amphorae():
            owned[row.loadbalancer_id].append(row.parsed())
        tags = self._flavor_tags()
        balancers = tuple(
            _parsed(row, tags.get(row.flavor_id or "", ""), owned[row.id])
            for row in self._listed(_BALANCERS, "loadbalancers", _Balancer)
            if row.id in owned
        )
        spares = tuple(each for each in owned.get(None, ()) if each.status == fleet.READY)
        return fleet.Fleet(balancers, spares, frozenset(tags.values()))

    def refreshed(self, balancer: fleet.Balancer) -> fleet.Balancer | None:
        """Return a load balancer as it is now, with the tag that it had; ``None`` if it is gone.

        Raises:
            errors.Unavailable: Octavia does not answer as it should.
        """
        what = f"show load balancer {balancer.id}"
        try:
            with _understood(what):
                answer = self._send("GET", f"{_BALANCERS}/{balancer.id}", what).json()
                row = _Balancer.model_validate(answer["loadbalancer"])
        except errors.InputMissing:
            return None
        owned = [
            each.parsed()
            for each in self._amphorae(loadbalancer_id=balancer.id)
            if each.loadbalancer_id == balancer.id
        ]
        return _parsed(row, balancer.tag, owned)

    def fail_over(self, amphora_id: str) -> None:
        """Have an amphora replaced; Octavia answers at once, and does it later.

        Raises:
            errors.Denied: The user may not.
            errors.RetrofitError: Octavia does not answer, or refuses.
        """
        what = f"fail amphora {amphora_id} over"
        with _understood(what):
            self._service.once("PUT", f"{_AMPHORAE}/{amphora_id}/failover", what)

    def _amphorae(self, **filters: str) -> Iterator[_Amphora]:
        """Yield amphorae but for those that are deleted, which Octavia remembers for a while."""
        for row in self._listed(_AMPHORAE, "amphorae", _Amphora, **filters):
            if row.status != fleet.DELETED:
                yield row

    def flavors(self) -> dict[str, dict[str, Any]]:
        """Return what flavors of load balancers say to the provider, by their identifiers.

        Raises:
            errors.Denied: The user may not see flavors.
            errors.Unavailable: Octavia does not answer as it should.
        """
        try:
            profiles = {
                row.id: row.flavor_data
                for row in self._listed("/lbaas/flavorprofiles", "flavorprofiles", _Profile)
            }
            flavors = list(self._listed("/lbaas/flavors", "flavors", _Flavor))
        except errors.InputMissing:
            # Octavia's release Stein was the first to have flavors.
            return {}
        return {flavor.id: profiles.get(flavor.flavor_profile_id, {}) for flavor in flavors}

    def _flavor_tags(self) -> dict[str, str]:
        """Return the tags that flavors name, by the flavors' identifiers."""
        tags = {flavor: tag_of(data) for flavor, data in self.flavors().items()}
        return {flavor: tag for flavor, tag in tags.items() if tag}

    def _listed(self, path: str, kind: str, model: type[_R], **filters: str) -> Iterator[_R]:
        """Yield everything that a list has, page by page."""
        query = {"limit": str(_PAGE), **filters}
        what = f"list {kind}"
        for _ in range(_MOST_PAGES):
            with _understood(what):
                answer = self._send("GET", path, what, params=query).json()
                rows = [model.model_validate(row) for row in answer[kind]]
                more = _has_more(answer)
            yield from rows
            if not rows or not more:
                return
            # Links leave filters out, so they are not followed: they tell that there is more.
            query["marker"] = rows[-1].id
        raise errors.Unavailable(f"cannot {what}: the list does not end")


def tag_of(flavor: Mapping[str, Any]) -> str:
    """Return the tag that a flavor names for the images of amphorae; empty if it names none."""
    return str(flavor.get("amp_image_tag") or "")


def _parsed(row: _Balancer, tag: str, amphorae: list[fleet.Amphora]) -> fleet.Balancer:
    return fleet.Balancer(row.id, row.name or "", row.provisioning_status, tag, tuple(amphorae))


def _has_more(answer: Any) -> bool:
    """Tell whether a page links to a next one; its list of links is named for what is listed."""
    links = next((value for name, value in answer.items() if name.endswith("_links")), None)
    return any(link["rel"] == "next" for link in links or ())


@contextlib.contextmanager
def _understood(what: str) -> Iterator[None]:
    """Have what cannot be read become an error of ours, and a refusal name the role it takes."""
    try:
        yield
    except errors.Denied as error:
        raise errors.Denied(
            error.message,
            hint="grant the user the role load-balancer_admin or admin in its project",
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise errors.Unavailable(
            f"cannot {what}: Octavia's answer is not what its API describes",
            hint="check its endpoint in the catalog",
        ) from error
