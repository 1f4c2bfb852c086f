"""Forwarding headers count as far as trusted proxies wrote them, and no further."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.forwarded import client_address, household, is_trusted, nearest

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
CLIENT, PROXY = "203.0.113.9", "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        (CLIENT, ["198.51.100.1"], CLIENT),  # a stranger's own header
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"198.51.100.1, {CLIENT}"], CLIENT),  # the left is what the client claimed
        (PROXY, [f"198.51.100.1, {CLIENT}, 10.0.0.2"], CLIENT),  # two of our proxies
        (PROXY, ["198.51.100.1", CLIENT], CLIENT),  # two headers are one list
        (PROXY, ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (PROXY, ["198.51.100.1, unknown"], PROXY),
        (PROXY, [f"{CLIENT}:5000"], CLIENT),
        (PROXY, ["[2001:db8::1]:5000"], "2001:db8::1"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        ("fd00::1", [CLIENT], CLIENT),
        ("", [CLIENT], ""),
    ],
)
def test_the_way_back_leads_through_trusted_proxies_only(peer: str, headers: list[str], client: str) -> None:
    assert client_address(peer, headers, PROXIES) == client


@given(st.lists(st.text(max_size=30)), st.sampled_from([PROXY, CLIENT, "?"]))
def test_whatever_a_stranger_writes_changes_nothing(headers: list[str], peer: str) -> None:
    """From a proxy it may name a client, but never breaks."""
    client = client_address(peer, headers, PROXIES)
    assert peer in {PROXY, client}


def test_scheme_and_host_are_the_nearest_proxy_s_word() -> None:
    assert nearest(PROXY, ["evil.example, h.example"], PROXIES) == "h.example"
    assert nearest(PROXY, [], PROXIES) == ""
    assert nearest(CLIENT, ["https"], PROXIES) == ""
    assert not is_trusted(PROXY, [])


def test_an_ipv6_subscriber_is_one_place_and_this_machine_is_none() -> None:
    assert household("2001:db8:1:2:3::4") == household("2001:db8:1:2::9") != household("2001:db8:1:3::9")
    assert household("::ffff:203.0.113.9") == household(CLIENT) == CLIENT
    assert household("127.0.0.5") is household("::1") is None
    assert household("?") == "?"
