"""Which machines run the images of a tag, as the kind of image says."""

from __future__ import annotations

from .. import errors, recipes
from ..provenance import marks
from ..publishing import survey


def check(found: survey.Survey, tag: str) -> None:
    """Refuse to look for machines of images of which no service keeps any.

    Args:
        found: The images that matter to a tag.
        tag: The tag.

    Raises:
        errors.ConfigError: They are of a kind without a fleet.
    """
    name = found.current.properties.get(marks.RECIPE, "") if found.current else ""
    # An image of a kind that is not known here is left to who looks at it.
    if name in recipes.names() and recipes.get(name).fleet is None:
        raise errors.ConfigError(
            f"no service runs machines with images of the recipe {name} (tag {tag})",
            hint="new servers use the current image; replace the other servers yourself",
        )
