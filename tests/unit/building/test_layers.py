"""What installing packages made of a tree, kept and found again."""

from __future__ import annotations

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from retrofit import errors
from retrofit.building import layers


class Tree:
    """A tree that holds one text, which is all that a layer of it holds, too."""

    def __init__(self, text: str = "base", *, takes_layers: bool = True) -> None:
        self.text = text
        self.takes_layers = takes_layers

    def digest(self, ignored: Sequence[str]) -> str:
        """Return what it holds."""
        assert "var/log" in ignored
        return self.text

    def keep(self, layer: pathlib.Path) -> None:
        """Move the text to a layer."""
        layer.mkdir()
        (layer / "text").write_text(self.text)

    def resume(self, layer: pathlib.Path) -> None:
        """Take the text of a layer."""
        self.text = (layer / "text").read_text()

    def install(self) -> None:
        """Do what is worth a layer."""
        self.text += " installed"


@pytest.fixture
def held() -> Iterator[contextlib.ExitStack]:
    """What a build holds to its end."""
    with contextlib.ExitStack() as stack:
        yield stack


def _never() -> None:
    raise AssertionError("it was installed anew")


def _kept(directory: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in directory.iterdir() if path.is_dir()]


def test_what_was_installed_is_found_again(
    tmp_path: pathlib.Path, held: contextlib.ExitStack
) -> None:
    first, second = Tree(), Tree()
    layers.Layers(tmp_path, "hash", held).recall(first, "vim", first.install)
    layers.Layers(tmp_path, "hash", held).recall(second, "vim", _never)

    assert first.text == second.text == "base installed"


@pytest.mark.parametrize(
    ("base", "text", "inputs"),
    [("other", "base", "vim"), ("hash", "changed", "vim"), ("hash", "base", "emacs")],
    ids=["base image", "tree", "packages"],
)
def test_whatever_differs_makes_another_layer(
    tmp_path: pathlib.Path, held: contextlib.ExitStack, base: str, text: str, inputs: str
) -> None:
    first, second = Tree(), Tree(text)
    layers.Layers(tmp_path, "hash", held).recall(first, "vim", first.install)
    layers.Layers(tmp_path, base, held).recall(second, inputs, second.install)

    assert second.text == f"{text} installed"
    assert len(_kept(tmp_path)) == 2


def test_nothing_is_kept_of_what_failed(
    tmp_path: pathlib.Path, held: contextlib.ExitStack
) -> None:
    with pytest.raises(AssertionError, match="anew"):
        layers.Layers(tmp_path, "hash", held).recall(Tree(), "vim", _never)

    assert _kept(tmp_path) == []


def test_a_tree_that_takes_no_layers_is_installed_anew(
    tmp_path: pathlib.Path, held: contextlib.ExitStack
) -> None:
    tree = Tree(takes_layers=False)
    layers.Layers(tmp_path, "hash", held).recall(tree, "vim", tree.install)

    assert tree.text == "base installed"
    assert _kept(tmp_path) == []


def test_builds_at_once_install_once(tmp_path: pathlib.Path) -> None:
    trees = [Tree() for _ in range(4)]
    calls: list[Tree] = []

    def build(tree: Tree) -> None:
        def install() -> None:
            calls.append(tree)
            tree.install()

        with contextlib.ExitStack() as held:
            layers.Layers(tmp_path, "hash", held).recall(tree, "vim", install)

    threads = [threading.Thread(target=build, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(calls) == 1
    assert {tree.text for tree in trees} == {"base installed"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda layer: (layer / "text").write_text("base instalked"),
        lambda layer: (layer / "text").unlink(),
        lambda layer: (layer / "text").chmod(0o600),
        lambda layer: (layer / "more").touch(),
        lambda layer: layer.with_suffix(".sha256").unlink(),
        lambda layer: layer.with_suffix(".sha256").write_bytes(b"\xff"),
    ],
    ids=["flipped", "missing", "mode", "more", "no digest", "no text"],
)
def test_a_damaged_layer_is_made_anew(
    tmp_path: pathlib.Path,
    damage: Callable[[pathlib.Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def build(inputs: str) -> Tree:
        tree = Tree()
        with contextlib.ExitStack() as held:
            layers.Layers(tmp_path, "hash", held).recall(tree, inputs, tree.install)
        return tree

    build("vim")
    [layer] = _kept(tmp_path)
    damage(layer)

    assert build("vim").text == "base installed"
    assert f"the layer {layer} is damaged" in caplog.text
    assert layer in _kept(tmp_path)
    # Another build may have worked on it; the next that makes a layer removes it.
    build("emacs")
    assert {path.suffix for path in _kept(tmp_path)} == {""}


def test_layers_used_longest_ago_go_but_for_those_in_use(
    tmp_path: pathlib.Path, held: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_RESERVE", 0)
    made: list[pathlib.Path] = []

    def make(inputs: str, stack: contextlib.ExitStack) -> None:
        before = set(_kept(tmp_path))
        tree = Tree()
        layers.Layers(tmp_path, "hash", stack).recall(tree, inputs, tree.install)
        [new] = set(_kept(tmp_path)) - before
        os.utime(new, (len(made), len(made)))
        made.append(new)

    make("in use", held)
    for number in range(5):
        with contextlib.ExitStack() as done:
            make(f"package {number}", done)

    assert set(_kept(tmp_path)) == {made[0], *made[-4:]}


def test_a_full_disk_keeps_no_layer_but_those_in_use(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_RESERVE", 1 << 62)
    for inputs in ("first", "second"):
        with contextlib.ExitStack() as held:
            tree = Tree()
            layers.Layers(tmp_path, "hash", held).recall(tree, inputs, tree.install)

    assert len(_kept(tmp_path)) == 1


def test_a_cache_that_was_named_must_be_usable(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.OutputError, match="cannot be used: File exists"):
        layers.directory(tmp_path / "file")
    monkeypatch.setattr(layers.caches, "of_builds", lambda: tmp_path / "file")
    assert layers.directory(None) is None
