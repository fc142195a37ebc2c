"""What two images differ in."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provenance import records

from retrofit import model
from retrofit.provenance import comparison

HAPROXY, KEEPALIVED, TZDATA = records.PACKAGES


def compare(
    before: tuple[model.Package, ...], after: tuple[model.Package, ...]
) -> comparison.Comparison:
    return comparison.compare(records.record(before), records.record(after))


def test_an_image_does_not_differ_from_itself() -> None:
    record = records.record()

    assert comparison.compare(record, record) == comparison.Comparison((), (), (), (), ())


def test_packages_that_only_one_has() -> None:
    found = compare((HAPROXY, KEEPALIVED), (HAPROXY, TZDATA))

    assert (found.added, found.removed) == ((TZDATA,), (KEEPALIVED,))
    assert (found.upgraded, found.downgraded) == ((), ())


@pytest.mark.parametrize(
    ("before", "after", "upgraded"),
    [
        ("2.8.5-1", "2.8.5-1ubuntu3", True),
        ("2.9~rc1", "2.9", True),
        ("2.10", "2.9", False),
        ("1:1.0", "2.0", False),
        ("1.0", "1.00", True),
    ],
)
def test_versions_are_compared_as_dpkg_does(before: str, after: str, upgraded: bool) -> None:
    old, new = (dataclasses.replace(HAPROXY, version=version) for version in (before, after))

    found = compare((old,), (new,))

    change = comparison.Change("haproxy", "amd64", before, after, security=True)
    assert (found.upgraded, found.downgraded) == (((change,), ()) if upgraded else ((), (change,)))
    assert found.added == found.removed == ()


def test_only_the_newer_sides_pocket_counts() -> None:
    secure = model.Package("a", "1", "all", security=True)
    plain = model.Package("a", "2", "all")

    assert [change.security for change in compare((secure,), (plain,)).upgraded] == [False]
    newer = dataclasses.replace(plain, security=True)
    assert [change.security for change in compare((secure,), (newer,)).upgraded] == [True]


def test_architectures_are_told_apart() -> None:
    other = dataclasses.replace(HAPROXY, architecture="i386")

    assert compare((HAPROXY,), (HAPROXY, other)).added == (other,)


def test_what_they_were_made_of_is_compared() -> None:
    newer = dataclasses.replace(records.BASE, version_name="20260901")
    before = records.record()
    after = records.record(
        base=newer,
        elements=("amphora-agent", "haproxy-octavia", "mine"),
        archives=model.Archives(mirror="http://mirror.example/ubuntu"),
    )

    differences = comparison.compare(before, after).differences

    assert differences == (
        comparison.Difference("base version", "20260801", "20260901"),
        comparison.Difference(
            "elements", "amphora-agent haproxy-octavia", "amphora-agent haproxy-octavia mine"
        ),
        comparison.Difference("options mirror", "", "http://mirror.example/ubuntu"),
    )


_VERSION = st.from_regex(r"[0-9](\.[0-9]{1,2}){0,2}(~rc[0-9])?", fullmatch=True)
_SIDE = st.dictionaries(st.sampled_from("abcdef"), _VERSION)


@given(_SIDE, _SIDE)
def test_the_other_way_round_is_the_mirror_image(
    before: dict[str, str], after: dict[str, str]
) -> None:
    old, new = (
        tuple(model.Package(name, version, "all") for name, version in sorted(side.items()))
        for side in (before, after)
    )

    there, back = compare(old, new), compare(new, old)

    assert (there.added, there.removed) == (back.removed, back.added)
    assert len(there.upgraded) + len(there.downgraded) == len(back.upgraded + back.downgraded)
    names = {package.name for package in (*there.added, *there.removed)}
    names |= {change.name for change in (*there.upgraded, *there.downgraded)}
    assert names == {
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    }
