"""What an OpenStack service's refusal means to the person who wants an image."""

from __future__ import annotations

import json
import re

from . import errors

_MAX_REASON = 300
_TRANSIENT_STATUSES = frozenset((429, 502, 503, 504))


class Transient(errors.Unavailable):
    """A service does not answer now; it may in a moment."""


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
            f"{message}: not allowed: {reason}", hint="grant the user a role that may do it"
        )
    if status == 404:
        return errors.InputMissing(
            f"cannot {what}: there is no such thing, or not for this project",
            hint="check the identifier, the region and the project",
        )
    if status == 409:
        return Conflict(f"{message}: {reason}")
    if status == 413:
        return errors.NoSpace(
            f"{message}: it is more than Glance takes: {reason}",
            hint="delete images, or have the quota, the size cap or the store enlarged",
        )
    if status in _TRANSIENT_STATUSES:
        return Transient(f"{message}: the service answered {status}: {reason}")
    if status >= 500:
        return errors.Unavailable(
            f"{message}: the service failed with {status}: {reason}",
            hint="see the service's own log",
        )
    if status == 400 and "disk_format" in reason:
        return errors.ConfigError(
            f"{message}: {reason}", hint="choose an image-format that this Glance takes"
        )
    return errors.Unavailable(f"{message}: the service answered {status}: {reason}")


def tls(
    what: str, problem: str, *, setting: str = "OS_CACERT or cacert in clouds.yaml"
) -> errors.RetrofitError:
    """Return the error that stands for a certificate or connection that TLS did not accept.

    Args:
        what: What was attempted, as an infinitive.
        problem: What the library says.
        setting: Where the certificates of authorities are given.
    """
    lowered = problem.lower()
    if "eof occurred" in lowered:
        return unreachable(what, "the server closed it")
    hint = "check which authority signed it"
    if "has expired" in lowered:
        reason = "the server's certificate, or the authority's that signed it, has expired"
        hint = f"renew it, and give the current authority's ({setting})"
    elif "not yet valid" in lowered:
        reason = "the server's certificate is not valid yet"
        hint = "check this machine's clock"
    elif "self-signed" in lowered or "self signed" in lowered or "local issuer" in lowered:
        reason = "the server's certificate is signed by an authority that is not trusted here"
        hint = f"give that authority's certificate ({setting})"
    elif "mismatch" in lowered or "doesn't match" in lowered:
        reason = "the server's certificate is for another name or address"
        hint = "use the name that the certificate has, or have it reissued"
    else:
        reason = f"TLS failed: {_shortened(problem)}"
    return errors.Denied(f"cannot {what}: {reason}", hint=hint)


def is_tls(problem: str) -> bool:
    """Tell whether an error's text speaks of TLS, where its class does not say so."""
    return "CERTIFICATE_VERIFY_FAILED" in problem or "SSL" in problem


def unreachable(what: str, problem: str) -> Transient:
    """Return the error that stands for a connection that failed or broke."""
    return Transient(
        f"cannot {what}: no connection: {_shortened(problem)}",
        hint="check the address, the network and whether the service runs",
    )


def _reason(body: str) -> str:
    """Return the sentence in an answer that says why, without markup."""
    try:
        document = json.loads(body)
        # Nova and Cinder have the name of the error around it.
        nested = next(iter(document.values()))
        return _shortened(document.get("faultstring") or nested["message"])
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        pass
    text = re.sub(r"<(head|title|h1)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return _shortened(re.sub(r"<[^>]*>", " ", text)) or "no reason given"


def _shortened(text: str) -> str:
    words = " ".join(text.split()).rstrip(".")
    return words if len(words) <= _MAX_REASON else words[:_MAX_REASON] + "…"
