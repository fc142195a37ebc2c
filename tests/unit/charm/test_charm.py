"""The charm against a workload in memory: what it writes, starts and says."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import ops
import pytest
from ops import testing
from tests.support import paths
from tests.unit.charm import charm_fakes

import charm
from workload import cloud_view

Context = testing.Context[charm.RetrofitCharm]

_BAD_INPUT = paths.REPOSITORY / "docs" / "reference" / "bad-input.md"

IMAGE = {
    "id": "5f3c",
    "name": "amphora-haproxy-x86_64-ubuntu-24.04-20261120",
    "size": 361758720,
    "created-at": "2026-11-20T06:00:00+00:00",
}


def _state(*relations: testing.Relation, leader: bool = True, **options: Any) -> testing.State:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return testing.State(relations=relations, leader=leader, config=named)


def _secrets_in(context: Context, state: testing.State) -> bool:
    """Tell whether the password shows in what people get to read."""
    texts = [state.unit_status.message, *(line.message for line in context.juju_log)]
    texts += context.action_logs + [str(context.action_results)]
    return any(charm_fakes.PASSWORD in text for text in texts)


# Status.


def test_names_the_relation_that_is_missing(context: Context) -> None:
    out = context.run(context.on.config_changed(), _state())

    assert out.unit_status == ops.BlockedStatus(
        "missing relation identity-credentials: relate this to keystone"
    )


@pytest.mark.parametrize("lacking", ["auth_host", "credentials_password", "credentials_project"])
def test_waits_until_keystone_has_answered_completely(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload, lacking: str
) -> None:
    answer = {key: value for key, value in keystone.remote_units_data[0].items() if key != lacking}
    partly = dataclasses.replace(keystone, remote_units_data={0: answer})

    out = context.run(context.on.relation_changed(partly), _state(partly, auto_retrofit=True))

    assert out.unit_status == ops.WaitingStatus(
        "waiting for keystone to answer on identity-credentials"
    )
    assert fake.wanted is None
    assert fake.timer is None


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("image-format", "vmdk", "'qcow2' or 'raw'"),
        ("image-compression", "lzma", "'zstd', 'zlib' or 'none'"),
        ("proof-depth", "deep", "'off', 'rest', 'boot' or 'traffic'"),
        ("frequency", "fortnightly", "hourly, daily, weekly or a systemd calendar expression"),
        ("frequency", "2020-01-01", "of the future, such as Mon..Fri 03:30"),
        ("maintenance-window", "at night", "such as 22:00-06:00 or Mon..Fri 22:00-06:00"),
        ("rebuild-on", "", "at least one of base, recipe, security and packages"),
        ("source-projects", "a/b", "IDs of projects, separated by commas"),
        ("keep-images", -1, "the number of images to keep, or 0 to keep all"),
        ("retrofit-series", "nobel", "a series of Ubuntu or Debian"),
        ("retrofit-arch", "i386", "one of amd64, arm64, armhf, ppc64el, riscv64"),
        ("retrofit-uca-pocket", "cloud:noble-caracal!", "a release of OpenStack"),
        ("amp-image-tag", "one,two", "characters, without spaces or commas"),
        ("amp-image-tag", "one two", "characters, without spaces or commas"),
        ("ubuntu-mirror", "mirror.example", "a URL or lines that begin with deb"),
        ("uca-mirror", "ppa:some", "a URL"),
        ("region", "", "the name of a region"),
    ],
)
def test_names_a_wrong_option_and_what_it_may_be(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    name: str,
    value: str,
    allowed: str,
) -> None:
    fake.timer = "daily"

    out = context.run(
        context.on.config_changed(), _state(keystone, auto_retrofit=True, **{name: value})
    )

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert f"wrong option {name}={value!r}: it must be" in out.unit_status.message
    if value in ("fortnightly", "at night"):
        assert f"`blocked`: `{out.unit_status.message}`" in _BAD_INPUT.read_text()
    assert allowed in out.unit_status.message
    assert fake.timer is None, "a schedule went on with the previous options"


def test_is_ready_before_the_first_build(context: Context, keystone: testing.Relation) -> None:
    out = context.run(context.on.relation_changed(keystone), _state(keystone))

    assert out.unit_status == ops.ActiveStatus("ready; no image built yet")
    assert not _secrets_in(context, out)


def _view(**values: Any) -> cloud_view.View:
    now = datetime.datetime.now(datetime.timezone.utc)
    return cloud_view.View.model_validate({"settings": "", "asked": now} | values)


def test_names_what_keeps_the_cloud_from_being_used(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.record(outcome="published", image=IMAGE)
    fake.view = _view(problem="the credentials are refused")

    out = context.run(context.on.update_status(), _state(keystone, auto_retrofit=True))

    assert out.unit_status == ops.BlockedStatus(
        "cannot use the cloud: the credentials are refused"
    )
    assert fake.timer == "daily", "what is wrong may pass by itself"


def test_a_new_leader_knows_the_image_that_the_last_one_made(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    image = IMAGE | {"created-at": charm_fakes.hours_ago(3)}
    fake.view = _view(current=[image])

    out = context.run(context.on.leader_elected(), _state(keystone))

    assert fake.asked_cloud == [datetime.timedelta(0)]
    assert out.unit_status == ops.ActiveStatus(f"{IMAGE['name']} built 3 h ago")


def test_an_image_made_elsewhere_since_is_the_current_one(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    old = IMAGE | {"id": "4e2b", "name": "old"}
    fake.record(outcome="up-to-date", image=old, ended=charm_fakes.hours_ago(30))
    fake.view = _view(current=[IMAGE | {"created-at": charm_fakes.hours_ago(3)}])

    out = context.run(context.on.update_status(), _state(keystone))
    assert out.unit_status == ops.ActiveStatus(f"{IMAGE['name']} built 3 h ago")

    fake.record(outcome="up-to-date", image=old, ended=charm_fakes.hours_ago(-1))
    out = context.run(context.on.update_status(), _state(keystone))
    assert out.unit_status.message.startswith("old")


def test_counts_several_images_that_it_did_not_make(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.view = _view(defined=3, current=[IMAGE, IMAGE])

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.ActiveStatus("ready; 2 of 3 images are in Glance")


@pytest.mark.parametrize(
    ("result", "valid"),
    [
        ({"outcome": "published"}, datetime.timedelta.max),
        (None, datetime.timedelta(hours=1)),
        (
            {"outcome": "failed", "trigger": "action", "named-source": "glance:5f3c"},
            datetime.timedelta(hours=1),
        ),
    ],
)
def test_asks_the_cloud_as_often_as_it_has_to(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    result: dict[str, str] | None,
    valid: datetime.timedelta,
) -> None:
    if result:
        fake.record(**result)

    context.run(context.on.update_status(), _state(keystone))

    assert fake.asked_cloud == [valid]


def test_shows_the_step_that_a_build_is_in(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.running = True
    fake.record(outcome="running", step="customise")

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.MaintenanceStatus("building: customise")


def test_shows_why_a_build_goes_on(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.running = True
    texts = ["newer base 20261120 → 20261121", "security updates: " + "haproxy 2.8 → 2.9, " * 20]
    reasons = [{"kind": "base", "text": text} for text in texts]
    fake.record(outcome="running", step="customise", reasons=reasons)

    out = context.run(context.on.update_status(), _state(keystone))

    told = out.unit_status.message
    assert told.startswith("building: customise (newer base 20261120 → 20261121; security updates")
    assert told.endswith("[...])")
    assert len(told) < 150


def test_does_not_take_the_previous_result_for_the_current_step(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.running = True
    fake.record(outcome="published", step="publish", image=IMAGE)

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.MaintenanceStatus("building")


def test_names_a_result_of_a_newer_revision(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.newer = True

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.BlockedStatus("result.json has version 9; upgrade")


@pytest.mark.parametrize(
    ("hours", "age"), [(0, "just now"), (0.5, "30 min ago"), (2.1, "2 h ago"), (73, "3 days ago")]
)
def test_names_the_last_image_and_its_age(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    hours: float,
    age: str,
) -> None:
    made = IMAGE | {"created-at": charm_fakes.hours_ago(hours)}
    fake.record(outcome="published", image=made)

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.ActiveStatus(f"{IMAGE['name']} built {age}")


def test_says_when_it_looked_last_and_found_nothing_newer(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    made = IMAGE | {"created-at": charm_fakes.hours_ago(73)}
    fake.record(outcome="up-to-date", image=made, ended=charm_fakes.hours_ago(1))

    out = context.run(context.on.update_status(), _state(keystone))

    told = f"{IMAGE['name']} built 3 days ago, found up to date 1 h ago"
    assert out.unit_status == ops.ActiveStatus(told)


@pytest.mark.parametrize(
    ("project", "told"),
    [
        (
            "e1b0",
            "Octavia selects image 77aa of another project instead: set Octavia's option "
            "amp-image-owner-id=e1b0",
        ),
        ("", "Octavia selects image 77aa instead: remove that image, or its tag"),
    ],
)
def test_names_the_shadowing_image(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    project: str,
    told: str,
) -> None:
    made = IMAGE | {"created-at": charm_fakes.hours_ago(2.1)}
    shadowing = [{"id": each, "amp-image-owner-id": project} for each in ("77aa", "88bb")]
    fake.record(outcome="published", image=made, rivals=shadowing)

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.ActiveStatus(f"{IMAGE['name']} built 2 h ago; {told}")


def test_says_what_keeps_old_images_from_being_deleted(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    made = IMAGE | {"created-at": charm_fakes.hours_ago(2.1)}
    problem = "no image is deleted: the users of images are not known: cannot see the servers"
    fake.record(outcome="published", image=made, retired={"problem": problem})

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.ActiveStatus(f"{IMAGE['name']} built 2 h ago; {problem}")


def test_names_the_image_of_an_untrusted_project(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    made = IMAGE | {"created-at": charm_fakes.hours_ago(2.1)}
    untrusted = [{"id": "88bb", "name": "noble", "owner": "e2", "visibility": "shared"}]
    fake.record(outcome="tagged", image=made, foreign=untrusted)

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.ActiveStatus(
        f"{IMAGE['name']} built 2 h ago; image 88bb of an untrusted project was not used: "
        "to trust the project, set source-projects=e2"
    )


def test_names_what_an_image_fails_and_where_it_is(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    message = (
        "amphora-haproxy fails 1 of 26 checks: swap; it stays in Glance as 5f3c, without tags"
    )
    kept = {"id": "5f3c", "name": "failed-amphora-haproxy"}
    fake.record(outcome="failed", message=message, hint="see /evidence/5f3c", image=kept)

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.BlockedStatus(
        f"last build failed: {message}; see /evidence/5f3c"
    )


def test_says_why_the_last_build_failed_and_what_to_do(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.record(outcome="failed", message="the mirror does not answer", hint="check the proxies")

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.BlockedStatus(
        "last build failed: the mirror does not answer; check the proxies"
    )


@pytest.mark.parametrize(("exit_code", "is_cancelled"), [(130, True), (143, False)])
def test_a_run_that_was_cancelled_is_no_failure(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    exit_code: int,
    is_cancelled: bool,
) -> None:
    fake.record(outcome="interrupted", message="interrupted", **{"exit-code": exit_code})

    out = context.run(context.on.update_status(), _state(keystone))

    cancelled = ops.ActiveStatus("ready; no image built yet; the last run was cancelled")
    assert (out.unit_status == cancelled) is is_cancelled


def test_says_that_a_build_died(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.record(outcome="running", step="convert")

    out = context.run(context.on.update_status(), _state(keystone))

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert "ended without a result in step convert" in out.unit_status.message
    assert "journalctl" in out.unit_status.message


def test_says_that_a_run_could_not_begin(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.record(outcome="up-to-date", image=IMAGE)
    fake.broken = True

    out = context.run(context.on.update_status(), _state(keystone))

    assert out.unit_status == ops.BlockedStatus(
        "the last run could not begin; see journalctl --unit 'octavia-diskimage-retrofit@*'"
    )
    assert f"`blocked`: `{out.unit_status.message}`" in _BAD_INPUT.read_text()


def test_says_which_packages_cannot_be_installed(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.missing, fake.broken_apt = ["mtools"], True

    out = context.run(context.on.install(), _state(keystone))

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert "cannot install mtools" in out.unit_status.message


def test_installs_later_what_could_not_be_installed_at_first(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.missing, fake.broken_apt = ["mtools"], True
    state = context.run(context.on.install(), _state(keystone))
    fake.broken_apt = False

    out = context.run(context.on.update_status(), state)

    assert out.unit_status == ops.ActiveStatus("ready; no image built yet")


# Relations.


def test_asks_keystone_in_plain_strings(context: Context) -> None:
    relation = testing.Relation("identity-credentials", interface="keystone-credentials")

    out = context.run(context.on.relation_created(relation), _state(relation, leader=False))

    published = out.get_relation(relation.id).local_unit_data
    assert {key: published[key] for key in ("username", "project", "domain")} == {
        "username": "octavia-diskimage-retrofit",
        "project": "services",
        "domain": "service_domain",
    }


def test_hands_the_credentials_to_the_builds(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    out = context.run(
        context.on.relation_changed(keystone),
        _state(keystone, region="RegionTwo", use_internal_endpoints=True),
    )

    assert fake.cloud is not None
    assert fake.cloud.auth_url == "https://10.1.0.5:35357/v3"
    assert fake.cloud.password == charm_fakes.PASSWORD
    assert (fake.cloud.region, fake.cloud.interface) == ("RegionTwo", "internal")
    assert (fake.cloud.image_endpoint, fake.cloud.ca_certificate) == ("", "")
    assert charm_fakes.PASSWORD not in str(fake.wanted)
    assert charm_fakes.PASSWORD not in repr(fake.cloud)
    assert not _secrets_in(context, out)


def test_writes_an_ipv6_address_as_urls_have_it(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    answer = keystone.remote_units_data[0] | {"auth_host": "fd00::5"}
    relation = dataclasses.replace(keystone, remote_units_data={0: answer})

    context.run(context.on.relation_changed(relation), _state(relation))

    assert fake.cloud is not None
    assert fake.cloud.auth_url == "https://[fd00::5]:35357/v3"


def test_uses_glances_endpoint_where_it_is_related(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    data = {"glance-api-server": "http://10.1.0.9:9292", "glance-api-ready": "no"}
    glance = testing.Relation("image-service", interface="glance", remote_units_data={0: data})
    waiting = context.run(context.on.relation_changed(glance), _state(keystone, glance))
    assert waiting.unit_status == ops.WaitingStatus(
        "waiting for glance to be ready on image-service"
    )

    ready = dataclasses.replace(glance, remote_units_data={0: data | {"glance-api-ready": "yes"}})
    context.run(context.on.relation_changed(ready), _state(keystone, ready))

    assert fake.cloud is not None
    assert fake.cloud.image_endpoint == "http://10.1.0.9:9292"


def test_forgets_the_schedule_when_keystone_goes(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    state = context.run(
        context.on.relation_changed(keystone), _state(keystone, auto_retrofit=True)
    )
    assert fake.timer == "daily"

    out = context.run(context.on.relation_broken(state.get_relation(keystone.id)), state)

    assert fake.timer is None
    assert fake.cloud is None
    assert isinstance(out.unit_status, ops.BlockedStatus)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uca-mirror", "deb http://uca.example/ubuntu noble-updates/caracal main"),
        ("retrofit-uca-pocket", "caracal-proposed"),
        ("retrofit-uca-pocket", "caracal/proposed"),
        ("retrofit-uca-pocket", "noble-updates/caracal"),
    ],
)
def test_takes_what_the_engine_takes(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    name: str,
    value: str,
) -> None:
    context.run(context.on.config_changed(), _state(keystone, **{name.replace("-", "_"): value}))

    assert fake.wanted is not None
    written = fake.wanted["defaults"] | fake.wanted["images"][0]
    assert written[name.removeprefix("retrofit-uca-")] == value


# Schedule and rebuilds.


@pytest.mark.parametrize("frequency", ["hourly", "daily", "weekly"])
def test_the_leader_has_the_timer(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload, frequency: str
) -> None:
    state = _state(keystone, auto_retrofit=True, frequency=frequency)

    context.run(context.on.config_changed(), state)

    assert fake.timer == frequency
    assert not fake.runs


def test_a_unit_that_is_not_leader_has_no_timer(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.timer = "daily"

    context.run(context.on.update_status(), _state(keystone, leader=False, auto_retrofit=True))

    assert fake.timer is None
    assert fake.service


def test_the_timer_moves_with_the_leadership(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone, leader=False, auto_retrofit=True))
    assert fake.timer is None

    context.run(context.on.leader_elected(), _state(keystone, auto_retrofit=True))

    assert fake.timer == "daily"


def test_the_timer_goes_with_the_option(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.timer = "daily"

    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=False))

    assert fake.timer is None


def test_reconciling_again_changes_nothing(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    state = context.run(
        context.on.config_changed(), _state(keystone, auto_retrofit=True, retrofit_series="noble")
    )
    before = dataclasses.replace(fake)

    for event in (context.on.update_status(), context.on.upgrade_charm(), context.on.start()):
        state = context.run(event, state)

    assert dataclasses.replace(fake) == before
    assert not fake.runs


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image-format", "raw"),
        ("image-compression", "zlib"),
        ("retrofit-series", "noble"),
        ("retrofit-arch", "arm64"),
        ("retrofit-uca-pocket", "caracal"),
        ("ubuntu-mirror", "http://mirror.example/ubuntu"),
        ("amp-image-tag", "octavia-amphora"),
        ("source-projects", "e1b0"),
    ],
)
def test_a_changed_option_that_affects_the_image_starts_one_build(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    option: str,
    value: str,
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))
    changed = _state(keystone, auto_retrofit=True, **{option: value})

    state = context.run(context.on.config_changed(), changed)
    fake.running = False
    context.run(context.on.update_status(), state)

    assert [(run["force"], run["trigger"]) for run in fake.runs] == [(False, "option")]


@pytest.mark.parametrize(
    "options",
    [
        {"auto_retrofit": True, "debug": True, "frequency": "weekly"},
        {"auto_retrofit": True, "proof_depth": "traffic"},
        {"auto_retrofit": True, "rebuild_on": "base", "maintenance_window": "22:00-06:00"},
        {"auto_retrofit": True, "region": "RegionTwo", "use_internal_endpoints": True},
        {"auto_retrofit": True, "keep_images": 5},
        {"auto_retrofit": False, "image_format": "raw"},
    ],
)
def test_other_changes_start_none(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    options: dict[str, Any],
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))

    context.run(context.on.config_changed(), _state(keystone, **options))

    assert fake.once is None
    assert not fake.runs


def test_a_wrong_word_is_named_alone(context: Context, keystone: testing.Relation) -> None:
    state = _state(keystone, rebuild_on="base, recipes security")

    out = context.run(context.on.config_changed(), state)

    assert out.unit_status == ops.BlockedStatus(
        "wrong option rebuild-on='recipes': it must be 'base', 'recipe', 'security' or 'packages'"
    )


def test_lists_reach_the_engine(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone))
    assert fake.wanted is not None
    assert fake.wanted["defaults"]["rebuild-on"] == ["base", "recipe", "security"]
    assert "source-projects" not in fake.wanted

    lists = {"rebuild_on": "packages, base", "source_projects": "e1b0,e1b1  e1b0"}
    context.run(context.on.config_changed(), _state(keystone, **lists))

    assert fake.wanted["defaults"]["rebuild-on"] == ["packages", "base"]
    assert fake.wanted["defaults"]["source-projects"] == ["e1b0", "e1b1"]


def test_changes_that_come_before_the_run_make_one(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))
    fake.waits = datetime.datetime(2026, 11, 21, 22, 0, tzinfo=datetime.timezone.utc)
    for number in range(20):
        changed = _state(keystone, auto_retrofit=True, amp_image_tag=f"tag-{number}")
        state = context.run(context.on.config_changed(), changed)
    assert not fake.runs
    assert state.unit_status == ops.ActiveStatus(
        "ready; no image built yet; a run begins at 2026-11-21 22:00 UTC"
    )

    fake.waits = None
    context.run(context.on.update_status(), state)

    assert len(fake.runs) == 1


def test_a_run_that_is_asked_for_outlasts_a_wrong_option(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))
    fake.waits = datetime.datetime(2026, 11, 21, 22, 0, tzinfo=datetime.timezone.utc)
    options = {"auto_retrofit": True, "image_format": "raw"}
    context.run(context.on.config_changed(), _state(keystone, **options))
    context.run(context.on.config_changed(), _state(keystone, **options, frequency="never"))
    assert fake.timer is None

    fake.waits = None
    context.run(context.on.config_changed(), _state(keystone, **options))

    assert [run["trigger"] for run in fake.runs] == ["option"]


def test_a_failure_says_when_it_is_tried_again(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    fake.record(outcome="failed", message="the mirror does not answer", hint="check the proxies")
    fake.once = {"trigger": "retry"}
    fake.waits = datetime.datetime(2026, 11, 21, 22, 5, tzinfo=datetime.timezone.utc)

    out = context.run(context.on.update_status(), _state(keystone, auto_retrofit=True))

    assert out.unit_status == ops.BlockedStatus(
        "last build failed: the mirror does not answer; check the proxies; "
        "a run begins at 2026-11-21 22:05 UTC"
    )


def test_the_window_reaches_the_service(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    state = _state(keystone, maintenance_window=" Mon..Fri  22:00-06:00")

    context.run(context.on.config_changed(), state)

    assert fake.opening == "Mon..Fri 22:00-06:00"


def test_an_action_that_has_not_begun_is_not_replaced(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))
    fake.once = {"trigger": "action", "run-id": "asked"}

    changed = _state(keystone, auto_retrofit=True, image_format="raw")
    context.run(context.on.config_changed(), changed)

    assert [run["run-id"] for run in fake.runs] == ["asked"]


def test_only_the_leader_rebuilds(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    options = {"leader": False, "auto_retrofit": True}
    context.run(context.on.config_changed(), _state(keystone, **options))

    context.run(context.on.config_changed(), _state(keystone, **options, image_format="raw"))

    assert not fake.runs


def test_a_change_during_a_build_starts_another_afterwards(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))
    fake.running = True
    changed = _state(keystone, auto_retrofit=True, image_format="raw")
    state = context.run(context.on.config_changed(), changed)
    assert not fake.runs

    fake.running = False
    context.run(context.on.update_status(), state)

    assert len(fake.runs) == 1
    assert fake.once is None


@pytest.mark.parametrize("event", ["stop", "remove"])
def test_leaves_nothing_behind(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    event: str,
) -> None:
    state = context.run(context.on.config_changed(), _state(keystone, auto_retrofit=True))

    context.run(getattr(context.on, event)(), state)

    assert fake.removed == 1
    assert (fake.cloud, fake.timer, fake.service) == (None, None, False)
