"""The demo's own certificate: for whom it stands, and that those who shall trust it do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from sidecar.cli.demo.certificate import make_certificate, names_of_this_machine
from sidecar.cli.tls import CertificateUnusable, server_context


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "my-machine", "192.0.2.10"])
async def test_whoever_trusts_it_can_talk_to_every_name_that_it_stands_for(tmp_path: Path, name: str) -> None:
    """Over a real handshake, hostname check included."""
    made = make_certificate(tmp_path, ["my-machine", "192.0.2.10"])

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(made.file, made.key))
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=made.client_context(), server_hostname=name
        )
        assert await reader.read() == b"hello"
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=made.client_context(), server_hostname="elsewhere")


def test_the_key_is_for_its_owner_only_and_the_systems_trust_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.pem"
    system.write_text("# what the system trusts\n")
    paths = ssl.get_default_verify_paths()._replace(cafile=str(system))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    made = make_certificate(tmp_path, [])
    assert made.key.stat().st_mode & 0o077 == 0
    assert made.trusted.read_text() == made.file.read_text() + "# what the system trusts\n"


def test_names_of_this_machine_are_those_that_others_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name first, each once, no loopback."""
    found = [(0, 0, 0, "", (address, 0)) for address in ("127.0.1.1", "192.0.2.10", "192.0.2.10", "fe80::1%eth0")]
    monkeypatch.setattr(socket, "gethostname", lambda: "my-machine")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    names = names_of_this_machine()
    assert names[:3] == ("my-machine", "192.0.2.10", "fe80::1")
    assert not [name for name in names if name.startswith("127.")]


def test_files_that_hold_no_certificate_are_one_clear_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file in (empty, tmp_path / "missing.pem"):
        with pytest.raises(CertificateUnusable, match=file.name):
            server_context(file, file)
    assert server_context(None, None) is None
