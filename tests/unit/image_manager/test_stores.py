"""Whom an S3 store has to be vouched for by."""

from __future__ import annotations

import http.server
import pathlib
import ssl
import threading
from collections.abc import Iterator

import pytest
from tests.support.host import authority

from retrofit import errors
from retrofit.image_manager import stores

_EMPTY = b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>'


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(_EMPTY)))
        self.end_headers()
        self.wfile.write(_EMPTY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def signer(tmp_path: pathlib.Path) -> authority.Authority:
    return authority.Authority(tmp_path)


@pytest.fixture
def bucket(
    signer: authority.Authority, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A store over TLS with an empty bucket, on a machine whose store of authorities is empty."""
    certificate, key = signer.issue("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    empty = tmp_path / "empty.pem"
    empty.touch()
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name, value in (
            ("SSL_CERT_FILE", str(empty)),
            ("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.server_address[1]}"),
            ("AWS_ACCESS_KEY_ID", "user"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ):
            monkeypatch.setenv(name, value)
        yield "s3://images"
        server.shutdown()
        thread.join()


# Of the system's store, and of all AWS tools.
@pytest.mark.parametrize("setting", ["SSL_CERT_FILE", "AWS_CA_BUNDLE"])
def test_an_authority_of_the_machine_s_store_or_of_aws_s_settings_counts(
    bucket: str, signer: authority.Authority, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(setting, str(signer.path))

    assert not stores.opened(bucket).has("noble.img")


def test_another_one_does_not(bucket: str) -> None:
    with pytest.raises(errors.Unavailable, match="bucket images: cannot list it: SSL validation"):
        stores.opened(bucket).has("noble.img")


def test_a_directory_that_cannot_be_read_is_not_an_empty_one(tmp_path: pathlib.Path) -> None:
    store = stores.opened(str(tmp_path), filled=True)

    assert not store.has("noble.img")
    with pytest.raises(errors.InputMissing, match="File name too long"):
        store.has("x" * 300)
    with pytest.raises(errors.InputMissing, match="is not a directory"):
        stores.opened(str(tmp_path / "absent"), filled=True)
