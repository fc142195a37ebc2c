"""Running phases, with diskimage-builder's own elements for packages and services."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping

import pytest
import yaml
from tests.support.building import heard
from tests.unit.building import host_cell

from retrofit import errors, model, recipes
from retrofit.building.elements import collect, runner, sources
from retrofit.host.sandbox import cells

VARIABLES = {
    "ARCH": "amd64",
    "DIB_DEFAULT_INSTALLTYPE": "source",
    "DIB_INIT_SYSTEM": "systemd",
    "DIB_PYTHON_EXEC": "python3",
    "DIB_PYTHON_VERSION": "3",
    "DIB_RELEASE": "bookworm",
    "DISTRO_NAME": "debian",
    "IMAGE_NAME": "test",
    "NO_SOURCE_REPOSITORIES": "1",
}


class Bare:
    """A recipe without Octavia's elements, which would have to be fetched."""

    name = "bare"
    environment: Mapping[str, str] = {}
    root_size = 0
    own_elements = recipes.get("amphora").own_elements
    element_sources: tuple[sources.Source, ...] = ()

    def __init__(self, *elements: str) -> None:
        self.elements: Mapping[str, tuple[str, ...]] = {"debian": elements}

    def check(self, release: model.Release) -> None:
        pass


class Packages:
    """Notes what is done about packages."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def upgrade(self, _: cells.Cell) -> None:
        self._lines.append("upgrade")

    def clean(self, _: cells.Cell) -> None:
        self._lines.append("clean")

    def lists(self) -> str:
        return ""


class Bench:
    """An operator's elements, and a tree to run them on."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self.tree = root / "tree"
        (self.tree / "tmp").mkdir(parents=True)
        self.heard = heard.Heard()
        self.lines = self.heard.lines

    def write(self, element: str, files: Mapping[str, str]) -> None:
        """Make an element; files in directories are executable."""
        for name, text in files.items():
            path = self._root / "operator" / element / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if "/" in name else 0o644)

    def prepare(self, *names: str, **variables: str) -> runner.Runner:
        """Lay out elements to run on the tree."""
        request = model.BuildRequest(
            "amphora",
            elements_paths=(self._root / "operator",),
            environment=tuple(variables.items()),
        )
        collect.collect(Bare(*names), request, self._root / "elements")
        work = self._root / "work"
        work.mkdir()
        return runner.prepare(
            names,
            elements_root=self._root / "elements",
            work=work,
            cell=host_cell.HostCell(root=self.tree, work=work),
            environment=VARIABLES | variables,
            packages=Packages(self.lines),
            recall=runner.always,
            doing=self.heard,
        )

    def package_lists(self) -> dict[str, dict[str, list[list[str]]]]:
        """Return what the merged package-installs list says."""
        lists: dict[str, dict[str, list[list[str]]]] = json.loads(
            (self.tree / "tmp/package-installs.json").read_text()
        )
        return lists


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    """Return a bench with an operating system of its own."""
    made = Bench(tmp_path)
    # Scripts of phases but the first would change the host: an operating system without any.
    made.write("bare", {"element-provides": "operating-system\n"})
    return made


def test_packages_of_all_elements_are_merged_by_phase(bench: Bench) -> None:
    bench.write("mine", {"element-deps": "package-installs\n"})
    content = {
        "plain": None,
        "early": {"phase": "pre-install.d"},
        "other-arch": {"arch": "s390x"},
        "when-not": {"when": "DISTRO_NAME = ubuntu"},
        "gone": {"uninstall": True},
    }
    bench.write("mine", {"package-installs.yaml": yaml.safe_dump(content)})
    bench.prepare("existing-debian", "mine").run_phase("extra-data.d")
    lists = bench.package_lists()
    mine = [name for name, element in lists["install.d"]["install"] if element == "mine"]
    assert mine == ["plain"]
    assert ["early", "mine"] in lists["pre-install.d"]["install"]
    assert lists["install.d"]["uninstall"] == [["gone", "mine"]]


def test_an_element_from_packages_neither_builds_nor_uninstalls(bench: Bench) -> None:
    content = {
        "agent": {"installtype": "package"},
        "compiler": {"build-only": True},
        "perl": {"uninstall": True},
    }
    for name in ("made-here", "packaged"):
        bench.write(name, {"package-installs.yaml": yaml.safe_dump(content)})
    variables = {"DIB_INSTALLTYPE_packaged": "package"}
    bench.prepare("existing-debian", "made-here", "packaged", **variables).run_phase(
        "extra-data.d"
    )
    lists = bench.package_lists()["install.d"]
    assert ["agent", "packaged"] in lists["install"]
    assert ["compiler", "packaged"] not in lists["install"]
    assert ["compiler", "made-here"] in lists["install"]
    assert {element for _, element in lists["uninstall"]} == {"made-here"}


def test_packages_to_skip_are_skipped(bench: Bench) -> None:
    bench.write("mine", {"package-installs.yaml": yaml.safe_dump({"dkms": None, "kept": None})})
    bench.prepare("existing-debian", "mine", RETROFIT_SKIP_PACKAGES="dkms other").run_phase(
        "extra-data.d"
    )
    names = [name for name, _ in bench.package_lists()["install.d"]["install"]]
    assert "kept" in names
    assert "dkms" not in names


