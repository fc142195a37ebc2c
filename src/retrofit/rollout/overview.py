"""What runs in a cloud: its load balancers, the images they run and those that are current."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from .. import cloud, errors
from ..cloud import images
from ..provenance import marks
from ..publishing import promotion, survey
from . import amphorae, fleet


@dataclasses.dataclass(frozen=True)
class Overview:
    """All load balancers of a cloud that have amphorae.

    Attributes:
        assessments: How each stands.
        targets: What amphorae are to run, by tag.
        images: The images that amphorae run or are to run, by identifier, as far as they exist.
        hindering: Spare amphorae that run another image: a failover would use one of them.
    """

    assessments: tuple[fleet.Assessment, ...]
    targets: Mapping[str, fleet.Target]
    images: Mapping[str, images.Image]
    hindering: tuple[fleet.Amphora, ...]

    def having(self, *states: fleet.State) -> list[fleet.Assessment]:
        """Return the load balancers that stand in one of some ways."""
        return [each for each in self.assessments if each.state in states]


def look(
    connection: cloud.Cloud,
    tag: str,
    found: survey.Survey,
    *,
    patience_s: float | None = None,
) -> Overview:
    """Ask Octavia what runs, and compare it with what is current.

    Args:
        connection: The cloud.
        tag: By which Octavia finds the images of load balancers whose flavors name no other.
        found: The images that matter to that tag.
        patience_s: How long to wait for an answer of Octavia's (:class:`amphorae.Octavia`).

    Raises:
        errors.ConfigError: The cloud has no Octavia.
        errors.Denied: The user may not see amphorae.
        errors.Unavailable: Octavia or Glance does not answer.
    """
    seen = amphorae.Octavia(connection, patience_s=patience_s).read()
    surveys = {each: look_at(connection, each) for each in seen.flavor_tags - {tag}}
    targets = {each: _target(one, each) for each, one in (surveys | {tag: found}).items()}
    running = {each.image_id for balancer in seen.balancers for each in balancer.amphorae}
    wanted = {target.image_id for target in targets.values()}
    known = dict(_images(connection, (running | wanted) - {""}))
    made_for = {
        image.id: image.tags | {image.properties.get(marks.AMP_IMAGE_TAG, "")}
        for image in known.values()
    }
    return Overview(
        tuple(
            fleet.assess(fleet.with_tag(each, tag, seen.flavor_tags, made_for), targets)
            for each in seen.balancers
        ),
        targets,
        known,
        tuple(fleet.hindering(seen.spares, targets[tag])),
    )


def look_at(connection: cloud.Cloud, tag: str) -> survey.Survey:
    """Return the images that matter to a tag, without those that are hidden."""
    own = promotion.own(connection, tag)
    visible = list(promotion.visible(connection, tag))
    return survey.survey(own, visible, connection.project_id)


def _target(found: survey.Survey, tag: str) -> fleet.Target:
    """Return what amphorae are to run: our newest image with the tag, if Octavia selects it."""
    if found.current is None:
        return fleet.Target("", f"has the tag {tag}, which no image of this project has")
    for image in found.shadowing:
        # Octavia may be told to pass over those of other projects; it does not say whether it is.
        if not image.amp_image_owner_id:
            return fleet.Target(
                found.current.id,
                f"would get {image.name} ({image.id}) of this project instead of our image",
            )
    return fleet.Target(found.current.id)


def _images(
    connection: cloud.Cloud, image_ids: Iterable[str]
) -> Iterable[tuple[str, images.Image]]:
    """Yield images by their identifiers; some may be deleted, or not be for this project."""
    for image_id in sorted(image_ids):
        try:
            yield image_id, connection.image(image_id)
        except errors.InputMissing:
            continue
