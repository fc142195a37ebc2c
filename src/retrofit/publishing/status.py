"""Says which image Octavia selects for a tag, and what else has or had it."""

from __future__ import annotations

import logging
import pathlib

from .. import cloud, errors
from ..host import locks
from . import promotion, rollback, survey

_LOG = logging.getLogger(__name__)


def status(connection: cloud.Cloud, tag: str, *, work_base: pathlib.Path | None) -> survey.Survey:
    """Look at all images that matter to a tag; what was begun and killed is finished first.

    Args:
        connection: Where.
        tag: By which Octavia finds the images.
        work_base: Directory in which builds make their work directories; ``None`` for the
            default.

    Raises:
        errors.ConfigError: The tag is none that moves from image to image.
        errors.RetrofitError: Glance does not answer.
    """
    rollback.check_tag(tag)
    own = promotion.own(connection, tag)
    try:
        with locks.publishing(work_base):
            own = promotion.settle(connection, tag)
    except (errors.Busy, errors.Denied, errors.OutputError) as error:
        # Who is at work finishes it, and who may only read is told what there is all the same.
        _LOG.info("nothing is finished: %s", error)
    visible = list(promotion.visible(connection, tag))
    hidden = promotion.hidden(connection, tag)
    return survey.survey(own, visible, connection.project_id, hidden=hidden)
