"""What people and logs see of URLs."""

from __future__ import annotations

import time

import pytest

from retrofit.host import urls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://ada:secret@host/path", "http://host/path"),
        ("http://token@host", "http://host"),
        ("http://ada:p@ss@host:8080/a@b", "http://host:8080/a@b"),
        ("http://ada:pa/ss@host/x", "http://host/x"),
        ("deb [a=b] http://ada:c@host/x noble main", "deb [a=b] http://host/x noble main"),
        ("['http://a:b@one', 'http://c:d@two']", "['http://one', 'http://two']"),
        ("http://a:b@one,http://c:d@two", "http://one,http://two"),
        ("simplestreams:https://a:b@host/x", "simplestreams:https://host/x"),
        # Nothing is secret in these.
        ("git+https://host/project@v1.2", "git+https://host/project@v1.2"),
        ("http://host:8080/pool/a@b", "http://host:8080/pool/a@b"),
        ("http://[::1]:8080/pool/a@b", "http://[::1]:8080/pool/a@b"),
        ("mail ada@host about http://host", "mail ada@host about http://host"),
    ],
)
def test_user_and_password_are_taken_out(text: str, expected: str) -> None:
    assert urls.without_user(text) == expected


def test_a_query_may_be_secret_too() -> None:
    assert urls.shown("https://ada:pa/ss@host/image?token=1#x") == "https://host/image"


def test_a_line_of_anybody_costs_no_more_than_its_length() -> None:
    began = time.process_time()
    urls.without_user("://a:" * 200_000)
    assert time.process_time() - began < 5
