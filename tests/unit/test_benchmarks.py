"""What the measurements make of their numbers."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
from benchmarks import chart, goals, measure, publication, record, table

_MIB = 2**20
_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def _run(name: str, wall_s: float = 100, **changes: object) -> record.Run:
    run = record.Run(
        name=name,
        what=f"what {name} is",
        cache="cold",
        outcome=measure.Outcome.DONE,
        complaint="",
        wall_s=wall_s,
        cpu_s=50,
        largest_process=100 * _MIB,
        own_memory=60 * _MIB,
        peak_disk=1000 * _MIB,
        written=2000 * _MIB,
        downloaded=80 * _MIB,
        image_size=350 * _MIB,
        command=f"run {name}",
    )
    return dataclasses.replace(run, **changes)


def _document(*runs: record.Run, **figures: float) -> record.Document:
    machine = {
        "date": "2026-01-02",
        "system": "Debian",
        "processors": 2,
        "memory-gib": 24,
        "kvm": False,
    }
    return record.Document(machine, "make bench", runs, figures)


def _goal(document: record.Document, what: str) -> goals.Goal:
    return next(goal for goal in goals.check(document) if goal.what.startswith(what))


@pytest.mark.parametrize(
    ("wall_s", "outcome", "met"),
    [
        (2000, measure.Outcome.DONE, True),
        (1999, measure.Outcome.DONE, False),
        # Whatever it would have taken, it took long enough.
        (2001, measure.Outcome.STOPPED, True),
        # It might have taken longer.
        (1500, measure.Outcome.STOPPED, None),
        (2500, measure.Outcome.FAILED, None),
    ],
)
def test_a_peer_is_slower_only_if_that_was_seen(
    wall_s: float, outcome: measure.Outcome, met: bool | None
):
    peer = _run("virt-customize", wall_s, outcome=outcome)
    document = _document(_run("retrofit-cold", 100), peer)

    assert _goal(document, "virt-customize").met is met


def test_ours_is_fast_enough_only_if_the_other_ended():
    stopped = _run("floor", 200, outcome=measure.Outcome.STOPPED)

    assert _goal(_document(_run("retrofit-cold", 80), _run("floor")), "retrofit-cold").met
    assert _goal(_document(_run("retrofit-cold", 81), _run("floor")), "retrofit-cold").met is False
    assert _goal(_document(_run("retrofit-cold", 80), stopped), "retrofit-cold").met is None


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert {goal.met for goal in goals.check(_document())} == {None}


def test_sizes_and_steps_are_compared_with_what_they_are_to_be():
    document = _document(
        _run("retrofit-cold", peak_disk=1800 * _MIB),
        _run("sparsify", image_size=400 * _MIB),
        used_bytes=1000 * _MIB,
        result_bytes=360 * _MIB,
        other_steps_s=30,
        package_step_s=100,
        our_upload_s=1.2,
        plain_upload_s=1,
        help_cpu_s=0.1,
    )

    assert _goal(document, "peak disk").value == 1.8
    assert _goal(document, "image size").value == 0.9
    assert _goal(document, "all steps").met is False
    assert _goal(document, "upload").met is False
    assert _goal(document, "download").met is None
    assert _goal(document, "peak memory").value == 60


def test_the_table_compares_with_our_cold_build():
    peers = [
        _run("floor", 250),
        _run("virt-customize", 1800, outcome=measure.Outcome.STOPPED, cpu_s=None),
    ]

    lines = table.runs(_document(_run("retrofit-cold", 100), *peers)).splitlines()

    assert lines[2].startswith("| what retrofit-cold is | cold | 100 | 50 |")
    assert lines[3].startswith("| what floor is | cold | 250 (2.5×) | 50 (1×) |")
    assert lines[4].startswith("| what virt-customize is | cold | stopped after 1800 |  |")


def test_tars_from_a_mirror_are_compared_with_each_other():
    tars = [
        _run("create-cold", 60, peak_disk=500 * _MIB),
        _run("disk-image-create-cold", 150, peak_disk=1000 * _MIB),
    ]
    document = _document(_run("retrofit-cold", 100), *tars)

    assert _goal(document, "create-cold, to disk-image-create-cold").value == 0.4
    assert "create-" not in table.runs(document)
    lines = table.created(document).splitlines()
    assert lines[2].startswith("| what create-cold is | cold | 60 | 50 | 100 | 500 |")
    assert lines[3].startswith("| what disk-image-create-cold is | cold | 150 (2.5×) | 50 (1×) |")
    assert table.created(_document(_run("retrofit-cold"))) == ""


def test_the_chart_shows_who_was_stopped(tmp_path: pathlib.Path):
    stopped = _run("virt-customize", 1800, outcome=measure.Outcome.STOPPED, cpu_s=None)

    chart.draw(_document(_run("retrofit-cold"), stopped), tmp_path / "chart.svg")

    assert "stopped: 1800" in (tmp_path / "chart.svg").read_text()


# There is none before the first go.
@pytest.mark.parametrize("latest", record.RESULTS.glob("latest.json"), ids=lambda path: path.name)
def test_pages_show_the_latest(latest: pathlib.Path):
    document = record.load()

    assert publication.section(document) in (_REPOSITORY / "README.md").read_text()
    assert publication.page(document) == latest.with_suffix(".md").read_text()
