"""A session of planning asks nobody twice for the same."""

import contextlib
import pathlib
from collections.abc import Iterator

import pytest
from tests.support.provenance import records

from retrofit import cloud, errors
from retrofit.definitions import expansion
from retrofit.planning import planner

_IMAGES = expansion.parse(
    """\
images:
- name: a
  releases: [jammy, noble]
  formats: [qcow2, raw]
  tags: ["a-{release}-{format}"]
- name: b
  cloud: another
  tags: [b]
""",
    pathlib.Path("images.yaml"),
)


class _Origin:
    """Stands for a base image."""

    untrusted = ()


class _Session(planner.Session):
    """Counts what it asks for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: contextlib.ExitStack) -> None:
        super().__init__(held)
        self.asked: list[str] = []
        self.problem: errors.RetrofitError | None = None
        monkeypatch.setattr(planner, "find", self._found)
        monkeypatch.setattr(planner, "plan_image", lambda *_: "a plan")
        monkeypatch.setattr(cloud, "connector", self._connector)

    def _found(self, *_: object) -> _Origin:
        self.asked.append("base")
        if self.problem:
            raise self.problem
        return _Origin()

    def _connector(self, options: cloud.Options, _: object):
        def connect() -> str:
            self.asked.append(f"cloud {options.name}")
            return "a connection"

        return connect


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Session]:
    with contextlib.ExitStack() as held:
        yield _Session(monkeypatch, held)


def test_each_base_image_and_cloud_once(session: _Session):
    assert {session.plan(image.request, records.own([])).plan for image in _IMAGES} == {"a plan"}

    # Two releases here, one elsewhere.
    assert sorted(session.asked) == ["base"] * 3 + ["cloud None", "cloud another"]


def test_no_answer_is_one_too(session: _Session):
    session.problem = errors.Unavailable("the mirror does not answer")

    for image in _IMAGES[:2]:
        with pytest.raises(errors.Unavailable):
            session.plan(image.request, records.own([]))

    assert session.asked == ["base"]
