"""Members and clients of a load balancer that is proved; here they speak with each other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from retrofit.recipes.amphora.trial import backends, clients

_ADDRESS = "127.0.0.1"


@pytest.fixture
def backend() -> Iterator[backends.Backend]:
    with socket.create_server((_ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    with backends.serve("blue", _ADDRESS, port) as backend:
        yield backend


@pytest.fixture
def target(backend: backends.Backend) -> clients.Target:
    return clients.Target(backend.address, backend.port)


def test_it_says_who_it_is_and_counts(backend: backends.Backend, target: clients.Target) -> None:
    answer = target.get("/path")
    target.get(backends.HEALTH)

    assert (answer.status, answer.backend, answer.tls) == (200, "blue", "")
    assert answer.told["path"] == "/path"
    assert (backend.served, backend.checked) == (1, 1)


def test_one_that_is_down_refuses_connections_and_ends_others(
    backend: backends.Backend, target: clients.Target
) -> None:
    with socket.create_connection((backend.address, backend.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: blue\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")

        backend.take_down()

        while idle.recv(4096):
            pass
    with pytest.raises(ConnectionRefusedError):
        target.get()

    backend.bring_up()

    assert target.get().backend == "blue"


def test_a_held_request_is_answered_when_it_is_released(
    backend: backends.Backend, target: clients.Target
) -> None:
    answers: list[clients.Answer] = []
    asking = threading.Thread(target=lambda: answers.append(target.get(backends.HELD)))
    asking.start()
    while not backend.held:
        time.sleep(0.01)

    assert not answers
    backend.release()
    asking.join()

    assert [answer.backend for answer in answers] == ["blue"]
    assert backend.held == 0


def test_one_that_came_back_holds_requests_again(
    backend: backends.Backend, target: clients.Target
) -> None:
    backend.take_down()
    backend.bring_up()

    with pytest.raises(TimeoutError):
        target.get(backends.HELD, timeout_s=0.5)


def test_a_stream_knows_what_was_lost(backend: backends.Backend, target: clients.Target) -> None:
    with clients.stream(target, pause_s=0.01, timeout_s=1.0) as flowing:
        while not flowing.answered_since(0.0):
            time.sleep(0.01)
        assert not flowing.lost

        backend.take_down()
        while not flowing.lost:
            time.sleep(0.01)

        backend.bring_up()
        up = time.monotonic()
        while (again := flowing.answered_since(up)) is None:
            time.sleep(0.01)

    assert again.backend == "blue"
    assert "refused" in flowing.lost[0].fault
