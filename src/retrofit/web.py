"""Fetches from web servers: whole documents, and large files that resume where they were cut."""

from __future__ import annotations

import dataclasses

from . import model


@dataclasses.dataclass(frozen=True)
class Access:
    """How web servers are reached.

    Attributes:
        proxies: Through which proxies; the environment's do not count.
        ca_certificate: PEM text of certification authorities that are trusted in addition.
    """

    proxies: model.Proxies = dataclasses.field(default_factory=model.Proxies)
    ca_certificate: str = ""
