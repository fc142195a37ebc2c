"""The option image-files-rotation."""

from __future__ import annotations

from retrofit.model import vocabulary


class Rotation(vocabulary.Word):
    """What becomes of an image that a newer version supersedes.

    Attributes:
        KEEP: It stays.
        HIDE: Only those find it who know it.
        DEACTIVATE: It cannot be used after the time that was promised.
        DELETE: It is deleted after that time, unless it is in use.
    """

    KEEP = "keep"
    HIDE = "hide"
    DEACTIVATE = "deactivate"
    DELETE = "delete"

    @property
    def words(self) -> tuple[str, ...]:
        """The options of ``retrofit manage`` for it."""
        if self is Rotation.KEEP:
            return ()
        confirmed = ("--yes-i-really-know-what-i-do",) if self is Rotation.DELETE else ()
        return (f"--{self}", *confirmed)
