"""Twilio's request signature: an HMAC over the URL as Twilio requested it and the form's parameters.

Facts: twilio.com/docs/usage/security#validating-requests (auth token, SHA-1) and
twilio.com/docs/usage/webhooks/webhook-shared-keys (shared keys, SHA-256, a public beta). Checked against twilio's
RequestValidator in the tests. Callers must give the public URL byte for byte as it was requested; rebuilding it from
proxy headers is a hole.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

HEADER = "X-Twilio-Signature"
# Present when the request is signed with a shared key: ``key=<id>,algorithm=HMAC_SHA256``.
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
_DEFAULT_PORTS = {"https": ":443", "wss": ":443", "http": ":80", "ws": ":80"}


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What may sign. With none of either nothing is accepted.

    ``tokens``: the account's auth tokens; more than one while it is being rotated, for only the primary one signs.
    ``shared_keys``: by their id. A header chooses among these and can name no other.
    """

    tokens: Sequence[str] = ()
    shared_keys: Mapping[str, str] = msgspec.field(default_factory=dict)


def sign(
    secret: str, url: str, form: Iterable[tuple[str, str]] = (), *, digest: Callable[..., Any] = hashlib.sha1
) -> str:
    """The signature of a request. Repeated names count each distinct value once; empty values count."""
    values: dict[str, set[str]] = {}
    for name, value in form:
        values.setdefault(name, set()).add(value)
    text = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    mac = hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), digest)
    return base64.b64encode(mac.digest()).decode()


def is_signed(
    signature: str, url: str, form: Iterable[tuple[str, str]] = (), *, secrets: Secrets, settings: str = ""
) -> bool:
    """Whether one of the secrets signed this request. No secret, or no signature: False. Constant time per variant.

    ``settings``: the value of SETTINGS_HEADER, "" without it.
    """
    if not signature:
        return False
    pairs = list(form)
    given = signature.encode("utf-8", "replace")
    allowed, digest = _chosen(settings, secrets)
    matches = [
        hmac.compare_digest(sign(secret, variant, pairs, digest=digest).encode(), given)
        for secret in allowed
        if secret
        for variant in url_variants(url)
    ]
    return any(matches)


def _chosen(settings: str, secrets: Secrets) -> tuple[Sequence[str], Callable[..., Any]]:
    """The secrets that may have made this signature, and how.

    Not documented: whether the header can come without a key or without an algorithm. A key alone means SHA-256, for
    shared keys sign with nothing else; no key means the auth token, which signs with SHA-1 only. Never is the weaker
    algorithm used with a shared key because a stranger's header says so.
    """
    named = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    key, algorithm = named.get("key", ""), named.get("algorithm", "").upper()
    if key and algorithm in {"", "HMAC_SHA256"}:
        return (secrets.shared_keys.get(key, ""),), hashlib.sha256
    if not key and algorithm in {"", "HMAC_SHA1"}:
        return secrets.tokens, hashlib.sha1
    return (), hashlib.sha256


def url_variants(url: str) -> list[str]:
    """Spellings of one URL that Twilio may have signed.

    With and without the default port, with and without a user's name and password, and for sockets the slash at the
    end. All name the same resource, so accepting each weakens nothing. Which one Twilio signs is not documented.
    """
    scheme, separator, rest = url.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if not separator or port is None:
        return [url]
    host, slash, path = rest.partition("/")
    hosts = list(dict.fromkeys((host, host.rpartition("@")[2])))
    if host.endswith(port):
        hosts += [name.removesuffix(port) for name in hosts]
    elif not _has_port(host):
        hosts += [name + port for name in hosts]
    variants = [f"{scheme}://{name}{slash}{path}" for name in hosts]
    if scheme in ("ws", "wss"):
        variants += [variant + "/" for variant in variants]
    return variants


def _has_port(host: str) -> bool:
    name = host.rpartition("@")[2]
    return ":" in name.rpartition("]")[2]
