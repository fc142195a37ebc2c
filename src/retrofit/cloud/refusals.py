"""What an OpenStack service's refusal means to the person who wants an image."""

from __future__ import annotations

import json
import re

from .. import errors
from ..host import http_errors

_OVERLOADED_STATUSES = frozenset((429, 503))
_TRANSIENT_STATUSES = frozenset((502, 504))


class Conflict(errors.RetrofitError):
    """What is asked for does not go together with what a thing is, or is used for, now."""

    exit_code = errors.Unavailable.exit_code


def refusal(what: str, status: int, body: str) -> errors.RetrofitError:
    """Return the error that stands for an HTTP answer of 400 and above.

    Args:
        what: What was attempted, as an infinitive.
        status: Status of the answer.
        body: Its text: JSON, or the HTML that Glance writes.
    """
    message = f"cannot {what}"
    reason = _reason(body)
    if status == 401:
        return errors.Denied(
            f"{message}: the credentials are refused",
            hint="check user, password, project and domains",
        )
    if status == 403:
        return errors.Denied(
            f"{message}: not allowed: {reason}", hint="grant the user a role with this permission"
        )
    if status == 404:
        return errors.InputMissing(
            f"cannot {what}: it does not exist, or this project cannot see it",
            hint="check the identifier, the region and the project",
        )
    if status == 409:
        return Conflict(f"{message}: {reason}")
    if status == 413:
        return errors.NoSpace(
            f"{message}: it is more than Glance accepts: {reason}",
            hint="delete images, or increase the quota, the size limit or the store",
        )
    if status in _TRANSIENT_STATUSES | _OVERLOADED_STATUSES:
        overloaded = status in _OVERLOADED_STATUSES
        kind = http_errors.Overloaded if overloaded else http_errors.Transient
        return kind(f"{message}: the service answered {status}: {reason}")
    if status >= 500:
        return errors.Unavailable(
            f"{message}: the service failed with {status}: {reason}",
            hint="see the log of the service",
        )
    if status == 400 and "disk_format" in reason:
        return errors.ConfigError(
            f"{message}: {reason}", hint="choose an image-format that this Glance accepts"
        )
    return errors.Unavailable(f"{message}: the service answered {status}: {reason}")


def _reason(body: str) -> str:
    """Return the sentence in an answer that says why, without markup."""
    try:
        document = json.loads(body)
        # Nova and Cinder have the name of the error around it.
        nested = next(iter(document.values()))
        return http_errors.shortened(document.get("faultstring") or nested["message"])
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        pass
    text = re.sub(r"<(head|title|h1)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return http_errors.shortened(re.sub(r"<[^>]*>", " ", text)) or "no reason given"
