"""The certificate that a server shows: two PEM files, or none."""

from __future__ import annotations

import ssl
from pathlib import Path

from sidecar.domain.errors import SidecarError


class CertificateUnusable(SidecarError):
    """The files do not hold a certificate and its key."""

    code = "certificate_unusable"


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """For https; None without a certificate. Raises CertificateUnusable, which names the files."""
    if certificate is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateUnusable(
            f"{certificate} and {key} cannot be used for https: {error.strerror or error}.",
            next_step="Give two PEM files: the certificate with its chain, and its key without a passphrase.",
        ) from None
    return context
