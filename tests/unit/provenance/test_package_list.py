"""Packages as a property: what goes in comes out, and what strangers wrote does no harm."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrofit import errors, model
from retrofit.provenance import package_list

_PACKAGES = st.lists(
    st.builds(
        model.Package,
        st.from_regex(r"[a-z0-9][a-z0-9+.-]{0,20}", fullmatch=True),
        st.from_regex(
            r"([0-9]{1,3}:)?[0-9][A-Za-z0-9.+~]{0,20}(-[A-Za-z0-9.+~]{1,9})?", fullmatch=True
        ),
        st.sampled_from(["all", "amd64", "arm64", "ppc64el"]),
        st.booleans(),
    ),
    max_size=40,
)


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


@given(_PACKAGES)
def test_what_goes_in_comes_out(packages: list[model.Package]) -> None:
    encoded = package_list.encode(packages)

    assert package_list.decode(encoded) == tuple(packages)
    assert package_list.encode(package_list.decode(encoded)) == encoded


@pytest.mark.parametrize(
    "package",
    [
        model.Package("has space", "1", "all"),
        model.Package("new\nline", "1", "all"),
        model.Package("ok", "1 security", "all"),
        model.Package("ok", "a:1", "all"),
        model.Package("ok", "", "all"),
        model.Package("ok", "1" * 5000, "all"),
        model.Package("ok", "1", "\x1b[2J"),
    ],
)
def test_what_no_package_can_be_called_is_refused(package: model.Package) -> None:
    with pytest.raises(errors.ImageError, match="an invalid entry"):
        package_list.encode([package])


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("A" * 70_000, "70000 characters"),
        ("not base64!", "damaged"),
        ("é", "damaged"),
        (base64.b64encode(b"not compressed").decode(), "damaged"),
        ("", "truncated"),
        (packed("a 1 all\n" * 9)[:-8], "truncated"),
        # 40 MB of nothing in 52 kB.
        (packed("\0" * 40_000_000), "too large"),
        (packed("a 1\n"), "'a 1' is not a package"),
        (packed("a 1 all\n\n"), "'' is not a package"),
        (packed("a 1 all maybe\n"), "is not a package"),
        (packed("ä 1 all\n"), "damaged"),
        (packed("a \x1b[2J all\n"), r"'a \\x1b\[2J all' is not a package"),
    ],
)
def test_what_strangers_wrote_is_refused(encoded: str, reason: str) -> None:
    with pytest.raises(errors.ImageError, match=reason) as raised:
        package_list.decode(encoded)
    assert len(str(raised.value)) < 300


@given(
    st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: packed(raw.decode("latin1")))
)
def test_nothing_else_than_an_error_or_packages_comes_out(encoded: str) -> None:
    try:
        packages = package_list.decode(encoded)
    except errors.ImageError:
        return
    assert package_list.decode(package_list.encode(packages)) == packages
