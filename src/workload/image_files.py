"""The images of image files: a service and a timer of their own beside those of builds."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import urllib.parse
import uuid
from collections.abc import Sequence

from options import config, image_files, request, window
from retrofit import model
from retrofit.model.documents import run_document
from workload import cancellation, names, removal, results, unit

JOURNAL = "see journalctl --unit 'octavia-diskimage-retrofit-image-files@*'"
_TEXT = "images.yml"
_PROXIES = "environment"


class ImageFiles(unit.Workload):
    """The runs of one unit that import, rotate and mirror the images of image files.

    Args:
        charm: Directory of the charm.
        own: The unit's names on its machine.
    """

    def __init__(self, charm: pathlib.Path, own: names.Names) -> None:
        super().__init__(charm, own.of(names.IMAGE_FILES))

    def keep(
        self,
        options: config.Options,
        cloud: request.Cloud,
        proxies: model.Proxies,
        *,
        scheduled: bool,
    ) -> None:
        """Have the images be as the options say.

        Args:
            options: The charm's options.
            cloud: The cloud with the images.
            proxies: Proxies of the model.
            scheduled: Whether this unit begins runs.
        """
        if not options.image_files:
            self._forget()
            return
        self._own.make_directories()
        words = self._words(options)
        changed = self._write(options, cloud, proxies, words)
        # What an action asked for and has not begun sees the new options, too.
        if changed and scheduled and self.asked() is not model.Trigger.ACTION:
            trigger = str(model.Trigger.OPTION)
            self.ask({"run-id": str(uuid.uuid4()), "trigger": trigger})
        self.install_service(
            debug=options.debug,
            opening=options.maintenance_window,
            schedules=(options.image_files_frequency,) if scheduled else (),
            words=words,
        )
        self.arrange(window.parse(options.maintenance_window), scheduled=scheduled)

    def problem(self) -> str:
        """Return why the last run failed, in one line; empty if none did, or nobody wants one."""
        if not (removal.UNITS / self._own.service).exists():
            return ""
        if self.stuck():
            return f"the last run could not begin; {JOURNAL}"
        result = self.result()
        if result is None or result.exit_code == cancellation.EXIT_CODE:
            return ""
        return why_failed(result)

    def to_check(self, options: config.Options) -> list[str]:
        """Return the options of ``retrofit doctor`` for files and mirror; none without files."""
        if not options.image_files:
            return []
        mirror = [f"--image-mirror={options.image_mirror}"] if options.image_mirror else []
        return [f"--image-files={self._source(options)}", *mirror]

    @property
    def settings(self) -> pathlib.Path:
        """The file of variables that its runs have, if it is there."""
        return self._own.runs / _PROXIES

    def _source(self, options: config.Options) -> str:
        """Return where the engine finds the files."""
        text = image_files.is_text(options.image_files)
        return str(self._own.runs / _TEXT) if text else options.image_files

    def _words(self, options: config.Options) -> list[str]:
        """Return the command that a run is."""
        words = ["manage", "--images", self._source(options), "--os-cloud", request.CLOUD]
        words += ["--work-dir", str(self._own.work)]
        words += options.image_files_rotation.words
        if options.image_mirror:
            words += ["--mirror", options.image_mirror, "--fill-mirror"]
        return words

    def _write(
        self,
        options: config.Options,
        cloud: request.Cloud,
        proxies: model.Proxies,
        words: Sequence[str],
    ) -> bool:
        """Write what a run needs; tell whether that asks for other images than before."""
        # They may have a password. The cloud is reached without them, as builds reach it.
        hosts = {
            urllib.parse.urlsplit(url).hostname for url in (cloud.auth_url, cloud.image_endpoint)
        }
        without = ",".join(filter(None, (proxies.no_proxy, *sorted(filter(None, hosts)))))
        settings = {"http_proxy": proxies.http, "https_proxy": proxies.https, "no_proxy": without}
        lines = (f'{name}="{_escaped(value)}"\n' for name, value in settings.items() if value)
        unit.write(self.settings, "".join(lines), 0o600)
        text = options.image_files if image_files.is_text(options.image_files) else ""
        changed = unit.write(self._own.runs / _TEXT, text, 0o600)
        return unit.write(self._own.runs / "command", "\n".join(words), 0o600) or changed

    def _forget(self) -> None:
        """End what was wanted before: no run goes on, and nothing tells of the last one."""
        if not self._own.runs.exists():
            return
        self.remove_timer()
        cancellation.cancel(self._own.service)
        removal.remove_unit_files([self._own.service])
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._own.runs)


def why_failed(result: run_document.Result) -> str:
    """Return why a run failed and what to do, in one line; empty if it did not."""
    return results.problem(result, journal=JOURNAL)


def _escaped(value: str) -> str:
    """Return a value as it stands between quotes in a file of variables (systemd.exec(5))."""
    for character in '\\"`$':
        value = value.replace(character, f"\\{character}")
    return value
