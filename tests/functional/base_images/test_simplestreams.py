"""Base images from web servers: a signed simplestreams tree, and a URL with a checksum."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Iterator

import pytest
from tests.support.base_images import stream_tree
from tests.support.cli import command
from tests.support.host import authority, web_server
from tests.support.publishing import publishing

from retrofit import cloud, errors, model
from retrofit.base_images import download, finding, origins, simplestreams
from retrofit.host import web, web_servers

FIRST, SECOND = "20260801", "20260802.1"
PRODUCT = "com.ubuntu.cloud.daily:server:24.04:amd64"
IMAGE = f"server/{SECOND}/server-24.04-amd64.img"
_YEAR = datetime.timedelta(days=365)


@pytest.fixture(scope="module")
def signers() -> Iterator[stream_tree.Signers]:
    """Return who signs the tree, and others."""
    with stream_tree.signers() as made:
        yield made


@pytest.fixture
def tree(signers: stream_tree.Signers, tmp_path: pathlib.Path) -> stream_tree.Tree:
    """Return a tree with two versions of noble."""
    made = stream_tree.Tree(tmp_path / "tree", signers.own)
    made.add(SECOND)
    made.add(FIRST)
    made.write()
    return made


@pytest.fixture
def server(tree: stream_tree.Tree) -> Iterator[web_server.Server]:
    """Return what serves the tree."""
    with web_server.serving(tree.directory) as serving:
        yield serving


@pytest.fixture
def wanted(server: web_server.Server, signers: stream_tree.Signers) -> simplestreams.Wanted:
    """Return the wish for noble from that server."""
    return simplestreams.Wanted(
        url=server.url, keyring=signers.own.keyring, series="noble", architecture="x86_64"
    )


def _find(wanted: origins.Source, access: web.Access | None = None) -> origins.Origin:
    return wanted.find(_no_cloud, access or web.Access())


def _no_cloud() -> cloud.Cloud:
    raise AssertionError("no cloud is needed")


def _bring(origin: origins.Origin, work: pathlib.Path) -> bytes:
    return origin.bring(work, publishing.Silent()).read_bytes()


def test_takes_the_newest_version(
    tree: stream_tree.Tree,
    server: web_server.Server,
    wanted: simplestreams.Wanted,
    open_directory: pathlib.Path,
) -> None:
    origin = _find(wanted)

    # Planning takes no image byte.
    assert [answer.path for answer in server.answers] == [stream_tree.INDEX, stream_tree.PRODUCTS]
    disk = tree.products[PRODUCT]["versions"][SECOND]
    assert origin.content_hash() == f"sha256:{disk['items']['disk1.img']['sha256']}"
    assert origin.base == model.BaseImage(
        name="server-24.04-amd64.img",
        size=3_000_000,
        content_hash=origin.content_hash(),
        product_name=PRODUCT,
        version_name=SECOND,
        os_distro="ubuntu",
        os_version="24.04",
        architecture="x86_64",
    )
    assert _bring(origin, open_directory) == (tree.directory / IMAGE).read_bytes()


def test_takes_what_is_asked_for(
    tree: stream_tree.Tree, server: web_server.Server, wanted: simplestreams.Wanted
) -> None:
    for product in ("cloud:server:24.04:amd64", "cloud.daily:server:22.04:arm64"):
        tree.add(FIRST, f"com.ubuntu.{product}")
    tree.write()

    def found(**changes: str) -> tuple[str, str]:
        base = _find(dataclasses.replace(wanted, **changes)).base
        assert base is not None
        return base.product_name, base.version_name

    assert found(version=FIRST) == (PRODUCT, FIRST)
    assert found(stream="daily") == (PRODUCT, SECOND)
    assert found(stream="released") == ("com.ubuntu.cloud:server:24.04:amd64", FIRST)
    arm = {"series": "jammy", "architecture": "aarch64"}
    assert found(**arm) == ("com.ubuntu.cloud.daily:server:22.04:arm64", FIRST)
    assert found(url=server.url + stream_tree.INDEX) == (PRODUCT, SECOND)
    with pytest.raises(
        errors.InputMissing, match="for version 20200101 of ubuntu 24.04"
    ) as raised:
        found(version="20200101")
    assert PRODUCT in str(raised.value)


def test_what_was_planned_is_found_again_until_it_expires(
    tree: stream_tree.Tree, server: web_server.Server, wanted: simplestreams.Wanted
) -> None:
    planned = _find(wanted).base
    assert planned is not None
    tree.add("20260901")
    tree.write()

    def again() -> origins.Origin:
        return finding.find_again(wanted, planned, _no_cloud, web.Access())

    assert again().base == planned
    versions = tree.products[PRODUCT]["versions"]
    versions[SECOND]["items"]["disk1.img"]["sha256"] = "0" * 64
    tree.write()
    with pytest.raises(errors.InputMissing, match="expired.*another image.*plan again"):
        again()
    del versions[SECOND]
    tree.write()
    with pytest.raises(errors.InputMissing, match="expired.*no base image at .*plan again"):
        again()


def test_says_that_an_image_vanished_after_planning(
    tree: stream_tree.Tree, wanted: simplestreams.Wanted, open_directory: pathlib.Path
) -> None:
    origin = _find(wanted)
    (tree.directory / IMAGE).unlink()

    with pytest.raises(errors.InputMissing, match="has expired since it was selected.*plan again"):
        _bring(origin, open_directory)

    assert list(open_directory.iterdir()) == []


class TestRefusals:
    """What is wrong with a tree is told in one line, and nothing is taken from it."""

    @pytest.mark.parametrize("path", [stream_tree.INDEX, stream_tree.PRODUCTS])
    def test_flipped_byte(
        self, tree: stream_tree.Tree, wanted: simplestreams.Wanted, path: str
    ) -> None:
        file = tree.directory / path
        file.write_bytes(file.read_bytes().replace(b"amd64", b"amd65", 1))
        with pytest.raises(errors.Denied, match=f"{path} does not match its signature"):
            _find(wanted)

    def test_flipped_byte_in_the_image(
        self, tree: stream_tree.Tree, wanted: simplestreams.Wanted, open_directory: pathlib.Path
    ) -> None:
        image = tree.directory / IMAGE
        content = bytearray(image.read_bytes())
        content[1_000_000] ^= 1
        image.write_bytes(content)
        with pytest.raises(
            errors.ImageError, match="server-24.04-amd64.img does not match its checksum"
        ):
            _bring(_find(wanted), open_directory)
        assert list(open_directory.iterdir()) == []

    def test_wrong_key(
        self,
        tree: stream_tree.Tree,
        wanted: simplestreams.Wanted,
        signers: stream_tree.Signers,
    ) -> None:
        tree.write(signer=signers.other)
        with pytest.raises(errors.Denied, match="index.sjson is signed with key .*, which is not"):
            _find(wanted)

    def test_not_signed(self, tree: stream_tree.Tree, wanted: simplestreams.Wanted) -> None:
        (tree.directory / stream_tree.INDEX).write_text("{}")
        with pytest.raises(errors.Denied, match="index.sjson is not signed"):
            _find(wanted)

    def test_cut_short(self, tree: stream_tree.Tree, wanted: simplestreams.Wanted) -> None:
        file = tree.directory / stream_tree.INDEX
        file.write_bytes(file.read_bytes()[:500])
        with pytest.raises(errors.Denied, match="index.sjson is truncated"):
            _find(wanted)

    def test_signature_expired(self, tree: stream_tree.Tree, wanted: simplestreams.Wanted) -> None:
        tree.write(at="20260101T000000", days=7)
        with pytest.raises(errors.Denied, match="expired on 2026-01-08.*clock"):
            _find(wanted)

    def test_key_expired(
        self,
        tree: stream_tree.Tree,
        wanted: simplestreams.Wanted,
        signers: stream_tree.Signers,
    ) -> None:
        tree.write(signer=signers.expired, at=stream_tree.BORN)
        theirs = dataclasses.replace(wanted, keyring=signers.expired.keyring)
        with pytest.raises(errors.Denied, match="the key that signed .* has expired.*clock"):
            _find(theirs)

    @pytest.mark.parametrize(
        ("shift", "message"),
        [(-_YEAR, "index.sjson has expired"), (_YEAR, "which is in the future; check.*clock")],
        ids=["year-old", "year-ahead"],
    )
    def test_time(
        self,
        tree: stream_tree.Tree,
        wanted: simplestreams.Wanted,
        shift: datetime.timedelta,
        message: str,
    ) -> None:
        tree.write(made=datetime.datetime.now(datetime.UTC) + shift)
        with pytest.raises(errors.Denied, match=message):
            _find(wanted)

    def test_another_list_than_the_index_says(
        self, tree: stream_tree.Tree, wanted: simplestreams.Wanted
    ) -> None:
        tree.write(content_id="com.ubuntu.cloud:minimal:download")
        with pytest.raises(errors.Denied, match="but the index has com.ubuntu.cloud:daily"):
            _find(wanted)

    def test_signed_but_no_index(
        self,
        tree: stream_tree.Tree,
        wanted: simplestreams.Wanted,
        signers: stream_tree.Signers,
    ) -> None:
        signers.own.sign('{"updated": 5', tree.directory / stream_tree.INDEX)
        with pytest.raises(
            errors.ImageError, match="signed, but is not a valid index of simplestreams"
        ):
            _find(wanted)

    def test_no_index_there(self, server: web_server.Server, wanted: simplestreams.Wanted) -> None:
        with pytest.raises(errors.InputMissing, match="the file does not exist; check the URL"):
            _find(dataclasses.replace(wanted, url=server.url + "ubuntu"))

    def test_keyring_missing(self, wanted: simplestreams.Wanted, tmp_path: pathlib.Path) -> None:
        with pytest.raises(errors.InputMissing, match="cannot read the keyring .*--keyring"):
            _find(dataclasses.replace(wanted, keyring=tmp_path / "none.gpg"))


class TestTransport:
    """Downloads survive what networks do, and end where they cannot."""

    def test_goes_on_where_it_was_cut(
        self,
        tree: stream_tree.Tree,
        server: web_server.Server,
        wanted: simplestreams.Wanted,
        open_directory: pathlib.Path,
    ) -> None:
        server.faults[IMAGE] += (web_server.Fault(1_000_000), web_server.Fault(700_001))

        arrived = _bring(_find(wanted), open_directory)

        assert arrived == (tree.directory / IMAGE).read_bytes()
        # No byte came twice.
        assert [(answer.first, answer.sent) for answer in server.of(IMAGE)] == [
            (0, 1_000_000),
            (1_000_000, 700_001),
            (1_700_001, 1_299_999),
        ]

    def test_begins_anew_if_the_file_changed_meanwhile(
        self,
        tree: stream_tree.Tree,
        server: web_server.Server,
        wanted: simplestreams.Wanted,
        open_directory: pathlib.Path,
    ) -> None:
        right = (tree.directory / IMAGE).read_bytes()
        origin = _find(wanted)
        (tree.directory / IMAGE).write_bytes(bytes(len(right)))

        class Repairing(publishing.Silent):
            def advanced(self, *_: int) -> None:
                (tree.directory / IMAGE).write_bytes(right)

        server.faults[IMAGE].append(web_server.Fault(1_000_000))
        assert origin.bring(open_directory, Repairing()).read_bytes() == right
        assert [answer.first for answer in server.of(IMAGE)] == [0, 0]

    @pytest.mark.parametrize(
        "fault",
        [web_server.Fault(1000, stall=True), web_server.Fault(1000, trickle=True)],
        ids=["silence", "trickle"],
    )
    def test_gives_up_on_a_server_that_stalls(
        self,
        fault: web_server.Fault,
        server: web_server.Server,
        wanted: simplestreams.Wanted,
        open_directory: pathlib.Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        origin = _find(wanted)
        monkeypatch.setattr(web_servers, "STALL_S", 0.3)
        monkeypatch.setattr(web, "_ATTEMPTS", 2)
        server.faults[IMAGE] += [fault] * 5

        with pytest.raises(errors.Unavailable, match="no data, or very little, for"):
            _bring(origin, open_directory)

        assert list(open_directory.iterdir()) == []

    def test_ends_in_a_loop_of_redirections(
        self, server: web_server.Server, wanted: simplestreams.Wanted
    ) -> None:
        server.redirections |= {
            stream_tree.INDEX: "/elsewhere",
            "elsewhere": f"/{stream_tree.INDEX}",
        }
        with pytest.raises(errors.Unavailable, match="redirects more than 10 times, at last to"):
            _find(wanted)
        assert len(server.answers) == 10

    def test_gives_the_password_to_nobody_else(
        self, tree: stream_tree.Tree, server: web_server.Server, wanted: simplestreams.Wanted
    ) -> None:
        server.password = "me:p@ss"
        url = server.url.replace("//", "//me:p%40ss@")
        with pytest.raises(errors.Denied, match="answers 401"):
            _find(wanted)
        assert _find(dataclasses.replace(wanted, url=url)).name == "server-24.04-amd64.img"

        with web_server.serving(tree.directory) as other:
            other.password = server.password
            server.redirections[stream_tree.INDEX] = other.url + stream_tree.INDEX
            with pytest.raises(errors.Denied, match="answers 401") as raised:
                _find(dataclasses.replace(wanted, url=url))
        assert "p@ss" not in str(raised.value) and "p%40ss" not in str(raised.value)

    def test_goes_through_the_proxy_but_where_none_is_wanted(
        self, server: web_server.Server, wanted: simplestreams.Wanted
    ) -> None:
        # The server stands for a proxy: it is asked for a host that it alone can know.
        through = model.Proxies(http=server.url)
        far = dataclasses.replace(wanted, url="http://mirror.invalid/")
        assert _find(far, web.Access(through)).name == "server-24.04-amd64.img"

        for no_proxy in ("example.org,127.0.0.1", "10.0.0.0/8, 127.0.0.0/8"):
            dead = model.Proxies(http="http://127.0.0.1:9", no_proxy=no_proxy)
            assert _find(wanted, web.Access(dead)).name == "server-24.04-amd64.img"

    def test_trusts_the_authority_of_the_request(
        self,
        tree: stream_tree.Tree,
        wanted: simplestreams.Wanted,
        tmp_path: pathlib.Path,
    ) -> None:
        signer = authority.Authority(tmp_path)
        with web_server.serving(tree.directory, signer=signer) as server:
            there = dataclasses.replace(wanted, url=server.url)
            found = _find(there, web.Access(ca_certificate=signer.path.read_text()))
            assert found.name == "server-24.04-amd64.img"
            with pytest.raises(
                errors.Denied, match="authority that is not trusted.*ca-certificate"
            ):
                _find(there)
            server.redirections[stream_tree.INDEX] = "http://127.0.0.1:9/index.sjson"
            with pytest.raises(errors.Denied, match="redirects to http://.* not encrypted"):
                _find(there, web.Access(ca_certificate=signer.path.read_text()))


class TestUrl:
    """An image at a URL is told by its checksum."""

    @pytest.mark.parametrize(
        "form",
        ["{digest}  {name}", "{digest} *{name}", "SHA256 ({name}) = {digest}", "{digest}"],
        ids=["text", "binary", "tag", "alone"],
    )
    def test_file_of_checksums(
        self,
        tree: stream_tree.Tree,
        server: web_server.Server,
        open_directory: pathlib.Path,
        form: str,
    ) -> None:
        digest = _digest(tree)
        others = [] if form == "{digest}" else [f"{'0' * 64}  other.img", f"{'1' * 128}  ./x.img"]
        line = form.format(digest=digest, name="server-24.04-amd64.img")
        (tree.directory / "SHA256SUMS").write_text("\n".join([*others, line, ""]))

        origin = _find(download.Wanted(server.url + IMAGE, f"{server.url}SHA256SUMS"))

        assert origin.content_hash() == f"sha256:{digest}"
        assert [answer.path for answer in server.answers] == ["SHA256SUMS"]
        assert _bring(origin, open_directory) == (tree.directory / IMAGE).read_bytes()

    def test_checksum_is_compared(
        self, tree: stream_tree.Tree, server: web_server.Server, open_directory: pathlib.Path
    ) -> None:
        right = _find(download.Wanted(server.url + IMAGE, f"sha256:{_digest(tree).upper()}"))
        assert len(_bring(right, open_directory)) == 3_000_000
        wrong = _find(download.Wanted(server.url + IMAGE, f"sha512:{'0' * 128}"))
        (open_directory / "source.img").unlink()
        with pytest.raises(
            errors.ImageError, match="does not match its checksum: sha512:.* instead of sha512:0"
        ):
            _bring(wrong, open_directory)
        assert list(open_directory.iterdir()) == []

    @pytest.mark.parametrize(
        ("checksum", "message"),
        [
            ("", "the image at .* has no checksum; give its checksum"),
            ("sha256:12", "'sha256:12' is not a checksum"),
            (f"md5:{'0' * 32}", "is not a checksum"),
        ],
        ids=["none", "short", "md5"],
    )
    def test_needs_a_checksum(self, checksum: str, message: str) -> None:
        with pytest.raises(errors.ConfigError, match=message):
            _find(download.Wanted("https://example.invalid/a.img", checksum))

    def test_not_in_the_file_of_checksums(
        self, tree: stream_tree.Tree, server: web_server.Server
    ) -> None:
        (tree.directory / "SHA256SUMS").write_text(f"{'0' * 64}  other.img\n")
        with pytest.raises(
            errors.InputMissing, match="SHA256SUMS has no SHA-256 or SHA-512 of ser"
        ):
            _find(download.Wanted(server.url + IMAGE, f"{server.url}SHA256SUMS"))


def _digest(tree: stream_tree.Tree) -> str:
    items = tree.products[PRODUCT]["versions"][SECOND]["items"]
    return str(items["disk1.img"]["sha256"])


def test_command_refuses_a_forged_index_and_leaves_nothing(
    tree: stream_tree.Tree,
    wanted: simplestreams.Wanted,
    open_directory: pathlib.Path,
    signers: stream_tree.Signers,
) -> None:
    tree.write(signer=signers.other)
    words = ["image", f"simplestreams:{wanted.url}", "out.qcow2", "--series", "noble"]
    options = ["--architecture", "x86_64", "--keyring", signers.own.keyring]

    files, work = open_directory / "files", open_directory / "work"
    files.mkdir()
    work.mkdir()
    with command.started([*words, *options], cwd=files, work=work) as running:
        outcome = running.end()

    assert outcome.code == errors.Denied.exit_code
    assert "index.sjson is signed with key" in outcome.line
    assert outcome.left == ()
