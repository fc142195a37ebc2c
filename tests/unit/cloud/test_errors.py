"""What refusals of OpenStack's services become."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.cloud import refusals
from retrofit.host import http_errors

GLANCE_HTML = """<html><head><title>413 Request Entity Too Large</title></head>
 <body><h1>413 Request Entity Too Large</h1>
 The size of the data 25 will exceed the limit. 6 bytes remaining.<br /><br /></body></html>"""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Unavailable),
        (401, errors.Denied),
        (403, errors.Denied),
        (404, errors.InputMissing),
        (409, refusals.Conflict),
        (413, errors.NoSpace),
        (429, http_errors.Overloaded),
        (500, errors.Unavailable),
        (503, http_errors.Overloaded),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[errors.RetrofitError]) -> None:
    error = refusals.refusal("upload image 1", status, "")
    assert type(error) is kind
    assert str(error).startswith("cannot upload image 1: ")
    assert "\n" not in str(error)


def test_the_reason_is_read_out_of_the_markup() -> None:
    error = refusals.refusal("upload image 1", 413, GLANCE_HTML)
    assert "Glance accepts: The size of the data 25 will exceed the limit. 6 bytes remaining;" in (
        str(error)
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"faultcode": "Client", "faultstring": "Not\\nyours.", "debuginfo": null}', "Not yours"),
        ('{"faultstring": null}', '{"faultstring": null}'),
        ("[1]", "[1]"),
        ("7", "7"),
    ],
)
def test_the_reason_is_read_out_of_octavias_json(body: str, reason: str) -> None:
    error = refusals.refusal("list amphorae", 403, body)
    assert error.message == f"cannot list amphorae: not allowed: {reason}"


def test_a_format_refused_is_a_wrong_option() -> None:
    body = "Invalid value 'raw' for parameter disk_format: allowed are qcow2"
    error = refusals.refusal("create image 1", 400, body)
    assert isinstance(error, errors.ConfigError)
    assert "image-format" in error.hint


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("certificate verify failed: certificate has expired", "has expired"),
        ("certificate verify failed: certificate is not yet valid", "is not valid yet"),
        ("self-signed certificate in certificate chain", "an authority that is not trusted"),
        ("unable to get local issuer certificate", "an authority that is not trusted"),
        ("IP address mismatch, certificate is not valid for '10.0.0.1'", "another name"),
        ("wrong version number", "wrong version number"),
    ],
)
def test_tls_problems_say_what_to_do(problem: str, said: str) -> None:
    error = http_errors.tls("authenticate", problem)
    assert isinstance(error, errors.Denied)
    assert said in error.message
    assert error.hint


def test_a_connection_closed_under_tls_is_no_matter_of_trust() -> None:
    problem = "EOF occurred in violation of protocol (_ssl.c:2393)"
    assert isinstance(http_errors.tls("upload image 1", problem), http_errors.Transient)
