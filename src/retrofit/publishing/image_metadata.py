"""Metadata that the SCS standard asks of every image, and what goes along from a base image.

The standard is SCS-0102 (https://docs.scs.community/standards/scs-0102-v1-image-metadata): each of
its properties is to be there, with one of its words.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

# Of machines and systems, but not what Glance keeps in such names or what is said anew here.
_GOES_ALONG = re.compile(
    r"(hw_|os_(?!distro$|version$|purpose$|hidden$|hash_|glance_)).*|image_original_user"
)
# Cloud images' own (``default_user`` in cloud-init's settings of each distribution).
_USERS = {"ubuntu": "ubuntu", "debian": "debian"}


def inherited(base: Mapping[str, str]) -> dict[str, str]:
    """Return which of a base image's properties its images have, too: of machines and systems."""
    return {name: value for name, value in base.items() if _GOES_ALONG.fullmatch(name)}


def standard(
    *, title: str, purpose: str, distribution: str, version: str, keep: int, built: datetime.date
) -> dict[str, str]:
    """Return what the standard asks for, as far as an operator does not say otherwise.

    Args:
        title: What images of the kind are, in words.
        purpose: Its word for what they are for.
        distribution: Of the system, such as ``ubuntu``.
        version: Of the system, such as ``24.04``.
        keep: How many images of the tag are kept; 0 keeps all.
        built: Day on which it was built.
    """
    return {
        "image_build_date": built.isoformat(),
        "image_description": f"{title}, {distribution} {version}",
        "image_original_user": _USERS.get(distribution, "none"),
        # Nobody can download it elsewhere.
        "image_source": "private",
        "os_purpose": purpose,
        # What is rebuilt in between has security updates.
        "replace_frequency": "critical_bug",
        "hotfix_hours": "0",
        "provided_until": "none",
        "uuid_validity": f"last-{keep}" if keep else "forever",
    }
