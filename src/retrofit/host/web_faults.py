"""What it means when a web server does not answer, or not to the end; told by its name."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator

import urllib3

from .. import errors
from . import http_errors


@contextlib.contextmanager
def mapped(what: str, *, connect_s: float, stall_s: float) -> Iterator[None]:
    """Turn what urllib3 raises into an error of ours.

    Args:
        what: What is attempted, as an infinitive.
        connect_s: How long a server may take to accept a connection.
        stall_s: How long it may send nothing.

    Raises:
        errors.RetrofitError: Something was raised.
    """
    try:
        yield
    except urllib3.exceptions.NewConnectionError as error:
        # A subclass of the time-outs' class, though nothing was waited for.
        raise http_errors.unreachable(what, str(error).rpartition(": ")[2]) from error
    except urllib3.exceptions.ConnectTimeoutError as error:
        reason = f"the server accepted no connection within {connect_s:.0f} s"
        raise http_errors.unreachable(what, reason) from error
    except urllib3.exceptions.TimeoutError as error:
        raise stalled(what, stall_s) from error
    except urllib3.exceptions.SSLError as error:
        raise http_errors.tls(what, str(error), setting="ca-certificate") from error
    except urllib3.exceptions.ProxyError as error:
        raise http_errors.unreachable(what, f"the proxy: {error.original_error}") from error
    except (urllib3.exceptions.LocationValueError, UnicodeError) as error:
        raise errors.ConfigError(f"cannot {what}: that is not a URL") from error
    except urllib3.exceptions.ProtocolError as error:
        raise _broken(what, error) from error
    except urllib3.exceptions.HTTPError as error:
        raise http_errors.unreachable(what, str(error)) from error


def stalled(what: str, stall_s: float) -> http_errors.Transient:
    """Return the error that stands for a server that accepts a connection, and then is silent."""
    return http_errors.Transient(
        f"cannot {what}: the server sent no data, or very little, for {stall_s:.0f} s",
        hint="check the server and the network",
    )


def _broken(what: str, error: urllib3.exceptions.ProtocolError) -> http_errors.Transient:
    """Return the error that stands for a connection that broke, or brought something else."""
    # The library gives a text and, in most cases, what it was raised from.
    cause = next((each for each in error.args if isinstance(each, Exception)), error)
    if isinstance(cause, http.client.IncompleteRead):
        reason = "the server closed the connection early"
        if cause.expected:
            reason += f": {cause.expected} bytes are missing"
    elif isinstance(cause, http.client.RemoteDisconnected):
        reason = "the server closed the connection without an answer"
    elif isinstance(cause, OSError):
        reason = cause.strerror or str(cause)
    elif isinstance(cause, http.client.HTTPException):
        reason = "the answer is not HTTP"
    else:
        reason = str(error)
    return http_errors.Transient(
        f"cannot {what}: {http_errors.shortened(reason)}", hint="check the server and the network"
    )