def test_no_tool_to_fetch_sources_is_installed_without_sources(bench: Bench) -> None:
    bench.prepare("existing-debian", "source-repositories").run_phase("extra-data.d")
    assert "git" not in [name for name, _ in bench.package_lists()["install.d"]["install"]]


def test_pkg_map_and_svc_map_arrive_in_the_tree(bench: Bench) -> None:
    bench.write(
        "mine",
        {
            "element-deps": "pkg-map\nsvc-map\n",
            "pkg-map": json.dumps({"distro": {"debian": {"agent": "debian-agent"}}}),
            "svc-map": yaml.safe_dump({"web": {"debian": "apache2", "default": "httpd"}}),
        },
    )
    ready = bench.prepare("existing-debian", "mine")
    ready.run_phase("extra-data.d")
    services = yaml.safe_load((bench.tree / "usr/share/svc-map/services").read_text())
    assert services == {"web": "apache2"}
    tool = ready.hooks.path / "bin/pkg-map"
    maps = bench.tree / "usr/share/pkg-map/mine"
    done = ready.cell.run(
        ["/usr/bin/python3", str(tool), "--pkg-map", str(maps), "--missing-ok", "agent", "other"],
        timeout_s=30,
    )
    assert done.stdout.split() == ["debian-agent", "other"]


def test_environment_files_are_sourced_in_order(bench: Bench) -> None:
    bench.write(
        "mine",
        {
            "environment.d/10-first": "export GREETING=${GREETING:-hello}\nNOT_EXPORTED=1\n",
            "environment.d/20-second.bash": 'export GREETING="$GREETING world"\necho noise\n',
            "install.d/10-say": '#!/bin/bash\necho "[$GREETING] [${NOT_EXPORTED:-unset}]"\n',
        },
    )
    bench.prepare("bare", "mine", GREETING="bonjour").run_phase("install.d")
    assert bench.lines[-1] == "[bonjour world] [unset]"


def test_the_upgrade_is_part_of_what_a_layer_holds(bench: Bench) -> None:
    bench.write("mine", {"install.d/01-package-installs": "#!/bin/sh\necho installed\n"})
    prepared = bench.prepare("bare", "mine")

    def recall(inputs: str, _: Callable[[], None]) -> None:
        assert "echo installed" in inputs
        bench.lines.append("from a layer")

    dataclasses.replace(prepared, recall=recall).run_phase("install.d")

    assert bench.lines == ["from a layer"]


def test_elements_are_described_to_scripts(bench: Bench) -> None:
    script = """#!/bin/bash
eval declare -A places=($(get_image_element_array))
test -d "${places[mine]}" && echo "$IMAGE_ELEMENT" && echo "$IMAGE_ELEMENT_YAML"
"""
    bench.write("mine", {"extra-data.d/98-look": script, "element-deps": ""})
    bench.prepare("bare", "mine").run_phase("extra-data.d")
    assert "bare mine" in bench.lines


def test_a_failing_script_is_named_with_its_last_words(bench: Bench) -> None:
    script = "#!/bin/sh\necho one\necho two >&2\nexit 7\n"
    bench.write("mine", {"install.d/40-fail": script})
    with pytest.raises(errors.RecipeError) as raised:
        bench.prepare("bare", "mine").run_phase("install.d")
    assert raised.value.message == (
        "the element mine failed in install.d: 40-fail ended with status 7: two"
    )
    assert set(raised.value.details) == {"one", "two"}


def test_a_failing_environment_file_is_named(bench: Bench) -> None:
    bench.write(
        "mine",
        {"environment.d/40-fail": "echo ${UNKNOWN}\n", "install.d/10-a": "#!/bin/sh\n"},
    )
    with pytest.raises(
        errors.RecipeError, match=r"element mine failed in environment\.d: 40-fail"
    ):
        bench.prepare("bare", "mine").run_phase("install.d")


def test_install_types_link_the_scripts_wanted(bench: Bench) -> None:
    files = {
        f"install.d/mine-{kind}-install/50-{kind}": "#!/bin/sh\n" for kind in ("source", "package")
    }
    bench.write("mine", {"element-deps": "install-types\n", **files})
    ready = bench.prepare("bare", "mine", DIB_INSTALLTYPE_mine="package")
    ready.run_phase("extra-data.d")
    assert "50-package" in [script.name for script in ready.hooks.scripts("install.d")]
    assert "50-source" not in [script.name for script in ready.hooks.scripts("install.d")]


def test_the_sudo_of_scripts_needs_no_right(bench: Bench) -> None:
    script = "#!/bin/sh\nsudo -E -n GREETING=hi sh -c 'echo \"$GREETING\"'\n"
    bench.write("mine", {"install.d/10-sudo": script})
    bench.prepare("bare", "mine").run_phase("install.d")
    assert bench.lines[-1] == "hi"


def test_a_file_of_this_machine_is_read_before_all_phases(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAA me\n")
    bench.write(
        "mine",
        {
            "extra-data.d/10-read": "#!/bin/sh\ncat $KEY_FILE\necho $OTHER_FILE\n",
            "install.d/10-read": "#!/bin/sh\necho $KEY_FILE\n",
        },
    )
    ready = bench.prepare("bare", "mine", KEY_FILE=str(key), OTHER_FILE="/nowhere")
    # A copy: what happens to the file during a build does not count.
    key.unlink()
    for phase in ("extra-data.d", "install.d"):
        ready.run_phase(phase)
    assert bench.lines == ["ssh-ed25519 AAAA me", "/nowhere", str(key)]
