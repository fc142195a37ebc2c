"""Personal package archives, as Launchpad describes them."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse

from ... import errors, model
from ...host import web

API = "https://api.launchpad.net/devel"
_CONTENT = "https://ppa.launchpadcontent.net"
_NAME = re.compile(r"(?:ppa:)?(?P<owner>[a-z0-9][a-z0-9.+-]*)/(?P<name>[a-z0-9][a-z0-9.+-]*)")


@dataclasses.dataclass(frozen=True)
class Ppa:
    """A personal package archive.

    Attributes:
        owner: Launchpad name of its owner.
        name: Its name.
        key: The key it is signed with, armoured.
    """

    owner: str
    name: str
    key: str

    @property
    def url(self) -> str:
        """Where apt finds it."""
        return f"{_CONTENT}/{self.owner}/{self.name}/ubuntu"


def fetch(ppa: str, request: model.BuildRequest, *, api: str = API) -> Ppa:
    """Ask Launchpad for the key of a PPA.

    Args:
        ppa: ``ppa:owner/name`` or ``owner/name``.
        request: Proxies and certificates to ask with.
        api: Base URL of Launchpad's web service.

    Raises:
        errors.ConfigError: It is not valid, or there is no such PPA.
        errors.Unavailable: Launchpad cannot be reached.
    """
    match = _NAME.fullmatch(ppa)
    if match is None:
        raise errors.ConfigError(f"the PPA {ppa!r} is not valid", hint="give ppa:owner/name")
    owner, name = match["owner"], match["name"]
    query = urllib.parse.urlencode({"ws.op": "getSigningKeyData"})
    access = web.Access(request.proxies, request.ca_certificate)
    try:
        url = f"{api}/~{owner}/+archive/ubuntu/{name}?{query}"
        key = json.loads(web.read(url, access, limit=model.MIB))
    except errors.InputMissing as error:
        raise errors.ConfigError(
            f"Launchpad has no PPA {ppa!r}", hint="correct its owner or name"
        ) from error
    except errors.RetrofitError as error:
        raise _unavailable(ppa, error.message) from error
    except ValueError as error:
        raise _unavailable(ppa, f"its answer is not JSON: {error}") from error
    return Ppa(owner, name, str(key))


def _unavailable(ppa: str, reason: str) -> errors.Unavailable:
    return errors.Unavailable(
        f"Launchpad does not return the key of the PPA {ppa!r}: {reason}",
        hint="check the proxies; without the Internet, copy the PPA's packages to the archive"
        " mirror and remove the PPA",
    )
