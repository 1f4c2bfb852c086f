"""URLs as Twilio treats them: byte for byte where possible, because they are signed. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urljoin

from yarl import URL

_PLAIN = re.compile(r"[\x21-\x7e]+")


def request_url(text: str) -> URL:
    """The URL exactly as written if it is plain ASCII, else quoted. Raises ValueError if it is none."""
    url = URL(text, encoded=_PLAIN.fullmatch(text) is not None)
    if not url.host:
        raise ValueError("it names no host")
    _ = url.port  # a port that is no number raises here, not in the middle of a request
    return url.with_fragment(None) if url.fragment else url


def is_loopback(host: str | None) -> bool:
    """Does the host name this very machine, by its usual names?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def absolute(base: str, url: str) -> str:
    """A URL of a document, seen from where the document came from. Nonsense comes back as it is, to fail when asked."""
    try:
        return urljoin(base, url)
    except ValueError:
        return url


def absolute_stream(base: str, url: str) -> str:
    """As ``absolute``, for a stream's URL: relative to an https document means wss."""
    if "://" in url or not url:
        return url
    joined = absolute(base, url)
    scheme, separator, rest = joined.partition("://")
    return {"https": "wss", "http": "ws"}.get(scheme, scheme) + separator + rest
