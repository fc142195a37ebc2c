"""What is read of Octavia's answers, however they come: a service that answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from retrofit import errors
from retrofit.cloud import refusals
from retrofit.rollout import amphorae, fleet

Answers = Callable[[str, Mapping[str, str]], Any]

_BALANCER = {"id": "lb", "name": None, "provisioning_status": "ACTIVE", "flavor_id": None}
_AMPHORA = {"id": "a", "loadbalancer_id": "lb", "role": None, "status": "BOOTING"}
_EMPTY: Mapping[str, Any] = {
    "/octavia/amphorae": {"amphorae": []},
    "/lbaas/loadbalancers": {"loadbalancers": []},
    "/lbaas/flavors": {"flavors": []},
    "/lbaas/flavorprofiles": {"flavorprofiles": []},
}


class _Response:
    def __init__(self, text: str) -> None:
        self._text = text

    def json(self) -> Any:
        return json.loads(self._text)


class Connection:
    """Stands for a cloud and its one service.

    Attributes:
        asked: Path and query of each request.
        timeouts: Time-outs of those that are not to be repeated.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.timeouts: set[float] = set()

    def api(self, kind: str) -> Connection:
        assert kind == "load_balancer"
        return self

    def send(
        self, method: str, path: str, what: str, params: Mapping[str, str] | None = None
    ) -> _Response:
        assert method == "GET"
        self.asked.append((path, dict(params or {})))
        answer = self._answers(path, params or {})
        if isinstance(answer, int):
            raise refusals.refusal(what, answer, "no")
        return _Response(answer if isinstance(answer, str) else json.dumps(answer))

    def once(self, *words: str, params: Mapping[str, str], timeout: float) -> _Response:
        self.timeouts.add(timeout)
        return self.send(*words, params=params)


def _octavia(answers: Answers) -> tuple[amphorae.Octavia, Connection]:
    connection = Connection(answers)
    return amphorae.Octavia(connection), connection  # type: ignore[arg-type]


def _fixed(**changes: Any) -> Answers:
    """Return what answers each list in one way; names are the lists'."""
    places = {next(iter(answer)): path for path, answer in _EMPTY.items()}
    told = dict(_EMPTY) | {places[name]: answer for name, answer in changes.items()}
    return lambda path, _: told[path]


def test_what_octavia_does_not_tell_is_empty() -> None:
    octavia, _ = _octavia(
        _fixed(amphorae={"amphorae": [_AMPHORA]}, loadbalancers={"loadbalancers": [_BALANCER]})
    )

    assert octavia.read() == fleet.Fleet(
        (fleet.Balancer("lb", "", "ACTIVE", "", (fleet.Amphora("a", "", "BOOTING", ""),)),),
        spares=(),
        flavor_tags=frozenset(),
    )


def test_lists_are_read_to_their_end() -> None:
    rows = [_AMPHORA | {"id": f"a{number}"} for number in range(7)]

    def answer(path: str, query: Mapping[str, str]) -> Any:
        if path != "/octavia/amphorae":
            return {"loadbalancer": _BALANCER}
        assert query["loadbalancer_id"] == "lb"
        begin = int(query.get("marker", "a-1")[1:]) + 1
        # Octavia's own limit is lower, and the link forgets what was asked for.
        links = [{"rel": "previous", "href": "?"}, {"rel": "next", "href": "?limit=3"}]
        more = begin + 3 < len(rows)
        return {"amphorae": rows[begin : begin + 3], "amphorae_links": links[: 1 + more]}

    octavia, connection = _octavia(answer)
    seen = octavia.refreshed(fleet.Balancer("lb", "", "", "tag", ()))

    assert seen is not None
    assert [each.id for each in seen.amphorae] == [row["id"] for row in rows]
    assert seen.tag == "tag"
    assert len(connection.asked) == 4


def test_a_list_without_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amphorae, "_MOST_PAGES", 3)
    page = {"amphorae": [_AMPHORA], "amphorae_links": [{"rel": "next", "href": ""}]}
    octavia, connection = _octavia(_fixed(amphorae=page))

    with pytest.raises(errors.Unavailable, match="the list does not end"):
        octavia.read()

    assert len(connection.asked) == 3


def test_flavors_name_tags() -> None:
    profiles = [
        {"id": "p1", "flavor_data": '{"amp_image_tag": "of-a-flavor"}'},
        {"id": "p2", "flavor_data": '{"compute_flavor": "2"}'},
    ]
    flavors = [
        {"id": "f1", "flavor_profile_id": "p1"},
        {"id": "f2", "flavor_profile_id": "p2"},
        {"id": "f3", "flavor_profile_id": "gone"},
    ]
    names = ("f1", "f2", "f3", None)
    octavia, _ = _octavia(
        _fixed(
            amphorae={
                "amphorae": [_AMPHORA | {"loadbalancer_id": f"of {each}"} for each in names]
            },
            loadbalancers={
                "loadbalancers": [
                    _BALANCER | {"id": f"of {each}", "flavor_id": each} for each in names
                ]
            },
            flavors={"flavors": flavors},
            flavorprofiles={"flavorprofiles": profiles},
        )
    )

    seen = octavia.read()

    assert [each.tag for each in seen.balancers] == ["of-a-flavor", "", "", ""]
    assert seen.flavor_tags == {"of-a-flavor"}


def test_releases_before_flavors_have_none() -> None:
    octavia, _ = _octavia(_fixed(flavorprofiles=404))

    assert octavia.read().flavor_tags == frozenset()


def test_what_was_deleted_is_no_amphora() -> None:
    rows = [_AMPHORA | {"status": "DELETED"}, _AMPHORA | {"loadbalancer_id": None, "id": "s"}]
    spare = _AMPHORA | {"loadbalancer_id": None, "status": "READY", "image_id": "i"}
    octavia, _ = _octavia(
        _fixed(amphorae={"amphorae": [*rows, spare]}, loadbalancers={"loadbalancers": [_BALANCER]})
    )

    seen = octavia.read()

    assert seen.balancers == ()
    assert seen.spares == (fleet.Amphora("a", "", "READY", "i"),)


def test_a_load_balancer_may_be_gone() -> None:
    octavia, _ = _octavia(lambda *_: 404)

    assert octavia.refreshed(fleet.Balancer("lb", "", "", "", ())) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"amphorae": "<html>"},
        {"amphorae": []},
        {"amphorae": {"amphora": []}},
        {"amphorae": {"amphorae": [{"id": 7, "status": "READY"}]}},
        {"amphorae": {"amphorae": [_AMPHORA], "amphorae_links": [7]}},
        {"loadbalancers": {"loadbalancers": [{"id": "lb"}]}},
        {"flavorprofiles": {"flavorprofiles": [{"id": "p", "flavor_data": "{"}]}},
        {"flavorprofiles": {"flavorprofiles": [{"id": "p", "flavor_data": "[]"}]}},
    ],
)
def test_an_answer_that_is_none_is_an_error(changes: dict[str, Any]) -> None:
    octavia, _ = _octavia(_fixed(**changes))

    with pytest.raises(errors.Unavailable, match="is not what its API describes; check") as caught:
        octavia.read()

    assert "\n" not in str(caught.value)


def test_who_has_no_patience_asks_once() -> None:
    connection = Connection(_fixed())

    amphorae.Octavia(connection, patience_s=7).read()  # type: ignore[arg-type]

    assert connection.timeouts == {7}


def test_a_refusal_names_the_role() -> None:
    octavia, _ = _octavia(_fixed(amphorae=403))

    with pytest.raises(errors.Denied, match="role load-balancer_admin or admin"):
        octavia.read()
