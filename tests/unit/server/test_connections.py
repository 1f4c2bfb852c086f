"""Connections of strangers: who is closed when, and who takes whose place."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_network
from typing import Any

import pytest

from sidecar.server import connections as module
from sidecar.server.connections import Connections

PROXY = "10.0.0.1"


class FakeTransport(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 5000)})
        self.gone = asyncio.Event()

    def abort(self) -> None:
        self.gone.set()

    @property
    def open(self) -> bool:
        return not self.gone.is_set()


@pytest.fixture
def refusals() -> Counter[str]:
    return Counter()


@pytest.fixture
def connections(refusals: Counter[str], monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Room for five, two of them from one address."""
    monkeypatch.setattr(module, "CONNECTIONS_MOST", 5)
    monkeypatch.setattr(module, "CONNECTIONS_FROM_ONE", 2)
    return Connections(trusted=[ip_network("10.0.0.0/8")], refusals=refusals)


def arrive(connections: Connections, *peers: str) -> list[FakeTransport]:
    """Connections from these addresses, one after the other."""
    transports = [FakeTransport(peer) for peer in peers]
    for transport in transports:
        connections.arrived(transport)
    return transports


def leave(connections: Connections, transports: list[FakeTransport]) -> None:
    """All of them are gone, and no timer is left."""
    for transport in transports:
        connections.known(transport)
    assert len(connections) == 0
    assert not connections._households


async def test_a_newcomer_takes_the_place_of_who_has_waited_longest(
    connections: Connections, refusals: Counter[str]
) -> None:
    """Idle connections cannot keep a call out."""
    crowd = arrive(connections, *(f"203.0.113.{n}" for n in range(7)))
    assert [transport.open for transport in crowd] == [False, False, True, True, True, True, True]
    assert refusals == {"connection_displaced": 2}
    leave(connections, crowd)


async def test_one_address_displaces_its_own_and_an_ipv6_subscriber_is_one_address(connections: Connections) -> None:
    """Others never notice."""
    crowd = arrive(connections, "203.0.113.1", *["2001:db8::1", "2001:db8::2", "2001:db8::3"])
    assert [transport.open for transport in crowd] == [True, False, True, True]
    leave(connections, crowd)


async def test_who_is_known_is_never_displaced_and_makes_room(connections: Connections) -> None:
    known, *others = arrive(connections, *["203.0.113.1"] * 2)
    connections.known(known)
    assert not connections.is_stranger(known)
    others += arrive(connections, "203.0.113.1")
    assert all(transport.open for transport in [known, *others])
    leave(connections, others)


async def test_this_machine_has_no_limit_per_address_and_a_trusted_proxy_none_at_all(connections: Connections) -> None:
    here = arrive(connections, *["127.0.0.1"] * 4)
    assert all(transport.open for transport in here)
    assert all(transport.open for transport in arrive(connections, *[PROXY] * 20))
    assert len(connections) == 4
    leave(connections, here)


async def test_silence_ends_a_stranger_s_connection_before_and_between_requests(
    connections: Connections, refusals: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a request is under way, the request's own limit holds instead."""
    for name in ("HEAD_TIMEOUT_S", "IDLE_TIMEOUT_S"):
        monkeypatch.setattr(module, name, 0.01)
    [silent] = arrive(connections, "203.0.113.1")
    async with asyncio.timeout(5):
        await silent.gone.wait()
    [asking] = arrive(connections, "203.0.113.1")
    connections.asked(asking)
    await asyncio.sleep(0.05)
    assert asking.open
    connections.answered(asking)
    async with asyncio.timeout(5):
        await asking.gone.wait()
    assert refusals == {"connection_silent": 2}
    leave(connections, [])


async def test_what_is_told_of_others_is_ignored(connections: Connections) -> None:
    """A transport that is gone, or that was never a stranger's."""
    for stranger in (None, FakeTransport("203.0.113.1")):
        for tell in (connections.asked, connections.answered, connections.known):
            told: Any = tell
            told(stranger)
    assert len(connections) == 0
