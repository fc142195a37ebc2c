"""Which servers are reached without a proxy."""

from __future__ import annotations

import pytest

from retrofit.host import proxies

_NO_PROXY = "localhost, .example.org,10.0.0.0/8,192.0.2.7 ,fd00::/8,10.1.2.3/nothing"


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://localhost:9292/v2", True),
        ("https://mirror.example.org/ubuntu", True),
        ("https://user:10.1.1.1@mirror.example.com/ubuntu", False),
        ("http://10.200.0.1/ubuntu", True),
        ("http://user:word@10.200.0.1:8080/ubuntu", True),
        ("http://11.200.0.1/ubuntu", False),
        ("http://192.0.2.7/", True),
        ("http://192.0.2.8/", False),
        ("http://[fd12::1]:5000/", True),
        ("http://[fe80::1]/", False),
        ("http:///nowhere", False),
    ],
)
def test_names_ends_of_names_addresses_and_networks(url: str, direct: bool) -> None:
    assert proxies.bypassed(url, _NO_PROXY) is direct


def test_everything_and_nothing() -> None:
    assert proxies.bypassed("http://10.0.0.1/", "*")
    assert not proxies.bypassed("http://10.0.0.1/", "")
