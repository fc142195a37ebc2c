"""Recipes, and what surrounds them in a tree."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest
from tests.support import paths

from retrofit import errors, model, recipes
from retrofit.building import package_managers, workbench
from retrofit.host.sandbox import cells

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"
APT = package_managers.of("debian")
BOOKWORM = model.Release("debian", "12", "bookworm", "amd64")
REQUEST = model.BuildRequest("amphora")


def test_an_unknown_recipe_is_refused_with_those_known() -> None:
    with pytest.raises(
        errors.ConfigError, match="unknown recipe 'amfora'; known recipes: amphora"
    ):
        recipes.get("amfora")


def test_the_amphora_is_for_ubuntu_and_debian() -> None:
    recipe = recipes.get("amphora")
    recipe.check(model.Release("ubuntu", "24.04", "noble", "amd64"))
    recipe.check(model.Release("debian", "12", "bookworm", "amd64"))
    with pytest.raises(errors.ImageError, match="amphora does not support fedora 40"):
        recipe.check(model.Release("fedora", "40", "", "amd64"))


def test_an_image_that_starts_by_lists_of_blocks_is_refused() -> None:
    with pytest.raises(errors.ImageError, match="s390x"):
        recipes.get("amphora").check(model.Release("ubuntu", "24.04", "noble", "s390x"))


def test_an_architecture_that_a_recipe_does_not_know_is_refused() -> None:
    with pytest.raises(errors.ImageError, match="does not support m68k"):
        recipes.get("amphora").check(model.Release("debian", "12", "bookworm", "m68k"))


def test_amphorae_are_called_and_found_as_consumers_expect() -> None:
    kind = recipes.get("amphora").glance
    assert (kind.prefix, kind.tag) == ("amphora-haproxy", recipes.DEFAULT_TAG)


@pytest.mark.parametrize("name", recipes.names())
def test_every_registered_kind_is_whole(name: str) -> None:
    recipe = recipes.get(name)
    assert recipe.name == name
    assert recipe.first_series.keys() == recipe.elements.keys()
    assert recipe.checks().rest


def test_the_kinds_are_listed_without_being_loaded() -> None:
    program = "import sys; from retrofit import recipes; print(*recipes.names(), *sys.modules)"
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert set(recipes.names()) <= set(loaded)
    assert [module for module in loaded if module.startswith("retrofit.recipes.")] == []


def test_octavia_s_elements_are_packed_with_the_standard_library_alone() -> None:
    """Packing the charm runs this module with a new Python (charmcraft.yaml, part elements)."""
    program = (
        f"import sys; sys.path.insert(0, {str(paths.REPOSITORY / 'src')!r});"
        " import retrofit.recipes.amphora.octavia_elements"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_other_room_names_a_kind() -> None:
    source = paths.REPOSITORY / "src"
    # Octavia's own word for its machines stands where Octavia is asked.
    others = ("retrofit/recipes/", "retrofit/rollout/", "retrofit/cloud/")
    naming_one = [
        f"{path.relative_to(source)}:{node.lineno}"
        for path in source.rglob("*.py")
        if not str(path.relative_to(source)).startswith(others)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in recipes.names()
    ]
    assert naming_one == []


def files(tree: pathlib.Path) -> dict[str, str]:
    """Return the files of a tree with their content."""
    found = (path for path in tree.rglob("*") if path.is_file())
    return {str(path.relative_to(tree)): path.read_text() for path in found}


def test_what_a_build_needs_is_there_while_it_runs_only(tmp_path: pathlib.Path) -> None:
    (tmp_path / "var/lib/man-db").mkdir(parents=True)
    (tmp_path / "var/lib/man-db/auto-update").touch()
    before = files(tmp_path)
    with APT.prepared(tmp_path, REQUEST):
        policy = tmp_path / "usr/sbin/policy-rc.d"
        assert policy.stat().st_mode & 0o777 == 0o755
        assert policy.read_text().endswith("exit 101\n")
        assert not (tmp_path / "var/lib/man-db/auto-update").exists()
    assert files(tmp_path) == before


def test_a_policy_of_the_base_image_comes_back(tmp_path: pathlib.Path) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    policy = tmp_path / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    policy.chmod(0o755)
    with APT.prepared(tmp_path, REQUEST):
        assert "101" in policy.read_text()
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.stat().st_mode & 0o777 == 0o755


def test_apt_is_told_of_proxies_and_certificates(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tree/etc/apt").mkdir(parents=True)
    (tmp_path / "tree/etc/apt/apt.conf").write_text('Acquire::http::Proxy "http://old.test";\n')
    (tmp_path / "tree/etc/apt/auth.conf").write_text("machine old.test login a password b\n")
    request = model.BuildRequest(
        "amphora",
        archives=model.Archives(
            mirror="https://me:secret@mirror.test/ubuntu",
            uca_mirror="deb http://10.7.0.1:8080/uca noble main",
        ),
        proxies=model.Proxies(
            "http://p.test:3128", "http://q.test:3128", "a.test, .b.test,10.0.0.0/8"
        ),
        ca_certificate=CERTIFICATE,
    )
    bare = cells.Cell(root=tmp_path / "tree", work=tmp_path)
    furnished = workbench.furnish(bare, request, BOOKWORM, tmp_path)
    shown = {bind.target: bind.source for bind in furnished.binds}
    first = shown[furnished.environment["APT_CONFIG"]].read_text()
    names = dict(re.findall(r'Dir::Etc::(\w+) "(.*)";', first))
    settings = shown[names["main"]].read_text()
    old, _, new = settings.partition("#clear Acquire::http::Proxy;\n")
    assert "old.test" in old
    assert 'Acquire::http::Proxy "http://p.test:3128";' in new
    assert 'Acquire::https::Proxy "http://q.test:3128";' in new
    for host in ("a.test", "10.7.0.1"):
        assert f'Acquire::http::Proxy::{host} "DIRECT";' in new
    assert "Proxy::mirror.test" not in new
    assert "Acquire::https::CaInfo" in new
    assert shown[names["netrc"]].read_text().splitlines() == [
        "machine https://mirror.test/ubuntu login me password secret",
        "machine old.test login a password b",
    ]
    assert {path.stat().st_mode & 0o777 for path in shown.values() if "apt" in path.name} == {
        0o600
    }


def test_packages_have_one_order(tmp_path: pathlib.Path) -> None:
    """Sets, in which diskimage-builder has them, have another one in each process else."""
    (tmp_path / "tree").mkdir()
    bare = cells.Cell(root=tmp_path / "tree", work=tmp_path)
    furnished = workbench.furnish(bare, REQUEST, BOOKWORM, tmp_path)
    shown = {
        subprocess.run(
            [sys.executable, "-c", "print(*{f'package-{n}' for n in range(100)})"],
            env=furnished.environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for _ in range(3)
    }
    assert len(shown) == 1


def test_programs_are_told_of_proxies_and_certificates(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tree/etc/ssl/certs").mkdir(parents=True)
    (tmp_path / "tree/etc/ssl/certs/ca-certificates.crt").write_text("system\n")
    request = model.BuildRequest(
        "amphora", proxies=model.Proxies(http="http://p.test:3128"), ca_certificate=CERTIFICATE
    )
    bare = cells.Cell(root=tmp_path / "tree", work=tmp_path)
    furnished = workbench.furnish(bare, request, BOOKWORM, tmp_path)
    assert furnished.environment["http_proxy"] == "http://p.test:3128"
    assert furnished.environment["HTTP_PROXY"] == "http://p.test:3128"
    assert "https_proxy" not in furnished.environment
    target = furnished.environment["SSL_CERT_FILE"]
    [bind] = [bind for bind in furnished.binds if bind.target == target]
    assert bind.source.read_text() == f"system\n\n{CERTIFICATE}\n"
    assert list(files(tmp_path / "tree")) == ["etc/ssl/certs/ca-certificates.crt"]
