"""What the disk of a base image from a mirror can be like."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.base_images.scratch import shape


def test_the_usual_is_told_by_its_layout_alone() -> None:
    assert shape.Shape("noble").inputs() == {"layout": "noble"}
    assert shape.Shape("jammy", 5, "root", ("-m1",), "xfs").inputs() == {
        "layout": "jammy",
        "size": 5,
        "label": "root",
        "mkfs-options": ("-m1",),
        "filesystem": "xfs",
    }


def test_options_of_mke2fs() -> None:
    assert shape.tuning("") == ()
    assert shape.tuning("-i 4096 -J size=64 -m1 -O '^metadata_csum'") == (
        "-i4096",
        "-Jsize=64",
        "-m1",
        "-O^metadata_csum",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-d /etc", "the mkfs option '-d' is not supported"),
        ("-L other", "the mkfs option '-L' is not supported"),
        ("-E offset=1", "the mkfs option '-E' is not supported"),
        ("/dev/sda", "the mkfs option '/dev/sda' is not supported"),
        ("-i", "the mkfs option -i has no value"),
        ("-J device=/dev/sda", "the mkfs option -J device=/dev/sda is not supported"),
        ("-O 'a", 'wrong mkfs options "-O \'a": No closing quotation'),
    ],
)
def test_other_options_are_refused(text: str, said: str) -> None:
    with pytest.raises(errors.ConfigError) as refusal:
        shape.tuning(text)
    assert refusal.value.message.startswith(said)


@pytest.mark.parametrize("text", ["", "cloudimg-rootfs", "root", "0123456789abcdef"])
def test_labels(text: str) -> None:
    assert shape.label(text) == text


@pytest.mark.parametrize("text", ["0123456789abcdefg", "a b", "a/b", "-a", "ä", "a\n", "BOOT"])
def test_wrong_labels(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="wrong label"):
        shape.label(text)
