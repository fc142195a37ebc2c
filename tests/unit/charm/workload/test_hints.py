"""Messages of the engine in the charm's words."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest
import yaml
from tests.support import paths

from workload import hints

# What somebody who has a charm before them can neither give nor run.
_FOREIGN = re.compile(r"(?<![\w-])--[a-z]|\bretrofit [a-z]|\bOS_[A-Z*]|clouds\.yaml")
# Ours to be translated is what an error says; rooms that the charm does not use say more.
_NOT_USED = ("cli", "creation.py", "reproduction.py", "sharing.py")
_PROGRAMS = (
    "dnf remove --duplicates",
    "gpg --dearmor",
    "--hash=",
    "retrofit test of image conversion",
)
_WHOLE = (ast.Expr, ast.JoinedStr)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "boot" for part in node.values)
    return ""


def _messages() -> Iterator[str]:
    """Yield what the engine's errors say, as far as it stands in its code."""
    engine: pathlib.Path = paths.REPOSITORY / "src" / "retrofit"
    for path in engine.rglob("*.py"):
        if set(_NOT_USED) & set(path.relative_to(engine).parts):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            # A text that is alone is a docstring, and parts of one with values come as a whole.
            texts = [] if isinstance(node, _WHOLE) else [*ast.iter_child_nodes(node)]
            for text in filter(None, map(_text, texts)):
                # Neither a script nor an argument of a program.
                if " " in text and "\n" not in text and not text.strip().startswith("--"):
                    yield text


def test_no_flag_command_or_variable_is_left() -> None:
    found = [text for text in _messages() if _FOREIGN.search(text)]
    assert len(found) > 20, "the engine's messages are looked for where they are not"

    said = {text: hints.for_charm(text) for text in found}

    left = {text for text, new in said.items() if _FOREIGN.search(new)}
    assert {text for text in left if not any(each in text for each in _PROGRAMS)} == set()


def test_what_it_names_is_there() -> None:
    said = " ".join(hints.for_charm(text) for text in _messages() if _FOREIGN.search(text))
    named = {
        kind: set(re.findall(rf"\b{kind} ([a-z]+(?:-[a-z]+)*)", said))
        for kind in ("option", "action")
    }
    root: pathlib.Path = paths.REPOSITORY
    options = yaml.safe_load((root / "config.yaml").read_text())["options"]
    actions = yaml.safe_load((root / "actions.yaml").read_text())
    assert named["option"] <= set(options)
    assert named["option"]
    assert named["action"] <= set(actions)
    assert named["action"]


@pytest.mark.parametrize(
    ("engine", "charm"),
    [
        (
            "no image service is available in region Nowhere; regions with one: RegionOne",
            "no image service is available in region Nowhere; set the option region to one of: "
            "RegionOne",
        ),
        (
            "the image service in region RegionOne has no internal endpoint; it has: public",
            "the image service in region RegionOne has no internal endpoint; set the option "
            "use-internal-endpoints=false",
        ),
        (
            "cannot authenticate at https://10.0.0.1:5000/v3: the credentials are refused; check "
            "user, password, project and domains",
            "cannot authenticate at https://10.0.0.1:5000/v3: the credentials are refused; check "
            "the user that keystone gave on identity-credentials",
        ),
        (
            "is the image good (retrofit verify glance:5f3c), or not?",
            "is the image good (action verify-image with image=5f3c), or not?",
        ),
        ("the mirror does not answer", "the mirror does not answer"),
    ],
)
def test_says_it_in_the_charm_s_words(engine: str, charm: str) -> None:
    assert hints.for_charm(engine) == charm
