import pathlib
from itertools import pairwise
from typing import Literal

import pydantic
import pytest

from retrofit import errors
from retrofit.host import yaml_lines

_TEXT = """\
# A comment.
images:
  - name: one
    kind: raw
  - name: two
    kind:
      raw
    tags: [a, b]
"""


class _Item(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: str
    kind: Literal["raw", "qcow2"]
    tags: list[str] = []


class _File(pydantic.BaseModel):
    images: list[_Item]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "images.yml"


def _problems(path: pathlib.Path, text: str) -> list[str]:
    path.write_text(text)
    document = yaml_lines.read(path)
    with pytest.raises(pydantic.ValidationError) as caught:
        _File.model_validate(document.value)
    return [line.removeprefix(f"{path}:") for line in yaml_lines.problems(document, caught.value)]


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 2),
        (("images",), 2),
        (("images", 0, "kind"), 4),
        (("images", 1), 5),
        (("images", 1, "kind"), 6),
        (("images", 1, "tags", 1), 8),
        (("images", 1, "absent"), 5),
        (("images", 7), 2),
    ],
)
def test_place(path: pathlib.Path, location: tuple[str | int, ...], line: int) -> None:
    path.write_text(_TEXT)

    assert yaml_lines.read(path).place(location) == f"{path}:{line}"


def test_problems_name_their_lines(path: pathlib.Path) -> None:
    assert _problems(path, _TEXT.replace("      raw", "      qcow")) == [
        "6: wrong value 'qcow' of images.1.kind: input should be 'raw' or 'qcow2'; "
        "did you mean qcow2?"
    ]
    assert _problems(path, _TEXT.replace("tags:", "tag:")) == ["8: unknown key tag"]
    assert _problems(
        path, _TEXT.replace("name: two", "tags: []", 1).replace("    tags: [a, b]\n", "")
    ) == ["5: name is missing"]
    assert _problems(path, "") == [
        "1: wrong value None of the document: it must be keys with values"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "{path}:3: a is a duplicate key"),
        ("a: [1\nb: 2\n", "{path}:2: expected ',' or ']', but got ':'"),
        ("a: 2026-02-31\n", "{path}:1: '2026-02-31' is not a valid timestamp"),
        ("a: 1\n2026-02-31: b\n", "{path}:2: '2026-02-31' is not a valid timestamp"),
        ("a: !!int b\n", "{path}:1: 'b' is not a valid int"),
        ("a: 1\nb: \x00\n", "{path}:2: unacceptable character"),
        ("a: !!python/object:os.system x\n", "{path}:1: could not determine a constructor"),
        (
            "a: &a [x]\n"
            + "".join(f"{x}: &{x} [*{y}" + f", *{y}" * 9 + "]\n" for y, x in pairwise("abcdefgh")),
            "{path}:1: the file is too large after its aliases are expanded",
        ),
        ("a: &a [*a]", "{path}"),
        ("a: " + "b" * 1024 * 1024, "{path} has more than 1048576 bytes"),
        ("[" * 5000, "{path}: it is nested too deeply"),
    ],
)
def test_what_is_no_yaml(path: pathlib.Path, text: str, problem: str) -> None:
    path.write_text(text)

    with pytest.raises(errors.ConfigError) as caught:
        yaml_lines.read(path)

    assert caught.value.message.startswith(problem.format(path=path))


def test_what_cannot_be_read(path: pathlib.Path) -> None:
    with pytest.raises(errors.InputMissing, match="No such file"):
        yaml_lines.read(path)
    path.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(errors.ConfigError, match=":2: this is not text in UTF-8"):
        yaml_lines.read(path)


def test_words_of_yaml_1_2(path: pathlib.Path) -> None:
    path.write_text("[off, no, 2026-02-31, 010, 0x1, 1.5.2, true, 12, -0.5, ~, <<]")

    assert yaml_lines.read(path, yaml_lines.Words).value == [
        *("off", "no", "2026-02-31", "010", "0x1", "1.5.2"),
        *(True, 12, -0.5, None, "<<"),
    ]


def test_a_key_that_was_probably_meant(path: pathlib.Path) -> None:
    path.write_text(_TEXT.replace("tags:", "tag:"))
    document = yaml_lines.read(path)
    with pytest.raises(pydantic.ValidationError) as caught:
        _File.model_validate(document.value)

    (problem,) = yaml_lines.problems(document, caught.value, ["name", "kind", "tags"])

    assert problem == f"{path}:8: unknown key tag; did you mean tags?"
