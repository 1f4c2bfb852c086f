"""Twilio's request signature: HMAC-SHA1 over the URL as Twilio requested it and the form's parameters.

Facts: twilio.com/docs/usage/security#validating-requests. Checked against twilio's RequestValidator in the tests.
Callers must give the public URL byte for byte as it was requested; rebuilding it from proxy headers is a hole.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence

HEADER = "X-Twilio-Signature"
_DEFAULT_PORTS = {"https": ":443", "wss": ":443", "http": ":80", "ws": ":80"}


def sign(token: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """The signature of a request. Repeated names count each distinct value once; empty values count."""
    values: dict[str, set[str]] = {}
    for name, value in form:
        values.setdefault(name, set()).add(value)
    text = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    digest = hmac.new(token.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(signature: str, url: str, form: Iterable[tuple[str, str]] = (), *, tokens: Sequence[str]) -> bool:
    """Whether one of the tokens signed this request. No token, or no signature: False. Takes constant time per variant.

    ``tokens``: more than one while the account's token is being rotated; only the primary one signs.
    """
    if not signature:
        return False
    pairs = list(form)
    given = signature.encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(sign(token, variant, pairs).encode(), given)
        for token in tokens
        if token
        for variant in url_variants(url)
    ]
    return any(matches)


def url_variants(url: str) -> list[str]:
    """Spellings of one URL that Twilio may have signed: with and without the default port, and for sockets the slash.

    All name the same resource, so accepting each weakens nothing. Which one Twilio signs for sockets is not documented.
    """
    scheme, separator, rest = url.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if not separator or port is None:
        return [url]
    host, slash, path = rest.partition("/")
    hosts = [host]
    if host.endswith(port):
        hosts.append(host.removesuffix(port))
    elif not _has_port(host):
        hosts.append(host + port)
    variants = [f"{scheme}://{name}{slash}{path}" for name in hosts]
    if scheme in ("ws", "wss"):
        variants += [variant + "/" for variant in variants]
    return variants


def _has_port(host: str) -> bool:
    name = host.rpartition("@")[2]
    return ":" in name.rpartition("]")[2]
