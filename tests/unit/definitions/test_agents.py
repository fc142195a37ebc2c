"""Sources of the agent in pip's notation, as variables for elements."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors
from retrofit.definitions import agents, run_definition

_ELEMENT = "amphora-agent-source"


@pytest.fixture(autouse=True)
def files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkout/.git").mkdir(parents=True)
    (tmp_path / "plain").mkdir()
    (tmp_path / "octavia-19.0.0.tar.gz").touch()
    (tmp_path / "constraints.txt").touch()


@pytest.mark.parametrize(
    ("source", "kind", "location", "ref"),
    [
        ("octavia==19.0.0", "tar", "pypi://octavia/19.0.0", "*"),
        ("git+https://example.org/octavia", "git", "https://example.org/octavia", "*"),
        (
            "git+https://me:word@example.org/octavia@stable/2026.1",
            "git",
            "https://me:word@example.org/octavia",
            "stable/2026.1",
        ),
        ("git+ssh://git@example.org/o.git@v1", "git", "ssh://git@example.org/o.git", "v1"),
        ("git+file:///srv/octavia@master", "git", "file:///srv/octavia", "master"),
        ("https://example.org/o-1.tar.gz", "tar", "https://example.org/o-1.tar.gz", "*"),
        ("octavia-19.0.0.tar.gz", "tar", "{here}/octavia-19.0.0.tar.gz", "*"),
        ("checkout", "git", "{here}/checkout", "*"),
    ],
)
def test_each_notation(
    source: str, kind: str, location: str, ref: str, tmp_path: pathlib.Path
) -> None:
    elements, variables = agents.variables("amphora", source, "")

    assert elements == (_ELEMENT,)
    assert variables == {
        "DIB_INSTALLTYPE_amphora_agent": "source",
        "DIB_REPOTYPE_amphora_agent": kind,
        "DIB_REPOLOCATION_amphora_agent": location.format(here=tmp_path),
        "DIB_REPOREF_amphora_agent": ref,
    }


@pytest.mark.parametrize("source", ["", "packages"])
def test_packages_are_the_default(source: str) -> None:
    assert agents.variables("amphora", source, "") == ((), {})


@pytest.mark.parametrize(
    ("constraints", "location"),
    [
        ("https://example.org/upper.txt", "https://example.org/upper.txt"),
        ("constraints.txt", "{here}/constraints.txt"),
    ],
)
def test_constraints(constraints: str, location: str, tmp_path: pathlib.Path) -> None:
    _, variables = agents.variables("amphora", "octavia==19.0.0", constraints)

    assert variables["DIB_INSTALLTYPE_upper_constraints"] == "source"
    assert variables["DIB_REPOLOCATION_upper_constraints"] == location.format(here=tmp_path)


@pytest.mark.parametrize(
    ("recipe", "source", "constraints", "kind", "fault"),
    [
        ("plain", "octavia==19.0.0", "", errors.ConfigError, "the recipe plain has no agent"),
        ("amphora", "", "constraints.txt", errors.ConfigError, "agent-constraints has no effect"),
        ("amphora", "plain", "", errors.ConfigError, "is not a git repository"),
        ("amphora", "git+nowhere", "", errors.ConfigError, "wrong source of the agent"),
        ("amphora", "none.tar.gz", "", errors.InputMissing, "none.tar.gz does not exist"),
        ("amphora", "checkout", "none.txt", errors.InputMissing, "none.txt does not exist"),
    ],
)
def test_faults(
    recipe: str, source: str, constraints: str, kind: type[errors.RetrofitError], fault: str
) -> None:
    with pytest.raises(kind) as raised:
        agents.variables(recipe, source, constraints)
    assert fault in raised.value.message


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("", ""),
        ("packages", "packages"),
        ("octavia==19.0.0", "octavia==19.0.0"),
        ("git+https://example.org/o@v1", "git+https://example.org/o@v1"),
        ("checkout", "/etc/definitions/checkout"),
        ("/srv/octavia", "/srv/octavia"),
    ],
)
def test_paths_of_a_definition_are_relative_to_its_file(place: str, found: str) -> None:
    assert agents.below(pathlib.Path("/etc/definitions"), place) == found


def test_variables_of_the_operator_count_more() -> None:
    build = (
        run_definition.RunDefinition.parse(
            source="base.qcow2",
            target="out.qcow2",
            agent="git+https://example.org/octavia",
            elements=("mine",),
            environment={"DIB_REPOREF_amphora_agent": "v1"},
        )
        .to_request()
        .build
    )

    assert build.elements == (_ELEMENT, "mine")
    assert dict(build.environment)["DIB_REPOREF_amphora_agent"] == "v1"
    assert dict(build.environment)["DIB_REPOTYPE_amphora_agent"] == "git"
