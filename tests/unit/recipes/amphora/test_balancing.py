"""The configurations of haproxy and keepalived with which an amphora is proved."""

from __future__ import annotations

import dataclasses

import pytest

from retrofit.recipes.amphora.trial import haproxy, keepalived

_PLAIN = haproxy.Listener("plain-id", 80)
_SECURE = haproxy.Listener("secure-id", 443, terminates_tls=True)
_BLUE = haproxy.Member("blue-id", "198.51.100.11", 8080)
_GREEN = haproxy.Member("green-id", "198.51.100.12", 8080, weight=0)
_BALANCER = haproxy.LoadBalancer(
    id="0123-4567",
    vip="198.51.100.100",
    listeners=(_PLAIN, _SECURE),
    metrics=haproxy.Listener("metrics-id", 8088),
    pool=haproxy.Pool("pool-id", (_BLUE, _GREEN)),
    special=haproxy.Pool("special-id", (_GREEN,)),
)


def _sections(text: str) -> dict[str, list[str]]:
    """Return the lines of each section by its heading."""
    sections: dict[str, list[str]] = {}
    for line in filter(None, text.splitlines()):
        if not line.startswith(" "):
            lines = sections.setdefault(line, [])
            continue
        lines.append(line.strip())
    return sections


def test_each_listener_has_a_frontend_and_backends_of_its_own() -> None:
    sections = _sections(haproxy.configuration(_BALANCER))

    assert list(sections) == [
        "global",
        "defaults",
        "frontend prometheus-exporter-internal-endpoint",
        "backend prometheus-exporter-internal",
        "frontend metrics-id",
        "frontend plain-id",
        "backend pool-id:plain-id",
        "backend special-id:plain-id",
        "frontend secure-id",
        "backend pool-id:secure-id",
        "backend special-id:secure-id",
    ]
    assert "bind 198.51.100.100:80" in sections["frontend plain-id"]
    assert "default_backend pool-id:plain-id" in sections["frontend plain-id"]
    assert "use_backend special-id:secure-id if special" in sections["frontend secure-id"]


def test_only_the_secure_listener_terminates_tls() -> None:
    sections = _sections(haproxy.configuration(_BALANCER))

    [bind] = [line for line in sections["frontend secure-id"] if line.startswith("bind")]
    assert "ssl crt-list /var/lib/octavia/certs/0123-4567/secure-id.pem " in bind
    assert bind.endswith(" alpn h2,http/1.1,http/1.0")
    assert "redirect scheme https if !{ ssl_fc }" in sections["frontend secure-id"]
    assert not [line for line in sections["frontend plain-id"] if "ssl" in line]
    proto = "http-request set-header X-Forwarded-Proto"
    assert f"{proto} http" in sections["backend pool-id:plain-id"]
    assert f"{proto} https" in sections["backend pool-id:secure-id"]


def test_each_listener_answers_at_all_vips() -> None:
    both = dataclasses.replace(_BALANCER, additional_vip="2001:db8::64")

    sections = _sections(haproxy.configuration(both))

    for name, port in {"plain-id": 80, "secure-id": 443, "metrics-id": 8088}.items():
        binds = [one for one in sections[f"frontend {name}"] if one.startswith("bind ")]
        addresses = [bind.split()[1] for bind in binds]
        assert addresses == [f"198.51.100.100:{port}", f"2001:db8::64:{port}"]


def test_members_have_weights_and_are_watched() -> None:
    sections = _sections(haproxy.configuration(_BALANCER))

    servers = [one for one in sections["backend pool-id:plain-id"] if one.startswith("server")]
    watched = "check inter 2s fall 2 rise 2"
    assert servers == [
        f"server blue-id 198.51.100.11:8080 weight 1 {watched}",
        f"server green-id 198.51.100.12:8080 weight 0 {watched}",
    ]


# Names as octavia 19's base64_sha1_string gives them, without the padding.
@pytest.mark.parametrize(
    ("amphora", "name"),
    [
        ("amphora-1", "kmW0aMSOTFODoETQja1fQsqaoHI"),
        ("amphora-5", "xPpKAXOoZKcGwWqOxr7FXpssC9M"),
    ],
)
def test_peers_have_the_names_that_agents_give_themselves(amphora: str, name: str) -> None:
    pair = dataclasses.replace(_BALANCER, peers=((amphora, "198.51.100.101"),))

    sections = _sections(haproxy.configuration(pair))

    assert sections["peers 01234567_peers"] == [f"peer {name} 198.51.100.101:1025"]


def test_certificates_are_listed_by_path() -> None:
    assert haproxy.certificate_list(_BALANCER, ("a.pem", "b.pem")) == (
        "/var/lib/octavia/certs/0123-4567/a.pem\n/var/lib/octavia/certs/0123-4567/b.pem\n"
    )


def test_keepalived_knows_the_peer_and_the_vip() -> None:
    router = keepalived.Router("eth1", "198.51.100.101", "198.51.100.102", 100, check_s=5)
    text = keepalived.configuration(
        router,
        group="0123456789abcdef",
        vip=keepalived.Vip("198.51.100.100", "198.51.100.0/24", "198.51.100.1"),
        additional=(keepalived.Vip("2001:db8::64", "2001:db8::/64", "2001:db8::1"),),
    )
    words = text.split()

    assert text.count("{") == text.count("}")
    for key, value in {
        "vrrp_instance": "0123456789abcdef",
        "interval": "5",
        "interface": "eth1",
        "priority": "100",
        "auth_pass": "0123456",
        "unicast_src_ip": "198.51.100.101",
    }.items():
        assert words[words.index(key) + 1] == value
    assert words[words.index("unicast_peer") + 2] == "198.51.100.102"
    assert words[words.index("virtual_ipaddress") + 2] == "198.51.100.100"
    assert words[words.index("virtual_ipaddress_excluded") + 2] == "2001:db8::64"
    for line in (
        "2001:db8::/64 dev eth1 src 2001:db8::64 scope link table 1",
        "default via 2001:db8::1 dev eth1 onlink table 1",
        "from 198.51.100.100/32 table 1 priority 100",
        "from 2001:db8::64/128 table 1 priority 100",
    ):
        assert f"        {line}\n" in text
