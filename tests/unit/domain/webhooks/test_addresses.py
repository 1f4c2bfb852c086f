"""Which URLs and addresses webhooks may be sent to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.webhooks.addresses import AddressPolicy, checked_url, refusal
from sidecar.domain.webhooks.endpoints import EndpointRefused

OWN = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

FORBIDDEN = [
    "0.0.0.0", "10.0.0.8", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1", "no address", "",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_nothing_is_sent_to_what_is_not_public(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_open(address: str) -> None:
    assert refusal(address) == ""


@pytest.mark.parametrize("address", ["10.0.0.8", "::ffff:10.0.0.8", "64:ff9b::a00:8", "fd00::1"])
def test_networks_of_our_own_can_be_allowed_and_nothing_beside_them(address: str) -> None:
    assert refusal(address)
    assert refusal(address, OWN) == ""
    assert refusal("192.168.0.1", OWN)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_treated_as_itself(address: IPv4Address) -> None:
    number = int(address)
    clothes = [
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    assert {refusal(str(each)) for each in clothes} == {refusal(str(address))}


@given(st.ip_addresses(v=4, network=IPv4Network("127.0.0.0/8")) | st.ip_addresses(v=6, network="fc00::/7"))
def test_no_address_of_this_machine_or_site_is_public(address: IPv4Address | IPv6Address) -> None:
    assert refusal(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/hooks?a=b",
        "https://crm.example.com:8443",
        " https://1.1.1.1/x ",
        "HTTPS://EXAMPLE.com/",
    ],
)
def test_ordinary_urls_are_taken(url: str) -> None:
    assert checked_url(url, AddressPolicy()) == url.strip()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "endpoint_url_invalid"),
        ("crm.example.com", "endpoint_url_invalid"),
        ("http://crm.example.com", "endpoint_url_invalid"),
        ("ftp://crm.example.com", "endpoint_url_invalid"),
        ("file:///etc/passwd", "endpoint_url_invalid"),
        ("https://", "endpoint_url_invalid"),
        ("https://user@crm.example.com", "endpoint_url_invalid"),
        ("https://:secret@crm.example.com", "endpoint_url_invalid"),
        ("https://crm.example.com/#x", "endpoint_url_invalid"),
        ("https://crm.example.com/a b", "endpoint_url_invalid"),
        ("https://crm.example.com\\@127.0.0.1/", "endpoint_url_invalid"),
        ("https://crm.example.com\n", "endpoint_url_invalid"),
        ("https://[::1", "endpoint_url_invalid"),
        ("https://crm.example.com:99999", "endpoint_url_invalid"),
        ("https://crm.example.com:22", "endpoint_url_forbidden"),
        ("https://127.0.0.1/", "endpoint_url_forbidden"),
        ("https://[::ffff:127.0.0.1]/", "endpoint_url_forbidden"),
        ("https://" + "a" * 2_000, "endpoint_url_invalid"),
    ],
)
def test_others_are_refused_with_a_reason(url: str, code: str) -> None:
    if url.endswith("\n"):
        url = url[:-1] + "\n/x"  # blanks around a URL are only stripped
    with pytest.raises(EndpointRefused) as refused:
        checked_url(url, AddressPolicy())
    assert refused.value.code == code


def test_http_and_own_networks_are_allowed_by_settings() -> None:
    policy = AddressPolicy(http=True, networks=OWN)
    assert checked_url("http://10.1.2.3:9000/", policy) == "http://10.1.2.3:9000/"


@given(st.text() | st.text(st.sampled_from("https:/[]@%#?.0 127a\\\t")))
def test_any_text_is_a_url_or_is_refused(url: str) -> None:
    try:
        checked_url("https://" + url, AddressPolicy())
    except EndpointRefused as refused:
        code = refused.code
    else:
        code = ""
    assert code in ("", "endpoint_url_invalid", "endpoint_url_forbidden")
