"""A certificate of the demo's own, so that browsers on other machines may use microphones: they ask for https."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sidecar.wire.forwarded import is_loopback

VALID_FOR = timedelta(days=30)
CLOCKS_DIFFER_BY = timedelta(days=1)
# An address that no host has (RFC 5737). Nothing is sent there; the system only says by which address it would.
_ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True)
class Certificate:
    """PEM files. ``trusted``: this certificate, beside those that the system trusts."""

    file: Path
    key: Path
    trusted: Path

    def client_context(self) -> ssl.SSLContext:
        """For those who talk to whoever shows this certificate."""
        return ssl.create_default_context(cafile=str(self.trusted))


def names_of_this_machine() -> tuple[str, ...]:
    """How others may reach it: its name, then its addresses. Loopback is not among them."""
    name = socket.gethostname()
    found = [name]
    with contextlib.suppress(OSError):
        found += [str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(name, None)]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)
        found.append(str(probe.getsockname()[0]))
    return tuple(one for one in dict.fromkeys(found) if not is_loopback(one))


def make_certificate(folder: Path, names: Iterable[str]) -> Certificate:
    """Signed by itself, for localhost and the names (host names and addresses)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Conference Sidecar demo")])
    hosts = [
        x509.IPAddress(ipaddress.ip_address(one)) if _is_address(one) else x509.DNSName(one)
        for one in dict.fromkeys(("localhost", "127.0.0.1", "::1", *names))
    ]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER_BY)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    certificate = Certificate(folder / "demo.crt", folder / "demo.key", folder / "trusted.crt")
    certificate.key.touch(mode=0o600)
    certificate.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate.file.write_bytes(made)
    system = ssl.get_default_verify_paths().cafile
    certificate.trusted.write_bytes(made + (Path(system).read_bytes() if system else b""))
    return certificate


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
