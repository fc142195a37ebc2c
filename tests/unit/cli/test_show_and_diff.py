"""What ``retrofit show`` and ``retrofit diff`` print for a person."""

from __future__ import annotations

import dataclasses
import re
import uuid

import pytest
from click import testing
from tests.support.provenance import records

from retrofit import model
from retrofit.cli import main, show
from retrofit.provenance import description, marks

_FIRST, _SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def printed(monkeypatch: pytest.MonkeyPatch, line: str, *found: description.Record) -> list[str]:
    """Return what a command prints about images of which these are the records."""
    monkeypatch.setattr(show, "records", lambda *_: list(found))
    result = testing.CliRunner().invoke(main.retrofit, line.split(), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output.splitlines()


def test_shows_how_an_image_was_proved_and_made(monkeypatch: pytest.MonkeyPatch) -> None:
    record = records.record(
        archives=model.Archives(uca_pocket="caracal", ppas=("ppa:ours/two", "ppa:ours/one"))
    )
    said = {
        marks.PROOF_DEPTH: "boot",
        marks.PROOF_RESULT: "passed",
        marks.PROOF_TIME: "2026-08-02T03:20:00+00:00",
        marks.PROOF_SUMMARY: "41 passed, 2 not applicable",
    }
    image = dataclasses.replace(record.image, properties={**record.image.properties, **said})

    lines = printed(monkeypatch, f"show {_FIRST}", dataclasses.replace(record, image=image))

    rows = dict(re.split("  +", line, maxsplit=1) for line in lines)
    assert rows["proof"] == "boot passed 2026-08-02T03:20:00+00:00 41 passed, 2 not applicable"
    assert rows["recipe"] == (
        f"amphora, retrofit {record.provenance.engine}, diskimage-builder 3.42.0, octavia 19.0.0"
    )
    assert rows["uca-pocket"] == "caracal"
    assert rows["ppas"] == "ppa:ours/one ppa:ours/two"
    assert rows["packages"] == "3, 1 of them security updates"
    # It is in use: there is nothing to say.
    assert "state" not in rows


def test_lists_differences_and_sums_them_up(monkeypatch: pytest.MonkeyPatch) -> None:
    haproxy, keepalived, tzdata = records.PACKAGES
    older = dataclasses.replace(haproxy, version="2.8.5-1ubuntu3.3", security=False)
    newer = dataclasses.replace(tzdata, version="2026b-0ubuntu0.24.04")

    lines = printed(
        monkeypatch,
        f"diff {_FIRST} {_SECOND}",
        records.record((older, keepalived, newer)),
        records.record((haproxy, tzdata), elements=("amphora-agent",)),
    )

    assert [line.split() for line in lines[:-1]] == [
        ["upgraded", "haproxy", "2.8.5-1ubuntu3.3", "→", "2.8.5-1ubuntu3.4", "security"],
        ["downgraded", "tzdata", "2026b-0ubuntu0.24.04", "→", "2026a-0ubuntu0.24.04"],
        ["removed", "keepalived", "1:2.2.8-1build2"],
        ["differs", "elements", "amphora-agent", "haproxy-octavia", "→", "amphora-agent"],
    ]
    assert lines[-1] == ("packages: 0 added, 1 removed, 1 upgraded (1 security), 1 downgraded")
