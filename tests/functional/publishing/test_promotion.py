"""Which image is current, previous, failed or shadowing in a real Glance, and how that changes."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.cloud import cloud as support
from tests.support.publishing import publishing

from retrofit import cloud, errors, recipes
from retrofit.model import findings, reasons
from retrofit.model.documents import run_document
from retrofit.planning import planner
from retrofit.provenance import marks
from retrofit.publishing import glance_target, promotion, publish, retention, rollback, status
from retrofit.runs import one

Connect = Callable[..., cloud.Cloud]
BOOT = findings.Depth.BOOT
BUILD, NONE, RETAG = reasons.Action.BUILD, reasons.Action.NONE, reasons.Action.RETAG


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as the user that the charm gets."""
    line = (sys.executable, "-m", "retrofit", *arguments, "--os-cloud", support.RETROFIT)
    return subprocess.run(line, check=False, capture_output=True, text=True)


def _tagged(running: support.Cloud, tag: str) -> list[str]:
    return [image["id"] for image in running.images(tag=tag)]


def _next_second() -> None:
    """Glance's times have whole seconds, and what is newest is decided by them."""
    time.sleep(1.1)


def _made_by_the_existing_charm(
    running: support.Cloud, file: pathlib.Path, tag: str, **properties: str
) -> str:
    """Upload an image as the existing charm did."""
    image_id = running.upload_base(
        file,
        name="amphora-haproxy-x86_64-ubuntu-24.04-20250101",
        visibility="shared",
        disk_format="raw",
        who=support.RETROFIT,
        **properties,
    )
    _tag(running, image_id, tag, marks.OWN_TAG)
    return image_id


def _tag(running: support.Cloud, image_id: str, *tags: str, who: str = support.RETROFIT) -> None:
    with running.connect(who) as owner:
        for tag in tags:
            owner.image.add_tag(image_id, tag)


def _share(running: support.Cloud, image_id: str, project_id: str) -> None:
    """Share an administrator's image with the tenant's project, and accept it there."""
    with running.connect(support.ADMIN) as owner:
        owner.image.add_member(image_id, member_id=project_id)
    with running.connect(support.TENANT) as member:
        member.image.update_member(project_id, image=image_id, status="accepted")


