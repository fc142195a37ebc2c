"""Tables for a terminal."""

from __future__ import annotations

from retrofit.host import tables


def test_columns_begin_at_the_same_place() -> None:
    rows = [("upgraded", "haproxy", "security"), ("added", "vim", "")]

    assert tables.lines(rows) == ["upgraded  haproxy  security", "added     vim"]


def test_a_letter_may_be_as_wide_as_two() -> None:
    assert tables.lines([("画像", "a"), ("image", "b")]) == ["画像   a", "image  b"]


def test_no_rows_are_no_lines() -> None:
    assert tables.lines([]) == []


def test_nothing_that_a_terminal_obeys_gets_there() -> None:
    assert tables.lines([("\x1b[2Jname\n", "é\u202e\x9b")]) == ["?[2Jname?  é??"]
