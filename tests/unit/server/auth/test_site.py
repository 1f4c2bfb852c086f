"""Which cookie a browser gets, by what it calls us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.server.auth.site import site_of

PUBLIC = "https://sidecar.example.com"


@pytest.mark.parametrize(
    ("host", "tls", "public_url", "origin", "cookie"),
    [
        # On the machine itself, or through ssh -L: plain, and the name tells the port.
        ("127.0.0.1:8080", False, "http://127.0.0.1:8080", "http://127.0.0.1:8080", "sidecar-8080"),
        ("localhost:9090", False, "http://127.0.0.1:8080", "http://localhost:9090", "sidecar-9090"),
        ("LOCALHOST", False, "http://localhost", "http://localhost", "sidecar"),
        ("[::1]:8080", False, PUBLIC, "http://[::1]:8080", "sidecar-8080"),
        ("127.0.0.1:8080", False, PUBLIC, "http://127.0.0.1:8080", "sidecar-8080"),
        # Behind a proxy that speaks https and passes on the Host header.
        ("sidecar.example.com", False, PUBLIC, PUBLIC, "__Host-sidecar"),
        ("sidecar.example.com:443", False, PUBLIC + "/below", PUBLIC, "__Host-sidecar"),
        ("Sidecar.Example.com", False, "HTTPS://sidecar.EXAMPLE.com:443", PUBLIC, "__Host-sidecar"),
        ("sidecar.example.com:8443", False, PUBLIC + ":8443", PUBLIC + ":8443", "__Host-sidecar-8443"),
        # TLS on our own socket.
        ("127.0.0.1:8443", True, "", "https://127.0.0.1:8443", "__Host-sidecar-8443"),
        ("wallboard.lan", True, PUBLIC, "https://wallboard.lan", "__Host-sidecar"),
        # In the open.
        ("sidecar.example.com:8443", False, PUBLIC, "http://sidecar.example.com:8443", None),
        ("wallboard.lan:8080", False, PUBLIC, "http://wallboard.lan:8080", None),
        ("wallboard.lan:8080", False, "http://wallboard.lan:8080", "http://wallboard.lan:8080", None),
        ("192.0.2.7", False, "", "http://192.0.2.7", None),
        ("localhost.example.com:8080", False, PUBLIC, "http://localhost.example.com:8080", None),
        ("127.0.0.1.example.com", False, PUBLIC, "http://127.0.0.1.example.com", None),
    ],
)
def test_the_cookie_fits_the_address_in_the_browser(
    host: str, tls: bool, public_url: str, origin: str, cookie: str | None
) -> None:
    site = site_of(host, tls=tls, public_url=public_url)
    assert (site.origin, site.cookie) == (origin, cookie)
    assert site.secure is (cookie is not None and cookie.startswith("__Host-"))


HOSTS = st.text() | st.text("[]:@/\\?#.%1aé\t\n-", max_size=12) | st.sampled_from(["localhost", "127.0.0.1:x", "[::1"])


@given(HOSTS, st.booleans(), st.sampled_from(["", PUBLIC, "http://[", "https://"]))
def test_any_host_header_is_a_site_or_none_and_never_an_error(host: str, tls: bool, public_url: str) -> None:
    site = site_of(host, tls=tls, public_url=public_url)
    if site.cookie is not None:
        assert site.origin.startswith("https://" if site.secure else "http://")
        assert not set(site.origin.partition("://")[2]) & set("/\\?#@\t\n\r ")
        assert site.origin.partition("://")[2]
