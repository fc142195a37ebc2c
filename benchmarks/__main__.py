"""Measures the project and what people would use in its place, in one go: ``make bench``."""

from __future__ import annotations

import argparse
import inspect
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable

from tests.support.base_images import base_images

from retrofit import errors
from retrofit.host import signals

from . import ours, peers, plans, proof, publication, record, session

_BOUND_S = 1600.0

_SECTIONS: dict[str, Callable[[session.Session], None]] = {
    "ours": ours.build,
    "start": ours.start,
    "transfers": ours.transfers,
    "parallel": ours.parallel,
    "floor": peers.floor,
    "diskimage-builder": peers.diskimage_builder,
    "create": ours.create,
    "disk-image-create": peers.disk_image_create,
    "sparsify": peers.sparsify,
    "virt-customize": peers.virt_customize,
    "proof": proof.prove,
    "plans": plans.measure_plans,
}
# Nothing else is compared with these: they have results of their own.
_APART = ("proof", "plans")
_ALL = [name for name in _SECTIONS if name not in _APART]

_README_HELP = "Write tables and chart of the latest go again."
_EPILOG = """\
Without sections all but proof and plans run, and only then the results are kept: ratios are those
of one go. Sections but create and plans need what ours builds, or --image; disk-image-create needs
create.
"""


def main() -> int:
    """Measure, and return the exit status."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.sections == ["readme"]:
        publication.publish(record.load())
        return 0
    if unknown := set(arguments.sections) - set(_SECTIONS):
        parser.error(f"no such sections: {', '.join(sorted(unknown))}")
    wanted = arguments.sections or _ALL
    signals.watch()
    try:
        document = _measure(wanted, arguments.image, arguments.bound)
    except errors.Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    print(publication.page(document))
    if wanted == _ALL and not arguments.image:
        record.save(document)
        publication.publish(document)
    return 0


def _parser() -> argparse.ArgumentParser:
    sections = "\n".join(f"  {name:18} {inspect.getdoc(run)}" for name, run in _SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"sections:\n{sections}\n  {'readme':18} {_README_HELP}\n\n{_EPILOG}",
    )
    parser.add_argument("sections", nargs="*", metavar="section")
    parser.add_argument("--image", type=pathlib.Path, help="amphora image to take as the result")
    parser.add_argument(
        "--bound", type=float, default=_BOUND_S, help="seconds a command may take (%(default)s)"
    )
    return parser


def _measure(sections: list[str], image: pathlib.Path | None, bound_s: float) -> record.Document:
    """Run sections in their order, in a directory that goes with them."""
    base = base_images.noble()
    with tempfile.TemporaryDirectory(prefix="retrofit-bench-", dir="/var/tmp") as directory:
        place = pathlib.Path(directory)
        # A build is nobody in particular, and reads elements from here.
        place.chmod(0o755)
        result = place / "result.qcow2"
        if image:
            shutil.copyfile(image, result)
        bench = session.Session(base, result, place, bound_s)
        for name in sections:
            _SECTIONS[name](bench)
    return record.Document(record.machine(), _command(), tuple(bench.runs), bench.figures)


def _command() -> str:
    """Return how this was started."""
    words = sys.argv[1:]
    return " ".join(["python -m benchmarks", *words]) if words else "make bench"


if __name__ == "__main__":
    sys.exit(main())
