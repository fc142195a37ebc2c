"""One go of measurements: what they share, and what they found so far."""

from __future__ import annotations

import functools
import json
import pathlib
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from . import images, measure, record

# Where inodes were freed within the last 35 s, ext4 passes by each of them that it still knows of
# (recently_deleted in its ialloc.c) before it takes one: what follows must not pay for that.
_SETTLE_S = 40.0
# The state of a tool's own cache.
COLD, WARM, NONE = "cold", "warm", "none"


class Session:
    """One go.

    Attributes:
        base: The base image that all start from.
        result: The image that ``retrofit image`` makes of it.
        place: Directory for whatever is made.
        bound_s: Seconds after which a command is stopped.
        runs: What was measured.
        figures: Numbers beside; their names end in their units.
    """

    def __init__(
        self, base: pathlib.Path, result: pathlib.Path, place: pathlib.Path, bound_s: float
    ) -> None:
        self.base = base
        self.result = result
        self.place = place
        self.bound_s = bound_s
        self.runs: list[record.Run] = []
        self.figures: dict[str, float] = {}

    @functools.cached_property
    def before(self) -> images.Image:
        """What is in the base image."""
        return images.read(self.base)

    @functools.cached_property
    def after(self) -> images.Image:
        """What is in the result."""
        return images.read(self.result)

    @functools.cached_property
    def packages(self) -> pathlib.Path:
        """File with the names of the packages that the result has and the base image lacks."""
        names = self.after.packages - self.before.packages
        self.figures["packages"] = len(names)
        return self._listed("packages", names)

    @property
    def created(self) -> pathlib.Path:
        """The tar that ``retrofit create`` makes."""
        return self.place / "created.tar"

    @functools.cached_property
    def created_packages(self) -> pathlib.Path:
        """File with the names of the packages in that tar."""
        manifest = json.loads(pathlib.Path(f"{self.created}.manifest").read_text())
        names = {package["package"] for package in manifest["packages"]}
        self.figures["created_packages"] = len(names)
        return self._listed("created-packages", names)

    def directory(self, name: str) -> pathlib.Path:
        """Return a new, empty directory."""
        directory = self.place / name
        directory.mkdir()
        return directory

    def measure(
        self,
        name: str,
        what: str,
        argv: Sequence[str | pathlib.Path],
        *,
        cache: str,
        output: pathlib.Path | None,
        environment: Mapping[str, str] | None = None,
        isolated: bool = False,
    ) -> measure.Measured:
        """Run a command in a new directory, removed afterwards, and record what it cost.

        Args:
            name: Of the run.
            what: Of the run.
            argv: Program and arguments.
            cache: State of the cache it uses. Unless it is warm, the kernel's cache of files is
                emptied before.
            output: File or directory of the images that it makes.
            environment: Variables added to this process's.
            isolated: See :class:`measure.Command`.
        """
        place = self.directory(name)
        command = measure.Command(argv, place, self.bound_s, environment or {}, isolated)
        shown = self._shown(argv)
        self._say(f"{what}, cache {cache}: {shown}")
        if cache == WARM:
            time.sleep(_SETTLE_S)
        else:
            self.figures["page_cache_dropped"] = measure.forget_pages()
        measured = measure.run(command)
        self.runs.append(
            record.Run(
                name=name,
                what=what,
                cache=cache,
                outcome=measured.outcome.value,
                complaint=measured.complaint,
                wall_s=measured.wall_s,
                cpu_s=measured.cpu_s,
                largest_process=measured.largest_process,
                own_memory=measured.own_memory,
                peak_disk=measured.peak_disk,
                written=measured.written,
                downloaded=measured.downloaded,
                image_size=output.stat().st_size if output and output.is_file() else None,
                command=shown,
            )
        )
        self._say(f"  {measured.outcome} after {measured.wall_s:.0f} s {measured.complaint}")
        shutil.rmtree(place)
        return measured

    def _listed(self, name: str, packages: Iterable[str]) -> pathlib.Path:
        """Write names of packages into a file, one a line."""
        file = self.place / name
        file.write_text("".join(f"{package}\n" for package in sorted(packages)))
        return file

    def _shown(self, argv: Sequence[str | pathlib.Path]) -> str:
        """Return a command line without the paths that say nothing."""
        words = [
            str(word)
            .replace(str(self.place), "$PLACE")
            .replace(str(self.base), "$BASE")
            .replace(str(pathlib.Path(__file__).parent), "benchmarks")
            .replace(sys.executable, "python")
            for word in argv
        ]
        return shlex.join(words).replace("'", "")

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
