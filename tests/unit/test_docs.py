"""The documentation names what there is: options, keys, exit codes, files."""

import pathlib
import re

import click
import pytest
import yaml

from retrofit import errors
from retrofit.cli import main, snap
from retrofit.definitions import run_definition

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_REFERENCE = _REPOSITORY / "docs" / "reference"
_PAGES = sorted([*_REPOSITORY.glob("*.md"), *(_REPOSITORY / "docs").rglob("*.md")])


@pytest.mark.parametrize(
    ("title", "command"),
    [
        *((f"retrofit {name}", main.retrofit.load(name)) for name in main.retrofit.commands),
        ("octavia-diskimage-retrofit", snap.retrofit),
    ],
)
def test_every_option_is_described(title: str, command: click.Command):
    page = (_REFERENCE / "cli.md").read_text()
    section = page.partition(f"\n## {title}")[2].partition("\n## ")[0]

    options = {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        # What holds for all commands stands before their sections.
        if name != "--debug"
    }

    assert options
    assert {name for name in options if f"{name}" not in section} == set()


def test_every_key_of_a_request_is_described():
    page = (_REFERENCE / "cli.md").read_text()
    keys = [name.replace("_", "-") for name in run_definition.RunDefinition.model_fields]

    assert [key for key in keys if f"`{key}`" not in page] == []


def test_every_option_of_the_charm_is_described():
    page = (_REFERENCE / "config.md").read_text()
    options = yaml.safe_load((_REPOSITORY / "config.yaml").read_text())["options"]

    assert [name for name in options if f"\n| `{name}` |" not in page] == []


def test_every_action_is_described():
    page = (_REFERENCE / "actions.md").read_text()
    actions = yaml.safe_load((_REPOSITORY / "actions.yaml").read_text())
    sections = {
        name: page.partition(f"\n## {name}\n")[2].partition("\n## ")[0] for name in actions
    }
    parameters = [
        (name, each) for name, action in actions.items() for each in action.get("params", {})
    ]

    assert [name for name, text in sections.items() if not text] == []
    assert [pair for pair in parameters if f"\n| `{pair[1]}` |" not in sections[pair[0]]] == []


def test_every_exit_code_is_described():
    page = (_REFERENCE / "exit-codes.md").read_text()
    kinds = {errors.RetrofitError, *errors.RetrofitError.__subclasses__()}

    assert {kind.exit_code for kind in kinds if f"| {kind.exit_code} |" not in page} == set()


def test_the_tests_of_image_manager_are_answered_by_tests_that_exist():
    page = (_REFERENCE / "image-manager-tests.md").read_text()
    rows = re.findall(
        r"^\| `test_\w+` \| [^|]+ \| ((?:holds|differs)[^|]*) \|$", page, re.MULTILINE
    )
    named = set(re.findall(r"`(\w+(?:/\w+)+\.py)::(test_\w+)`", page))
    tests = _REPOSITORY / "tests"

    assert len(rows) == page.count("\n| `test_")
    assert [row for row in rows if row.startswith("holds") and ".py::test_" not in row] == []
    assert {
        f"{path}::{name}"
        for path, name in named
        if not (tests / path).exists() or f"\ndef {name}(" not in (tests / path).read_text()
    } == set()
    assert page.count(".py::test_") == len(re.findall(r"`\w+(?:/\w+)+\.py::test_\w+`", page))


# Words with another word in docs/reference/glossary.md; keys of documents keep theirs, in quotes.
_REPLACED = re.compile(
    r"""(?<!["`])\b(rivals?|turnstiles?|akin|catalogues?|taken back|amphorae? to spare|to be had"""
    r"""|(former|present) (image|charm|one)s?|foreign (image|project)s?"""
    r"""|Octavia (would )?takes?)\b""",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "folder", ["README.md", "CHANGELOG.md", "docs", "src", "config.yaml", "actions.yaml"]
)
def test_a_thing_has_the_word_of_the_glossary(folder: str):
    top = _REPOSITORY / folder
    files = [top] if top.is_file() else [*top.rglob("*.md"), *top.rglob("*.py")]
    found = {
        f"{path.relative_to(_REPOSITORY)}: {match[0]}"
        for path in files
        for match in _REPLACED.finditer(path.read_text())
    }

    assert found == set()


def test_the_index_lists_every_page():
    index = (_REPOSITORY / "docs" / "index.md").read_text()
    pages = {
        str(page.relative_to(_REPOSITORY / "docs")) for page in _PAGES if "docs" in page.parts
    }

    assert {page for page in pages - {"index.md"} if f"({page})" not in index} == set()


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_REPOSITORY)))
def test_links_lead_somewhere(page: pathlib.Path):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []
