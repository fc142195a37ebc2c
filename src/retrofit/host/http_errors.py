"""What it means when a server cannot be reached, or is not trusted."""

from __future__ import annotations

from .. import errors

_MAX_REASON = 300


class Transient(errors.Unavailable):
    """A service does not answer now; it may in a moment."""


class Overloaded(Transient):
    """A service does not answer now because it is asked too much."""


def tls(
    what: str,
    problem: str,
    *,
    setting: str = "OS_CACERT or cacert in clouds.yaml",
    signer: str = "an authority",
) -> errors.RetrofitError:
    """Return the error that stands for a certificate or connection that TLS did not accept.

    Args:
        what: What was attempted, as an infinitive.
        problem: What the library says.
        setting: Where the certificates of authorities are given.
        signer: Who signed the server's certificate, where that is known.
    """
    lowered = problem.lower()
    if "eof occurred" in lowered:
        return unreachable(what, "the server closed the connection")
    hint = "check which authority signed it"
    if "has expired" in lowered:
        reason = "the certificate of the server or of its authority has expired"
        hint = f"renew it, and set the current authority ({setting})"
    elif "not yet valid" in lowered:
        reason = "the server's certificate is not valid yet"
        hint = "check this machine's clock"
    elif "self-signed" in lowered or "self signed" in lowered or "local issuer" in lowered:
        reason = f"the server's certificate is signed by {signer} that is not trusted"
        hint = f"set the certificate of this authority ({setting})"
    elif "mismatch" in lowered or "doesn't match" in lowered:
        reason = "the server's certificate is for another name or address"
        hint = "use a name in the certificate, or replace the certificate"
    else:
        reason = f"TLS failed: {shortened(problem)}"
    return errors.Denied(f"cannot {what}: {reason}", hint=hint)


def is_tls(problem: str) -> bool:
    """Tell whether an error's text speaks of TLS, where its class does not say so."""
    return "CERTIFICATE_VERIFY_FAILED" in problem or "SSL" in problem


def unreachable(what: str, problem: str) -> Transient:
    """Return the error that stands for a connection that failed or broke."""
    return Transient(
        f"cannot {what}: no connection: {shortened(problem)}",
        hint="check the address, the network and the service",
    )


def shortened(text: str) -> str:
    """Return a text of anybody's as one line of bounded length."""
    words = " ".join(text.split()).rstrip(".")
    return words if len(words) <= _MAX_REASON else words[:_MAX_REASON] + "…"
