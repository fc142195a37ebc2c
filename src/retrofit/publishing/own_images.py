"""The images of this project that were made for one tag, and what their order says of them.

They are in the order in which Glance lists them, newest first: it decides between images of the
same second.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

from ..cloud import images
from ..model import findings
from ..provenance import marks
from . import image_states


@dataclasses.dataclass(frozen=True)
class Tag:
    """A tag by which images are found; the one place where none was given is thought of.

    Attributes:
        name: As it was given; empty for none.
    """

    name: str

    @property
    def certain(self) -> str:
        """A tag that each of the images has: this one, or the one that all of ours have."""
        return self.name or marks.OWN_TAG

    @property
    def moving(self) -> str:
        """The tag, if it moves from an image to the next; empty if it tells nobody the current.

        The tag that all of ours have stays on them.
        """
        return "" if self.name == marks.OWN_TAG else self.name


@dataclasses.dataclass(frozen=True)
class OwnImages:
    """The images of this project that were made for a tag, hidden ones left out.

    Attributes:
        tag: The tag.
        newest_first: The images, in Glance's order.
    """

    tag: Tag
    newest_first: tuple[images.Image, ...]

    @property
    def current(self) -> images.Image | None:
        """The image that Octavia should select: the newest of ours with the tag."""
        return next(filter(image_states.is_published, self._tagged), None)

    def up_to_date(self, fingerprint: str, wanted: findings.Depth) -> images.Image | None:
        """Return the published image that was made from the same inputs, if it is proved enough.

        An image of the existing charm has no fingerprint, so it is never up to date.
        """
        same_fingerprint = (
            image
            for image in self._tagged
            if image.properties.get(marks.FINGERPRINT) == fingerprint
        )
        return image_states.published(same_fingerprint, wanted)

    def deactivated(self, fingerprint: str) -> images.Image | None:
        """Return an image made from the same inputs that somebody took out of use."""
        for image in self._tagged:
            made_so = image.properties.get(marks.FINGERPRINT) == fingerprint
            if made_so and image.status == "deactivated":
                return image
        return None

    def rolled_back(self, fingerprint: str) -> images.Image | None:
        """Return an image that was made from the same inputs and rolled back."""
        for image in self.newest_first:
            made_so = image.properties.get(marks.FINGERPRINT) == fingerprint
            if made_so and image_states.state(image) == marks.ROLLED_BACK:
                return image
        return None

    def previous(
        self, current: images.Image, *, hidden: Iterable[images.Image] = ()
    ) -> images.Image | None:
        """Return what a rollback makes current: the newest proven one before the current one.

        Args:
            current: The image to roll back.
            hidden: Those that are hidden, which come last.
        """
        older = (image for image in hidden if image.created_at <= current.created_at)
        for image in itertools.chain(self._previous(current), _replaced(older, current)):
            if image_states.depth(image) is not findings.Depth.OFF:
                return image
        return None

    def unproven_previous(self, current: images.Image) -> images.Image | None:
        """Return a previous image that a rollback refuses because it is not proved."""
        return next(self._previous(current), None)

    def by_architecture(self) -> Iterator[tuple[str, OwnImages]]:
        """Yield the images of each architecture: they do not replace those of another."""
        for architecture in dict.fromkeys(map(image_states.architecture, self.newest_first)):
            these = (
                image
                for image in self.newest_first
                if image_states.architecture(image) == architecture
            )
            yield architecture, OwnImages(self.tag, tuple(these))

    @property
    def _tagged(self) -> Iterator[images.Image]:
        return (image for image in self.newest_first if self.tag.certain in image.tags)

    def _previous(self, current: images.Image) -> Iterator[images.Image]:
        onward = itertools.dropwhile(lambda image: image.id != current.id, self.newest_first)
        return _replaced(itertools.islice(onward, 1, None), current)


def _replaced(older: Iterable[images.Image], current: images.Image) -> Iterator[images.Image]:
    """Yield the images that others replaced until it was the current one."""
    return (
        image
        for image in older
        if image.status == "active"
        and image_states.state(image) == marks.PREVIOUS
        and image_states.architecture(image) == image_states.architecture(current)
    )
