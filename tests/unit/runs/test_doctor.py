"""Checks side by side: bounded in time, and none waits for one that it does not need."""

import threading

import pytest

from retrofit import model
from retrofit.cloud import image_checks
from retrofit.host import web
from retrofit.model import diagnosis
from retrofit.runs import doctor

_PATIENT = doctor.Patient(cloud=None, tags=("octavia-amphora",))


def test_without_a_cloud_its_checks_are_not_made():
    result = doctor.examine(_PATIENT, (doctor.Subject.ACCESS, doctor.Subject.MIRRORS))

    assert result.failed == []
    assert [(str(subject), str(found)) for subject, found in result.findings] == [
        ("access", doctor._NO_CLOUD),
        ("mirrors", "none is named: images keep the archives of their base"),
    ]


def test_a_check_that_hangs_hides_no_other(monkeypatch: pytest.MonkeyPatch):
    never = threading.Event()

    def hang() -> str:
        never.wait()
        return "too late"

    made = (
        diagnosis.Check("hangs", hang),
        diagnosis.Check("waits", lambda: "never asked", ("hangs",)),
        diagnosis.Check("answers", lambda: "seen"),
    )
    monkeypatch.setattr(doctor, "_checks", lambda *_: made)

    result = doctor.examine(_PATIENT, (doctor.Subject.MIRRORS,), bound_s=0.2)

    never.set()
    assert [(found.check, found.outcome.value, str(found)) for _, found in result.findings] == [
        ("hangs", "not checked", "no answer within 0 s"),
        ("waits", "not checked", "no answer within 0 s"),
        ("answers", "ok", "seen"),
    ]


def test_checks_that_are_needed_are_made_and_not_shown():
    asked = []

    def ask(name: str) -> str:
        asked.append(name)
        return name

    needed = diagnosis.Check("credentials", lambda: ask("credentials"))
    asking = diagnosis.Check("octavia", lambda: ask("octavia"), ("credentials",))
    made = {doctor.Subject.ACCESS: (needed,), doctor.Subject.OCTAVIA: (asking,)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(doctor, "_checks", lambda subject, *_: made[subject])
        result = doctor.examine(_PATIENT, (doctor.Subject.OCTAVIA,))

    assert asked == ["credentials", "octavia"]
    assert [found.check for _, found in result.findings] == ["octavia"]


@pytest.mark.parametrize(
    ("archives", "names"),
    [
        (
            model.Archives(mirror="http://user:secret@mirror/ubuntu/", uca_pocket="caracal"),
            [
                "http://mirror/ubuntu/dists/noble/InRelease",
                "http://mirror/ubuntu/dists/noble-updates/InRelease",
                "http://mirror/ubuntu/dists/noble-security/InRelease",
                "http://ubuntu-cloud.archive.canonical.com/ubuntu/dists/noble-updates/caracal"
                "/InRelease",
            ],
        ),
        (
            model.Archives(
                mirror="deb [trusted=yes] http://mirror/a noble main\n"
                "deb-src http://mirror/a noble main\ndeb http://mirror/flat ./\n# none"
            ),
            ["http://mirror/a/dists/noble/InRelease", "http://mirror/flat/./InRelease"],
        ),
        (model.Archives(), ["mirrors"]),
    ],
)
def test_each_suite_of_the_archives_is_a_check(
    archives: model.Archives, names: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(web, "probe", lambda *_, **__: None)
    mirror = doctor.Mirror(archives, doctor.release_of("noble"), web.Access())
    patient = doctor.Patient(cloud=None, tags=("octavia-amphora",), mirrors=(mirror, mirror))

    result = doctor.examine(patient, (doctor.Subject.MIRRORS,))

    assert [found.check for _, found in result.findings] == names


def test_debian_has_its_security_suites_beside():
    assert doctor.release_of("bookworm") == model.Release("debian", "12", "bookworm", "")


def test_without_a_series_the_newest_lts_is_meant():
    assert doctor.release_of("").distribution == "ubuntu"


@pytest.mark.parametrize(
    ("wanted", "outcome", "says"),
    [
        ({"qcow2"}, "ok", "Glance accepts raw, qcow2"),
        ({"qcow2", "vhd"}, "failed", "Glance accepts no vhd image: it accepts raw, qcow2; set"),
    ],
)
def test_formats_that_glance_does_not_accept(
    wanted: set[str], outcome: str, says: str, monkeypatch: pytest.MonkeyPatch
):
    schema = {"properties": {"disk_format": {"enum": [None, "raw", "qcow2"]}}}
    monkeypatch.setattr(image_checks._Glance, "_ask", lambda *_: schema)
    check = image_checks.checks(None, wanted)[0]  # type: ignore[arg-type]

    ready = diagnosis.Finding("image-service", diagnosis.Outcome.OK, "")
    found = check.answer({"image-service": ready})

    assert (found.outcome.value, str(found)[: len(says)]) == (outcome, says)