class TestPromotion:
    def test_previous_ones_of_ours_lose_the_tag(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag = connect(), "previous"
        old = _made_by_the_existing_charm(running_cloud, image_file, tag)
        arm = publishing.published(connection, image_file, "arm", tag=tag, architecture="aarch64")
        other_charms = running_cloud.upload_base(
            image_file, disk_format="raw", visibility="private", who=support.TENANT
        )
        _tag(running_cloud, other_charms, tag, marks.OWN_TAG, who=support.TENANT)
        _next_second()

        first = publishing.published(connection, image_file, "first", tag=tag)
        assert set(_tagged(running_cloud, tag)) == {first.id, arm.id, other_charms}
        _next_second()
        second = publishing.published(connection, image_file, "second", tag=tag)

        assert set(_tagged(running_cloud, tag)) == {second.id, arm.id, other_charms}
        for previous in (old, first.id):
            shown = running_cloud.image(previous)
            assert shown["retrofit_state"] == "former"
            assert shown["tags"] == [marks.OWN_TAG]

    def test_without_a_proof_it_is_published_and_says_so(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        made = publishing.published(
            connect(), image_file, "off", tag="off", gate=publishing.Gate(None)
        )

        shown = running_cloud.image(made.id)
        assert shown["retrofit_proof_depth"] == "off"
        assert "retrofit_proof_result" not in shown
        assert _tagged(running_cloud, "off") == [made.id]

    def test_only_a_proof_that_is_deep_enough_makes_an_image_current(
        self, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag, mark = connect(), "depths", "d" * 64
        for depth in (findings.Depth.OFF, BOOT):
            proof = None if depth is findings.Depth.OFF else publishing.proof(depth=depth)
            publishing.published(
                connection,
                image_file,
                depth,
                tag=tag,
                fingerprint=mark,
                gate=publishing.Gate(proof),
            )
            enough = [each for each in findings.Depth if depth.includes(each)]
            for wanted in findings.Depth:
                found = publishing.planned(connection, mark, tag=tag, depth=wanted)
                assert found.action is (NONE if wanted in enough else BUILD)
            _next_second()

    def test_what_another_run_published_meanwhile_is_not_published_twice(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag, mark = connect(), "two-leaders", "2e" * 32

        class Slow(publishing.Gate):
            def prove(self) -> findings.Proof | None:
                # The other leader is done first.
                publishing.published(connection, image_file, "other", tag=tag, fingerprint=mark)
                return super().prove()

        publication = publish.publish(
            connection,
            image_file,
            publishing.description("mine", tag=tag, fingerprint=mark),
            hashes={},
            same_fingerprint=(),
            gate=Slow(publishing.PASSING),
            reporter=publishing.Silent(),
        )

        assert publication.another
        assert _tagged(running_cloud, tag) == [publication.image.id]
        made = running_cloud.images(retrofit_amp_image_tag=tag)
        assert [image["id"] for image in made] == [publication.image.id]

    def test_an_error_of_the_proof_leaves_nothing(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        class Broken(publishing.Gate):
            def prove(self) -> findings.Proof | None:
                raise errors.ToolMissing("there is no qemu")

        with pytest.raises(errors.ToolMissing):
            publishing.published(connect(), image_file, "broken", tag="broken", gate=Broken(None))

        assert running_cloud.images(retrofit_amp_image_tag="broken") == []


class TestRetagging:
    def test_another_tag_needs_no_other_image(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, mark = connect(), "9" * 64
        made = publishing.published(
            connection, image_file, "moved", tag="tag-before", fingerprint=mark
        )

        found = publishing.planned(connection, mark, tag="tag-after", depth=BOOT)
        assert found.action is RETAG
        assert found.image is not None
        tagged = publish.retag(connection, found.image, "tag-after")

        assert tagged.id == made.id
        assert _tagged(running_cloud, "tag-after") == [made.id]
        # Nobody knows whether Octavia has heard of the new one yet.
        assert _tagged(running_cloud, "tag-before") == [made.id]
        assert publishing.planned(connection, mark, tag="tag-after", depth=BOOT).action is NONE
        _next_second()
        newer = publishing.published(
            connection, image_file, "newer", tag="tag-after", fingerprint="8" * 64
        )
        assert _tagged(running_cloud, "tag-after") == [newer.id]


class TestRejection:
    def _fail(
        self, connection: cloud.Cloud, file: pathlib.Path, version: str, **described: Any
    ) -> errors.ProofFailed:
        proof = publishing.proof(failing=("machine id", "kernel"))
        gate = publishing.Gate(proof, kept=pathlib.Path("/evidence"))
        with pytest.raises(errors.ProofFailed) as raised:
            publishing.published(connection, file, version, tag="failing", gate=gate, **described)
        return raised.value

    def test_a_failed_image_is_kept_where_nobody_takes_it(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection = connect()
        good = publishing.published(connection, image_file, "good", tag="failing")

        error = self._fail(connection, image_file, "bad", fingerprint="b" * 64)

        shown = running_cloud.image(error.image_id)
        name = "amphora-haproxy-x86_64-ubuntu-24.04-bad"
        assert shown["name"].startswith(f"failed-{name}-2")
        assert (shown["visibility"], shown["tags"]) == ("private", [])
        assert shown["retrofit_state"] == shown["retrofit_proof_result"] == "failed"
        assert shown["retrofit_proof_summary"] == "failed: machine id, kernel"
        assert str(error) == (
            f"{name} fails 2 of 5 checks: machine id, kernel; it stays in Glance as "
            f"{error.image_id}, without tags; see /evidence/{error.image_id}"
        )
        assert _tagged(running_cloud, "failing") == [good.id]
        # The next run tries again.
        again = publishing.planned(connection, "b" * 64, tag="failing", depth=BOOT)
        assert again.action is BUILD
        assert again.reasons[0].text == (
            f"the last image, {error.image_id}, failed its proof: failed: machine id, kernel"
        )

    def test_one_is_kept_per_tag_and_architecture(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection = connect()
        arm = self._fail(connection, image_file, "arm", architecture="aarch64")
        self._fail(connection, image_file, "one")
        last = self._fail(connection, image_file, "two")

        failed = running_cloud.images(retrofit_state="failed", retrofit_amp_image_tag="failing")

        assert {image["id"] for image in failed} == {arm.image_id, last.image_id}


class TestLeftovers:
    def test_an_unproven_one_is_removed_when_no_proof_takes_that_long(
        self,
        running_cloud: support.Cloud,
        connect: Connect,
        image_file: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        connection, tag = connect(), "leftovers"

        class Looking(publishing.Gate):
            def prove(self) -> findings.Proof | None:
                # Another unit of the same project comes by.
                publish.tidy(connection, tag)
                assert len(running_cloud.images(retrofit_amp_image_tag=tag)) == 1
                monkeypatch.setattr(retention, "_LONGEST_PROOF", datetime.timedelta(seconds=-2))
                publish.tidy(connection, tag)
                assert running_cloud.images(retrofit_amp_image_tag=tag) == []
                return publishing.PASSING

        with pytest.raises(errors.InputMissing):
            publishing.published(connection, image_file, "left", tag=tag, gate=Looking(None))


class TestRollback:
    def test_goes_back_one_by_one_and_never_to_what_was_rolled_back(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag = connect(), "back"
        _made_by_the_existing_charm(running_cloud, image_file, tag)
        made = []
        for number in (1, 2, 3):
            _next_second()
            made.append(
                publishing.published(
                    connection, image_file, str(number), tag=tag, fingerprint=f"{number}" * 64
                )
            )
        first, second, third = (image.id for image in made)

        done = rollback.rollback(connection, tag)
        assert (done.current.id, done.rolled_back.id) == (second, third)
        assert _tagged(running_cloud, tag) == [second]
        assert running_cloud.image(third)["retrofit_state"] == "rolled-back"
        assert "retrofit_state" not in running_cloud.image(second)

        # What was rolled back is not made again, until something else is wanted.
        again = publishing.planned(connection, "3" * 64, tag=tag, depth=BOOT)
        assert again.action is NONE
        assert "was rolled back" in again.summary()
        assert again.image is not None
        assert again.image.id == third

        done = rollback.rollback(connection, tag)
        assert (done.current.id, done.rolled_back.id) == (first, second)
        assert _tagged(running_cloud, tag) == [first]

        with pytest.raises(errors.InputMissing, match="never proved"):
            rollback.rollback(connection, tag)
        assert _tagged(running_cloud, tag) == [first]

        _next_second()
        fourth = publishing.published(connection, image_file, "3", tag=tag, fingerprint="3" * 64)
        assert _tagged(running_cloud, tag) == [fourth.id]
        again = publishing.planned(connection, "3" * 64, tag=tag, depth=BOOT)
        assert again.summary() == f"the image is up to date: {fourth.name} ({fourth.id})"
        assert rollback.rollback(connection, tag).current.id == first

    def test_on_the_command_line(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        tag = "command"
        nothing = _command("rollback", "--amp-image-tag", tag)
        assert nothing.returncode == 66
        assert f"no image of this project has the tag {tag}" in nothing.stderr
        first = publishing.published(connect(), image_file, "first", tag=tag)

        single = _command("rollback", "--amp-image-tag", tag)
        assert single.returncode == 66
        assert "no image is available to roll back to" in single.stderr
        assert single.stderr.count("\n") == 1
        _next_second()
        second = publishing.published(connect(), image_file, "second", tag=tag)

        done = _command("rollback", "--amp-image-tag", tag, "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["current"]["id"] == first.id
        assert told["current"]["proof"]["depth"] == "boot"
        assert (told["rolled-back"]["id"], told["rolled-back"]["state"]) == (
            second.id,
            "rolled-back",
        )
        assert told["rivals"] == []
        assert _tagged(running_cloud, tag) == [first.id]

    @pytest.mark.parametrize("tag", ["", marks.OWN_TAG, "a,b"])
    def test_refuses_a_tag_that_does_not_move(self, connect: Connect, tag: str) -> None:
        with pytest.raises(errors.ConfigError, match="tag"):
            rollback.rollback(connect(), tag)


class TestStatus:
    def test_tells_all_there_is(self, connect: Connect, image_file: pathlib.Path) -> None:
        connection, tag = connect(), "told"
        before = publishing.published(connection, image_file, "before", tag=tag)
        _next_second()
        present = publishing.published(connection, image_file, "present", tag=tag)
        _next_second()
        rolled_back = publishing.published(connection, image_file, "back", tag=tag)
        rollback.rollback(connection, tag)
        failing = publishing.Gate(publishing.proof(failing=("kernel",)))
        with pytest.raises(errors.ProofFailed) as failed:
            publishing.published(connection, image_file, "failed", tag=tag, gate=failing)

        told = json.loads(_command("status", "--amp-image-tag", tag, "--json").stdout)

        assert (told["tag"], told["project-id"]) == (tag, connection.project_id)
        assert told["taken"] == told["current"]
        assert told["current"]["id"] == present.id
        assert told["current"]["proof"]["summary"] == "5 passed"
        assert told["former"]["id"] == before.id
        assert [image["id"] for image in told["rolled-back"]] == [rolled_back.id]
        assert [image["id"] for image in told["failed"]] == [failed.value.image_id]
        assert (told["unproven"], told["rivals"]) == ([], [])

        table = _command("status", "--amp-image-tag", tag)
        assert table.returncode == 0
        words = [line.split("  ")[0] for line in table.stdout.splitlines()]
        assert words[:-1] == ["selected", "previous", "failed", "rolled back"]
        # tests/functional/rollout/test_rollout.py has an Octavia to ask.
        assert words[-1].startswith("images of load balancers are not known: ")

    def test_nothing_has_the_tag(self, connect: Connect) -> None:
        found = status.status(connect(), "nobody's", work_base=None)

        assert (found.selected, found.current, found.previous, found.shadowing) == (
            None,
            None,
            None,
            (),
        )
        assert (
            "no active image has the tag"
            in _command("status", "--amp-image-tag", "nobody's").stdout
        )


class TestShadowing:
    @pytest.mark.parametrize("visibility", ["private", "community", "shared", "public"])
    def test_another_project_s_image_counts_where_glance_lists_it(
        self,
        running_cloud: support.Cloud,
        connect: Connect,
        image_file: pathlib.Path,
        visibility: str,
    ) -> None:
        """Seen by somebody who is no administrator."""
        connection, tag = connect(support.TENANT), f"shadowing-{visibility}"
        publishing.published(connection, image_file, tag, tag=tag)
        _next_second()
        theirs = running_cloud.upload_base(
            image_file, name="theirs", visibility=visibility, disk_format="raw"
        )
        _tag(running_cloud, theirs, tag, who=support.ADMIN)
        assert bool(publish.shadowing(connection, promotion.own(connection, tag))) is (
            visibility == "public"
        )
        if visibility == "shared":
            _share(running_cloud, theirs, connection.project_id)

        shadowing = publish.shadowing(connection, promotion.own(connection, tag))

        if visibility in ("private", "community"):
            assert shadowing == ()
            return
        (shadowing_image,) = shadowing
        assert (shadowing_image.id, shadowing_image.name, shadowing_image.visibility) == (
            theirs,
            "theirs",
            visibility,
        )
        assert shadowing_image.amp_image_owner_id == connection.project_id
        # With that option Octavia asks for the owner, too.
        taken = running_cloud.images(tag=tag, status="active", owner=connection.project_id)
        assert taken[0]["name"].startswith("amphora-haproxy-")

    def test_an_administrator_sees_what_octavia_sees(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        """The user that Keystone makes for the charm is one, as Octavia's is."""
        connection, tag = connect(), "shadowing-all"
        publishing.published(connection, image_file, tag, tag=tag)
        _next_second()
        theirs = running_cloud.upload_base(
            image_file,
            name="theirs",
            visibility="private",
            disk_format="raw",
            who=support.TENANT,
        )
        _tag(running_cloud, theirs, tag, who=support.TENANT)

        told = _command("status", "--amp-image-tag", tag)

        row = next(line for line in told.stdout.splitlines() if line.startswith("shadowing "))
        assert f"{theirs} theirs" in row
        assert f"amp-image-owner-id to {connection.project_id}" in told.stdout

    def test_an_older_one_is_none(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        tag = "older"
        theirs = running_cloud.upload_base(image_file, disk_format="raw")
        _tag(running_cloud, theirs, tag, who=support.ADMIN)
        _next_second()
        publishing.published(connect(), image_file, "newer", tag=tag)

        assert publish.shadowing(connect(), promotion.own(connect(), tag)) == ()

    def test_one_that_the_existing_charm_made_since_is_left_alone_and_named(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        tag = "existing-charm-goes-on"
        publishing.published(connect(), image_file, tag, tag=tag)
        _next_second()
        newer = _made_by_the_existing_charm(running_cloud, image_file, tag)

        found = status.status(connect(), tag, work_base=None)

        assert found.selected is not None
        assert found.selected.id == newer
        (shadowing_image,) = found.shadowing
        # It is in our project, so that its owner tells it from none of ours.
        assert (shadowing_image.id, shadowing_image.amp_image_owner_id) == (newer, "")

    def test_they_are_told_when_all_is_up_to_date(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        tag = "shadowing-current"
        connection = connect()
        publishing.published(connection, image_file, tag, tag=tag)
        _next_second()
        theirs = running_cloud.upload_base(image_file, disk_format="raw")
        _tag(running_cloud, theirs, tag, who=support.ADMIN)
        planned = publishing.planned(connection, "f" * 64, tag=tag, depth=BOOT)

        result = one.conclude(
            connection,
            recipes.get("amphora"),
            one.up_to_date(planner.Planned(planned, ())),
            glance_target.GlanceTarget(tag),
            promotion.own(connection, tag),
        )

        assert result.outcome is run_document.Outcome.UP_TO_DATE
        assert [image.id for image in result.shadowing] == [theirs]

    def test_a_kind_that_no_service_runs_is_registered_and_not_shadowed(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        tag = "registered"
        connection = connect()
        ours = publishing.published(connection, image_file, tag, tag=tag)
        _next_second()
        _tag(
            running_cloud,
            running_cloud.upload_base(image_file, disk_format="raw"),
            tag,
            who=support.ADMIN,
        )
        planned = publishing.planned(connection, "f" * 64, tag=tag, depth=BOOT)
        registered = []
        kind = dataclasses.replace(
            recipes.get("amphora"),
            fleet=None,
            register=lambda _, image_id: registered.append(image_id),
        )

        result = one.conclude(
            connection,
            kind,
            one.up_to_date(planner.Planned(planned, ())),
            glance_target.GlanceTarget(tag),
            promotion.own(connection, tag),
        )

        assert registered == [ours.id]
        assert result.shadowing == ()
