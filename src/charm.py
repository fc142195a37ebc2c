#!/usr/bin/env python3
"""Turns stock cloud images into Octavia amphora images, on request and on a schedule."""

from __future__ import annotations

import datetime
import logging
import uuid

import ops

import retrofit
from actions import build, cancel, check, history, images, manage, service
from options import config, request, window
from relations import certificates, glance, keystone
from retrofit import errors, model
from retrofit.model.documents import run_document
from workload import cancellation, engine, image_files, names, packages, results, unit

# Other units make images, and this one hears nothing of it.
_GUESS_VALID = datetime.timedelta(hours=1)
_NEW_REVISION = (ops.InstallEvent, ops.UpgradeCharmEvent)
_LOG = logging.getLogger(__name__)


class RetrofitCharm(ops.CharmBase):
    """Observes the model, brings the machine in line with it, and reports."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._own = names.Names(self.unit.name)
        self._workload = unit.Workload(self.charm_dir, self._own)
        self._keystone = keystone.IdentityCredentials(self)
        self._certificates = certificates.Certificates(self)
        self._glance = glance.ImageService(self)
        self._install_problem = ""
        self._image_files = image_files.ImageFiles(self.charm_dir, self._own)
        self._engine = engine.Engine(self.charm_dir, self._own)
        # The framework holds observers weakly.
        self._actions = (
            build.BuildAction(self, self._workload, self._problem),
            manage.ManageAction(self, self._image_files, self._problem),
            images.ImageActions(self, self._workload, self._engine, self._own, self._problem),
            history.HistoryAction(self, self._workload, self._image_files),
            check.CheckAction(
                self, self._workload, self._image_files, self._engine, self._own, self._problem
            ),
            cancel.CancelAction(self, self._workload, self._image_files),
            service.ServiceActions(
                self, (self._workload, self._image_files), self._on_change, self._problem
            ),
        )
        for event in (
            self.on.install,
            self.on.upgrade_charm,
            self.on.start,
            self.on.config_changed,
            self.on.leader_elected,
            # All that a unit hears when it ceases to lead.
            self.on.leader_settings_changed,
            self.on.update_status,
            *(
                getattr(self.on[endpoint], kind)
                for endpoint in ("identity-credentials", "certificates", "image-service")
                for kind in ("relation_created", "relation_changed", "relation_broken")
            ),
        ):
            framework.observe(event, self._on_change)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)
        framework.observe(self.on.stop, self._on_stop)
        framework.observe(self.on.remove, self._on_stop)

    def _on_change(self, event: ops.EventBase) -> None:
        """Bring the machine in line with the model, whatever it was that changed."""
        self._workload.migrate()
        if isinstance(event, _NEW_REVISION):
            self.unit.set_workload_version(retrofit.__version__)
        if not isinstance(event, ops.UpdateStatusEvent):
            # Nothing new is asked for in between.
            self._keystone.request()
            self._certificates.request()
        try:
            self._workload.install_packages(packages.proxies())
        except packages.InstallError as error:
            _LOG.error("%s", error)
            self._install_problem = str(error)
            return
        options, problem = self._read()
        if options is None or problem is not None:
            # Nothing may run with what the model no longer says.
            self._workload.remove_timer()
            self._image_files.remove_timer()
            if self._keystone.get() is None:
                self._workload.forget_credentials()
            return
        # Each question to Juju is a process, and hooks come for ever.
        wanted = options.auto_retrofit or bool(options.image_files)
        leads = wanted and self.unit.is_leader() and not self._workload.paused
        scheduled = leads and options.auto_retrofit
        authority = self._certificates.authority()
        cloud = self._cloud(options, authority)
        changed = self._configure(options, cloud, authority)
        # What an action asked for and has not begun sees the new options, too.
        if changed and scheduled and self._workload.asked() is not model.Trigger.ACTION:
            _LOG.info("an option that affects the image changed: asking for a run")
            run_id = str(uuid.uuid4())
            self._workload.ask(request.once(run_id=run_id, trigger=model.Trigger.OPTION))
        self._workload.install_service(
            debug=options.debug,
            opening=options.maintenance_window,
            schedules=options.schedules() if scheduled else (),
        )
        self._workload.ask_cloud(self._cloud_valid(event))
        self._workload.forget_evidence()
        self._workload.arrange(window.parse(options.maintenance_window), scheduled=scheduled)
        self._image_files.keep(options, cloud, packages.proxies(), scheduled=leads)

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        """Report what keeps builds from running, or else how they go."""
        problem = self._problem()
        if problem is not None:
            event.add_status(problem)
            return
        event.add_status(self._progress())
        event.add_status(self._progress_of_image_files())

    def _on_stop(self, _: ops.EventBase) -> None:
        """Leave nothing running and no credentials behind."""
        self._workload.remove()

    def _read(self) -> tuple[config.Options | None, ops.StatusBase | None]:
        """Return the options, if they are right, and the first thing a build lacks."""
        try:
            options = config.load(self.config)
        except config.WrongOption as error:
            return None, ops.BlockedStatus(str(error))
        problems = (each.problem() for each in (self._keystone, self._certificates, self._glance))
        return options, next((problem for problem in problems if problem is not None), None)

    def _problem(self) -> ops.StatusBase | None:
        """Return what keeps builds from running, if anything does."""
        if self._install_problem:
            return ops.BlockedStatus(self._install_problem)
        missing = self._workload.missing_packages()
        if missing:
            return ops.MaintenanceStatus(f"packages to install: {', '.join(missing)}")
        return self._read()[1]

    def _cloud(self, options: config.Options, authority: str) -> request.Cloud:
        """Return the cloud of the relations and options."""
        credentials = self._keystone.get()
        assert credentials is not None
        return request.Cloud(
            name=request.CLOUD,
            auth_url=credentials.auth_url,
            username=credentials.username,
            password=credentials.password,
            project=credentials.project,
            user_domain=credentials.user_domain,
            project_domain=credentials.project_domain,
            region=options.region,
            interface=request.interface(options),
            ca_certificate=request.ca_path(self._own.state, authority),
            image_endpoint=self._glance.endpoint(),
        )

    def _configure(self, options: config.Options, cloud: request.Cloud, authority: str) -> bool:
        """Write the request of the next runs; return whether it makes another image now."""
        wanted = request.compute(
            options,
            proxies=packages.proxies(),
            ca_certificate=cloud.ca_certificate,
            directories=self._own.directories(),
        )
        return self._workload.configure(wanted, cloud, authority)

    def _progress(self) -> ops.StatusBase:
        """Return how the last run went or the current one goes."""
        try:
            result = self._workload.result()
        except errors.NewerDocument as error:
            return ops.BlockedStatus(str(error))
        if self._workload.building():
            if result is None or result.outcome is not run_document.Outcome.RUNNING:
                return ops.MaintenanceStatus("building")
            return ops.MaintenanceStatus(f"building: {results.progress(result)}")
        if self._workload.paused:
            return ops.MaintenanceStatus(results.PAUSED)
        if self._workload.stuck():
            return ops.BlockedStatus(f"the last run could not begin; {results.JOURNAL}")
        follows = self._next_run(self._workload)
        view = self._workload.seen()
        if view is not None and view.problem:
            return ops.BlockedStatus(f"cannot use the cloud: {view.problem}{follows}")
        problem = results.problem(result) if result else ""
        if result is not None and results.of_one_action(result, config.load(self.config).sources):
            follows = f"; the last action failed: {problem}{follows}"
            result, problem = None, ""
        elif result is not None and result.exit_code == cancellation.EXIT_CODE:
            follows = f"; the last run was cancelled{follows}"
            result, problem = None, ""
        if problem:
            return ops.BlockedStatus(f"last build failed: {problem}{follows}")
        status = results.status(result, view, datetime.datetime.now(datetime.timezone.utc))
        return ops.ActiveStatus(f"{status}{follows}")

    def _progress_of_image_files(self) -> ops.StatusBase:
        """Return what keeps the images of image files from being current, or nothing to say."""
        if self._image_files.building():
            return ops.MaintenanceStatus("importing the images of image-files")
        try:
            problem = self._image_files.problem()
        except errors.NewerDocument as error:
            problem = str(error)
        if not problem:
            return ops.ActiveStatus()
        return ops.BlockedStatus(
            f"image-files failed: {problem}{self._next_run(self._image_files)}"
        )

    def _cloud_valid(self, event: ops.EventBase) -> datetime.timedelta:
        """Return how long it holds what the cloud has said, and which images are current there."""
        if isinstance(event, ops.LeaderElectedEvent):
            # Another unit made the last images.
            return datetime.timedelta(0)
        try:
            result = self._workload.result()
        except errors.NewerDocument:
            return datetime.timedelta.max
        own = result is not None and not results.of_one_action(
            result, config.load(self.config).sources
        )
        return datetime.timedelta.max if own else _GUESS_VALID

    def _next_run(self, workload: unit.Workload) -> str:
        """Return when the run begins that is asked for, as the end of a message."""
        opening = window.parse(config.load(self.config).maintenance_window)
        due = workload.next_run(opening)
        return f"; a run begins at {due:%Y-%m-%d %H:%M %Z}" if due else ""


if __name__ == "__main__":
    # Each line is a hook tool, and the engine logs all that programs print.
    logging.disable(logging.DEBUG)
    ops.main(RetrofitCharm)
