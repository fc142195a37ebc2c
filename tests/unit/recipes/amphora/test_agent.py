"""The client of the amphora agent, against a server that asks for certificates as it does."""

from __future__ import annotations

import json
import pathlib
import uuid
from collections.abc import Iterator

import pytest
from tests.support.proof import agent_server

from retrofit.proof import certificates
from retrofit.recipes.amphora.trial import agent

_AMPHORA = str(uuid.uuid4())


@pytest.fixture
def controllers() -> certificates.Authority:
    return certificates.Authority("Controllers")


@pytest.fixture
def server(
    tmp_path: pathlib.Path, controllers: certificates.Authority
) -> Iterator[agent_server.AgentServer]:
    amphorae = certificates.Authority("Amphorae")
    for name, text in (
        ("server.pem", amphorae.issue(_AMPHORA).both),
        ("server_ca.pem", amphorae.pair.certificate),
        ("client_ca.pem", controllers.pair.certificate),
        ("client.pem", controllers.issue("controller").both),
    ):
        (tmp_path / name).write_text(text)
    server = agent_server.AgentServer(tmp_path / "server.pem", tmp_path / "client_ca.pem")
    with agent_server.serving(server):
        yield server


def _client(
    server: agent_server.AgentServer, directory: pathlib.Path, shown: str | None = "client.pem"
) -> agent.Agent:
    return agent.Agent(
        _AMPHORA,
        "127.0.0.1",
        server.server_port,
        server_ca=directory / "server_ca.pem",
        client=directory / shown if shown else None,
    )


def test_answers_are_read(server: agent_server.AgentServer, tmp_path: pathlib.Path) -> None:
    server.answers["/"] = [(200, b'{"api_version": "1.0"}')]
    server.answers["/1.0/interface/fd00%3A%3A1"] = [(200, b'{"interface": "eth1"}')]
    client = _client(server, tmp_path)

    assert client.version() == {"api_version": "1.0"}
    assert client.interface("fd00::1") == "eth1"


def test_texts_are_sent_as_they_are(
    server: agent_server.AgentServer, tmp_path: pathlib.Path
) -> None:
    path = f"/1.0/loadbalancer/{_AMPHORA}/lb/haproxy"
    server.answers[path] = [(202, b"{}")]

    _client(server, tmp_path).upload_haproxy("lb", "global\n")

    assert server.requests == [("PUT", path, "application/octet-stream", "global\n")]


def test_a_card_that_is_not_seen_yet_is_plugged_again(
    server: agent_server.AgentServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_CARD_POLL_S", 0.0)
    missing = json.dumps({"details": "No suitable network interface found"}).encode()
    server.answers["/1.0/plug/vip/10.1.0.5"] = [(404, missing), (404, missing), (202, b"{}")]

    _client(server, tmp_path).plug_vip("10.1.0.5", {"mac_address": "52:54:00:00:00:01"})

    assert [method for method, *_ in server.requests] == ["POST"] * 3
    assert json.loads(server.requests[0][3]) == {"mac_address": "52:54:00:00:00:01"}


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            400,
            b'{"message": "Invalid request", "details": "[ALERT] line 3:\\n unknown"}',
            "answers 400: Invalid request [ALERT] line 3: unknown",
        ),
        (404, b"<h1>Not\nFound</h1>", "answers 404: <h1>Not Found</h1>"),
        (500, b"[]", "answers 500: []"),
    ],
)
def test_what_the_agent_complains_of_is_passed_on(
    server: agent_server.AgentServer,
    tmp_path: pathlib.Path,
    status: int,
    body: bytes,
    message: str,
) -> None:
    server.answers["/1.0/info"] = [(status, body)]

    with pytest.raises(agent.AgentError) as failure:
        _client(server, tmp_path).info()

    assert failure.value.status == status
    assert failure.value.message == f"GET /1.0/info {message}"


_LOST = b'{"details": "Failed to stop a.service: Transport endpoint is not connected"}'


def test_a_starved_machine_is_asked_again(
    server: agent_server.AgentServer,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(agent, "_PAUSE_S", 0.0)
    client = _client(server, tmp_path)
    # It was stopped all the same.
    server.answers["/1.0/listeners/a"] = [(500, _LOST), (404, b"{}")]
    server.answers["/1.0/loadbalancer/a/start"] = [(500, _LOST), (500, _LOST), (202, b"{}")]

    client.delete("a")
    client.start("a")

    assert [method for method, *_ in server.requests] == ["DELETE"] * 2 + ["PUT"] * 3
    assert caplog.text.count("the agent is asked once more") == 3


def test_what_is_lost_again_and_again_is_an_error(
    server: agent_server.AgentServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_PAUSE_S", 0.0)
    server.answers["/1.0/info"] = [(500, _LOST)]
    server.answers["/1.0/listeners/b"] = [(404, b"{}")]
    server.answers["/1.0/plug/vip/10.1.0.5"] = [(500, _LOST)]
    client = _client(server, tmp_path)

    for ask in (client.info, lambda: client.delete("b"), lambda: client.plug_vip("10.1.0.5", {})):
        with pytest.raises(agent.AgentError):
            ask()

    assert [method for method, *_ in server.requests] == ["GET"] * 3 + ["DELETE", "POST"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"interface": 7}', b"{}"])
def test_an_answer_without_sense_is_an_error(
    server: agent_server.AgentServer, tmp_path: pathlib.Path, body: bytes
) -> None:
    server.answers["/1.0/interface/192.0.2.1"] = [(200, body)]

    with pytest.raises(agent.AgentError, match=r"no JSON|without interface"):
        _client(server, tmp_path).interface("192.0.2.1")


def test_a_client_without_certificate_is_refused(
    server: agent_server.AgentServer, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(agent.Refused, match=r"handshake failure"):
        _client(server, tmp_path, shown=None).version()


def test_a_stranger_is_refused(server: agent_server.AgentServer, tmp_path: pathlib.Path) -> None:
    stranger = certificates.Authority("Strangers").issue("controller")
    (tmp_path / "stranger.pem").write_text(stranger.both)

    with pytest.raises(agent.Refused, match=r"unknown ca"):
        _client(server, tmp_path, shown="stranger.pem").version()


def test_who_shows_an_expired_certificate_is_refused(
    server: agent_server.AgentServer, tmp_path: pathlib.Path, controllers: certificates.Authority
) -> None:
    (tmp_path / "old.pem").write_text(controllers.issue("controller", expired=True).both)

    with pytest.raises(agent.Refused, match=r"certificate expired"):
        _client(server, tmp_path, shown="old.pem").version()


def test_another_amphora_is_not_talked_to(
    server: agent_server.AgentServer, tmp_path: pathlib.Path
) -> None:
    other = agent.Agent(
        str(uuid.uuid4()),
        "127.0.0.1",
        server.server_port,
        server_ca=tmp_path / "server_ca.pem",
        client=tmp_path / "client.pem",
    )

    with pytest.raises(agent.AgentError, match=r"doesn't match") as failure:
        other.version()

    assert not isinstance(failure.value, agent.Refused)


def test_nobody_answers(tmp_path: pathlib.Path, server: agent_server.AgentServer) -> None:
    client = _client(server, tmp_path)
    server.shutdown()
    server.server_close()

    with pytest.raises(agent.AgentError, match="Connection refused") as failure:
        client.version()

    assert not isinstance(failure.value, agent.Refused)
