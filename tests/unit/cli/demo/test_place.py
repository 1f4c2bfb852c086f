"""Where the demo is to be reached, by whom."""

from __future__ import annotations

import pytest

from sidecar.cli.demo.certificate import Certificate
from sidecar.cli.demo.place import Place

NAMES = ("my-machine", "192.0.2.10", "2001:db8::9")


def place(host: str, certificate: Certificate | None = None) -> Place:
    return Place(host=host, ports=(8080, 8081), certificate=certificate, names=NAMES)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_loopback_nobody_elsewhere_gets_an_address(host: str) -> None:
    assert place(host).outside("http://127.0.0.1:8080/") == []


def test_on_every_address_this_machine_uses_loopback_and_others_its_names() -> None:
    assert (place("0.0.0.0").pages, place("0.0.0.0").phone) == ("http://127.0.0.1:8080", "http://127.0.0.1:8081")
    assert place("::").pages == "http://[::1]:8080"
    assert place("0.0.0.0").outside("http://127.0.0.1:8080/login?token=1") == [
        "http://my-machine:8080/login?token=1",
        "http://192.0.2.10:8080/login?token=1",
        "http://[2001:db8::9]:8080/login?token=1",
    ]


def test_on_one_address_everybody_uses_that_one() -> None:
    one = place("192.0.2.10")
    assert (one.pages, one.outside(one.pages)) == ("http://192.0.2.10:8080", ["http://192.0.2.10:8080"])
