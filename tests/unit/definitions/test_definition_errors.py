"""What is said to wrong definitions, with the line: docs/reference/definition-errors.md.

``RETROFIT_WRITE_DOCS=1`` writes the table anew from what was printed; else the tests compare.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

import pytest

from retrofit.cli import execution, main

_PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/reference/definition-errors.md"
_BEGIN = "| Error | In the file | Printed | Code |\n|---|---|---|---|\n"
_GOOD = """\
defaults:
  mirror: https://mirror.example/ubuntu
images:
  - name: amphora
    recipe: amphora
    distribution: ubuntu
    releases: [jammy, noble]
    architectures: [x86_64, aarch64]
    pocket: caracal
    formats: [qcow2]
    tags: ["octavia-{release}-{architecture}", balancer]
    visibility: public
    properties: {hw_disk_bus: virtio}
    keep: 3
    schedule: Mon..Fri 03:30
  - name: spare
    tags: [spare]
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """A wrong file: the good one with one line in place of another.

    Attributes:
        what: What is wrong with it.
        line: The line of the good file that is left out.
        wrong: What stands there instead.
    """

    what: str
    line: str
    wrong: str

    def row(self, printed: str, code: int) -> str:
        """Return the table's row."""
        shown = "<br>".join(f"`{line.strip()}`" for line in self.wrong.splitlines())
        return f"| {self.what} | {shown} | `{printed}` | {code} |\n"


CASES = (
    Case("Mistyped key", "    releases: [jammy, noble]", "    relases: [jammy, noble]"),
    Case("Mistyped key of a default", "  mirror: https://mirror.example/ubuntu", "  mirrors: x"),
    Case("Unknown key", "    pocket: caracal", "    flavour: large"),
    Case("Mistyped recipe", "    recipe: amphora", "    recipe: amfora"),
    Case("Mistyped distribution", "    distribution: ubuntu", "    distribution: ubunto"),
    Case("Mistyped release", "    releases: [jammy, noble]", "    releases: [jammy, nobel]"),
    Case("A number for a release", "    releases: [jammy, noble]", "    releases: [24.04]"),
    Case("A release of another", "    distribution: ubuntu", "    distribution: debian"),
    Case("A word for a list", "    releases: [jammy, noble]", "    releases: noble"),
    Case(
        "Mistyped architecture",
        "    architectures: [x86_64, aarch64]",
        "    architectures: [x86_64, arm64]",
    ),
    Case("Mistyped pocket", "    pocket: caracal", "    pocket: cloud:caracal"),
    Case("Mistyped format", "    formats: [qcow2]", "    formats: [qcow]"),
    Case("A format twice", "    formats: [qcow2]", "    formats: [qcow2, qcow2]"),
    Case("No tag", "    tags: [spare]", "    tags: []"),
    Case("Two words for a tag", "    tags: [spare]", "    tags: [the spare one]"),
    Case("Unknown placeholder", "    tags: [spare]", '    tags: ["spare-{series}"]'),
    Case("Placeholder without a list", "    tags: [spare]", '    tags: ["spare-{release}"]'),
    Case("Equal tags", "    tags: [spare]", "    tags: [octavia-noble-x86_64]"),
    Case(
        "A label that is another's tag",
        "    tags: [spare]",
        "    tags: [spare, octavia-noble-x86_64]",
    ),
    Case(
        "Equal tags of one definition",
        '    tags: ["octavia-{release}-{architecture}", balancer]',
        "    tags: [octavia]",
    ),
    Case("Equal names", "  - name: spare", "  - name: amphora-noble-x86_64-qcow2"),
    Case("Mistyped visibility", "    visibility: public", "    visibility: everybody"),
    Case(
        "A property that is ours",
        "    properties: {hw_disk_bus: virtio}",
        "    properties: {os_version: '24.04'}",
    ),
    Case(
        "A number for a property",
        "    properties: {hw_disk_bus: virtio}",
        "    properties: {hw_vif_multiqueue_enabled: 1}",
    ),
    Case("A text for a number", "    keep: 3", "    keep: three"),
    Case("A negative number", "    keep: 3", "    keep: -1"),
    Case("Mistyped schedule", "    schedule: Mon..Fri 03:30", "    schedule: fortnightly"),
    Case("A key twice", "    keep: 3", "    keep: 3\n    pocket: bobcat"),
    Case("A list that does not end", "    formats: [qcow2]", "    formats: [qcow2"),
    Case("One base image for many", "    keep: 3", "    source: glance:77aa"),
    Case(
        "A file that is missing",
        "    tags: [spare]",
        "    tags: [spare]\n    ca-certificate: no.pem",
    ),
)


@pytest.fixture(scope="module")
def rows():
    """Rows as printed in this run; written into the page on demand."""
    found: dict[str, str] = {}
    yield found
    if os.environ.get("RETROFIT_WRITE_DOCS"):
        head = _PAGE.read_text().partition(_BEGIN)[0]
        _PAGE.write_text(head + _BEGIN + "".join(found[case.what] for case in CASES))


def _list(path: pathlib.Path) -> int:
    with pytest.raises(SystemExit) as ended:
        execution.execute(
            main.retrofit,
            name="retrofit",
            arguments=["list", "--offline", "--definitions", str(path)],
        )
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "-"))
def test_wrong_definitions(
    case: Case,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: dict[str, str],
):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("images.yaml")
    assert _GOOD.count(f"{case.line}\n") == 1
    path.write_text(_GOOD.replace(case.line, case.wrong))

    code = _list(path)

    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("retrofit: error: images.yaml:")
    rows[case.what] = case.row(line, code)
    if not os.environ.get("RETROFIT_WRITE_DOCS"):
        assert rows[case.what] in _PAGE.read_text()


def test_the_good_file_is_good(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "images.yaml"
    path.write_text(_GOOD)

    assert _list(path) == 0

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        *("WANTED", "amphora-jammy-x86_64-qcow2", "amphora-jammy-aarch64-qcow2"),
        *("amphora-noble-x86_64-qcow2", "amphora-noble-aarch64-qcow2", "spare"),
    ]
    assert _GOOD in _PAGE.read_text()
