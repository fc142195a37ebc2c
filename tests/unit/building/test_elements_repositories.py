"""What files ``source-repository-*`` say."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors
from retrofit.building.elements import dependencies, repositories

Kind = repositories.Kind


def found(tmp_path: pathlib.Path, text: str, **variables: str) -> list[repositories.Repository]:
    """Read a file of the element ``mine``."""
    (tmp_path / "mine").mkdir(exist_ok=True)
    (tmp_path / "mine/source-repository-tool").write_text(text)
    (tmp_path / "mine/source-repository-tool~").write_text("left by an editor\n")
    element = dependencies.Element("mine", tmp_path / "mine")
    return list(repositories.find([element], variables))


@pytest.mark.parametrize(
    ("line", "variables", "expected"),
    [
        (
            "tool git /opt/tool https://git.example/tool.git",
            {},
            (Kind.GIT, "/opt/tool", "https://git.example/tool.git", "master"),
        ),
        (
            "tool git /opt/tool 'https://git.example/tool.git' $BRANCH",
            {"BRANCH": "stable/1"},
            (Kind.GIT, "/opt/tool", "https://git.example/tool.git", "stable/1"),
        ),
        (
            "tool tar ${PLACE:-/opt/tool} https://web.example/tool-$VERSION.tar.gz .",
            {"VERSION": "2"},
            (Kind.TAR, "/opt/tool", "https://web.example/tool-2.tar.gz", "."),
        ),
        (
            "tool tar /opt/tool /srv/tool.tar",
            {},
            (Kind.TAR, "/opt/tool", "/srv/tool.tar", "*"),
        ),
        (
            "tool git /opt/tool https://git.example/group/tool.git",
            {"DIB_GITREPOBASE": "https://mirror.example/git/"},
            (Kind.GIT, "/opt/tool", "https://mirror.example/git/group/tool.git", "master"),
        ),
        (
            "tool git /opt/tool https://git.example/tool.git",
            {"DIB_REPOLOCATION_tool": "git@git.example:tool", "DIB_REPOREF_tool": "v1"},
            (Kind.GIT, "/opt/tool", "git@git.example:tool", "v1"),
        ),
        (
            "tool git /opt/tool https://git.example/tool.git",
            {"DIB_REPOTYPE_tool": "file", "DIB_REPOLOCATION_tool": "file:///srv/tool"},
            (Kind.FILE, "/opt/tool", "file:///srv/tool", ""),
        ),
        ("tool package", {}, (Kind.PACKAGE, "", "", "")),
    ],
)
def test_what_a_line_says(
    tmp_path: pathlib.Path,
    line: str,
    variables: dict[str, str],
    expected: tuple[Kind, str, str, str],
) -> None:
    [one] = found(tmp_path, f"# a comment\n\n{line}\n", **variables)
    assert (one.kind, one.destination, one.location, one.ref) == expected


def test_a_name_becomes_part_of_a_variable(tmp_path: pathlib.Path) -> None:
    line = "my-tool git /opt/tool https://git.example/tool.git"
    [one] = found(tmp_path, line, DIB_REPOREF_my_tool="v2")
    assert one.ref == "v2"


@pytest.mark.parametrize(
    "variables", [{"DIB_INSTALLTYPE_tool": "package"}, {"DIB_DEFAULT_INSTALLTYPE": "package"}]
)
def test_what_is_installed_from_packages_is_not_fetched(
    tmp_path: pathlib.Path, variables: dict[str, str]
) -> None:
    line = "tool git /opt/tool https://git.example/tool.git"
    assert found(tmp_path, line, **variables) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("tool git", "tool has no destination or no location"),
        ("tool svn /opt/tool https://svn.example/tool", "cannot read the line 'tool svn"),
        ("tool git /opt/tool https://me:secret@git.example/a b c", "cannot read the line"),
        ("tool git /opt/tool git://git.example/tool", "cannot fetch git://git.example/tool"),
        ("tool git /opt/tool ext::sh", "cannot fetch ext::sh"),
        ("tool git /opt/tool --upload-pack=x", "cannot fetch --upload-pack=x"),
        ("tool tar /opt/tool ssh://host/tool.tar", "cannot fetch ssh://host/tool.tar"),
        ("tool file /opt/tool me@host:tool", "cannot fetch me@host:tool"),
        ("tool git /opt/tool ftp://me:secret@host/x", "cannot fetch ftp://host/x"),
        ("tool git /opt/../etc https://git.example/tool", "wrong destination /opt/../etc"),
        ("tool git / https://git.example/tool", "tool has no destination"),
        ("tool git /opt/tool https://git.example/tool --all", "wrong reference '--all'"),
        ("tool tar /opt/tool https://web.example/t.tar ../..", "wrong reference '../..'"),
        ("tool git /opt/tool https://git.example/$(id)", "cannot read the line"),
        ("tool git /opt/tool https://git.example/`id`", "cannot read the line"),
        ("tool git /opt/tool https://git.example/$WHICH", "the variable WHICH, which is not set"),
    ],
)
def test_what_cannot_be_fetched_is_refused_by_name(
    tmp_path: pathlib.Path, line: str, fault: str
) -> None:
    with pytest.raises(errors.ConfigError) as raised:
        found(tmp_path, line)
    assert raised.value.message.startswith("the element mine: source-repository-tool")
    assert fault in raised.value.message
    assert "secret" not in str(raised.value)


def test_a_wrong_type_of_a_variable_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ConfigError, match="wrong value 'hg' of DIB_REPOTYPE_tool"):
        found(tmp_path, "tool git /opt/tool https://git.example/t", DIB_REPOTYPE_tool="hg")


def test_two_sources_do_not_share_a_place(tmp_path: pathlib.Path) -> None:
    lines = "one git /opt/tool https://git.example/1\ntwo git /opt/tool https://git.example/2\n"
    with pytest.raises(errors.ConfigError, match="both go to /opt/tool"):
        found(tmp_path, lines)
