"""Which addresses an endpoint may have, in whatever way they are written."""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.addresses import Address, is_allowed, read_networks, refused
from services.notifier.hooks.addresses import AddressRefused, Guard, SystemResolver, read_url
from services.notifier.settings import NotifierSettings
from shared.settings import SettingsError

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
]
PRIVATE_6 = [
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1"),
    *("64:ff9b:1::1", "100::1", "fec0::1", "3fff::1", "::127.0.0.1", "5f00::1"),
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001:81b::200e"]
ALLOWED = read_networks("10.1.0.0/16, 127.0.0.0/8, fd00::/8, 169.254.0.0/16")


@pytest.mark.parametrize("text", PRIVATE + PRIVATE_6)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert refused(ip_address(text)) is not None


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_is_not(text: str) -> None:
    assert refused(ip_address(text)) is None


@pytest.mark.parametrize("text", PRIVATE)
def test_an_ipv4_address_is_as_good_in_any_ipv6_address_that_holds_it(text: str) -> None:
    inner = int(IPv4Address(text))
    for outer in (0xFFFF << 32 | inner, int(IPv6Address("64:ff9b::")) | inner, 0x2002 << 112 | inner << 80, inner):
        assert refused(IPv6Address(outer)) is not None


def test_what_is_translated_from_a_public_address_may_be_reached() -> None:
    assert refused(ip_address("64:ff9b::5db8:d822")) is None
    assert refused(ip_address("::ffff:93.184.216.34")) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_no_address_that_python_knows_to_be_special_may_be_reached(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert refused(address) is not None


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_no_ipv6_address_that_python_knows_to_be_special_may_be_reached(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_site_local:
        assert refused(address) is not None


def test_a_network_is_allowed_by_name_but_not_where_secrets_are_told_in_it() -> None:
    assert refused(ip_address("10.1.2.3"), ALLOWED) is None
    assert refused(ip_address("::ffff:10.1.2.3"), ALLOWED) is None
    assert refused(ip_address("10.2.0.1"), ALLOWED) is not None
    assert refused(ip_address("169.254.169.254"), ALLOWED) is not None
    assert refused(ip_address("fd00:ec2::254"), ALLOWED) is not None
    assert is_allowed(ip_address("169.254.169.254"), read_networks("169.254.169.254/32"))


@given(st.sampled_from(["10.1.0.0/16", "127.0.0.0/8", "fd00::/8", "192.168.7.7"]))
def test_networks_are_read_with_or_without_spaces(text: str) -> None:
    assert read_networks(f" {text} ,{text},") == (ip_network(text), ip_network(text))


@pytest.mark.parametrize("text", ["10.1.0.1/16", "localhost", "10.1.0.0/33", "10.1.0.0;10.2.0.0"])
def test_a_network_that_is_none_is_told_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match=r"KEEPWELL_WEBHOOK_NETWORKS .* is no network; write one such as"):
        NotifierSettings.load(webhook_networks=text)


class Leads:
    """A resolver that leads everywhere alike."""

    def __init__(self, *to: str) -> None:
        self._to = [ip_address(one) for one in to]

    async def __call__(self, host: str) -> Sequence[Address]:
        return self._to


def check(url: str, *to: str, networks: str = "") -> str | None:
    try:
        asyncio.run(Guard(Leads(*to), read_networks(networks)).check(url))
    except AddressRefused as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/"),
        *("https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://0/"),
        *("https://127.0.0.1./", "https://１２７.0.0.1/", "https://[fe80::1%25eth0]/"),
        *("https://localhost/", "https://localhost./", "https://metadata.google.internal/"),
        *("http://example.com/", "ftp://example.com/", "https://u@example.com/", "https://u:p@example.com/"),
        *("https://example.com/#x", "https://example.com/#", "file:///etc/passwd", "https:///x", "//example.com/"),
        *("https://exa mple.com/", "https://example.com/" + "x" * 2_000, ""),
    ],
)
def test_a_url_that_leads_inside_or_is_none_is_refused(url: str) -> None:
    assert check(url, "127.0.0.1") is not None


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com:0/", "https://example.com:-1/", "https://example.com:65536/"),
        *("https://xn--zz/", "https://xn--/", "https://XN--A.example.com/"),
        *("https://example.com/a b", "https://example.com/ ", " https://example.com/", "https://example.com/\u00a0"),
    ],
)
def test_a_port_name_or_path_that_there_cannot_be_is_refused_wherever_the_name_leads(url: str) -> None:
    assert check(url, "93.184.216.34") is not None


def test_where_a_name_leads_is_said_in_a_sentence() -> None:
    said = check("https://inside.example.com/", "10.0.0.1") or ""
    assert "inside.example.com leads to 10.0.0.1, and 10.0.0.1 is no public address." in said


def test_a_url_at_a_public_address_is_taken() -> None:
    assert check("https://hooks.example.com/a?b=c", "93.184.216.34") is None
    assert check("https://bücher.example/", "93.184.216.34") is None
    assert check("https://hooks.example.com:8443/", *PUBLIC) is None
    assert read_url("https://bücher.example/ä").host == "xn--bcher-kva.example"


def test_one_address_inside_is_enough_to_refuse_a_name() -> None:
    assert "10.0.0.1" in (check("https://hooks.example.com/", "93.184.216.34", "10.0.0.1") or "")


def test_without_tls_only_a_network_that_is_named_is_reached() -> None:
    assert check("http://hooks.example.com/", "10.1.0.5", networks="10.1.0.0/16") is None
    assert "TLS" in (check("http://hooks.example.com/", "93.184.216.34", networks="10.1.0.0/16") or "")


def test_the_machine_is_asked_once_for_what_many_ask_at_once() -> None:
    async def ask() -> None:
        resolve = SystemResolver()
        first, second = await asyncio.gather(resolve("localhost"), resolve("localhost"))
        assert first is second
        assert {one.is_loopback for one in first} == {True}
        with pytest.raises(OSError, match=r"\w"):
            await resolve("no-such-host.invalid")
        assert await resolve("127.0.0.1") == [ip_address("127.0.0.1")]

    asyncio.run(ask())


def test_a_name_that_leads_nowhere_is_told_so() -> None:
    assert check("https://hooks.example.com/") == (
        "The name hooks.example.com does not resolve: nobody knows an address of it."
    )
