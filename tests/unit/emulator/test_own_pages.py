"""Who may ask the control API."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from sidecar.emulator.own_pages import control_from_here_only


class _Transport:
    def __init__(self, peer: str, own: str) -> None:
        self._addresses = {"peername": (peer, 50_000), "sockname": (own, 8081)}

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._addresses.get(name, default)


@pytest.mark.parametrize(
    ("peer", "own", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("192.0.2.10", "192.0.2.10", True),
        ("192.0.2.11", "192.0.2.10", False),
    ],
)
async def test_the_control_api_answers_to_programs_on_its_own_machine_only(peer: str, own: str, allowed: bool) -> None:
    """It has no password, reads files and places calls."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    request = make_mocked_request("GET", "/control/state", transport=_Transport(peer, own))
    if allowed:
        assert (await control_from_here_only(request, handler)).status == 200
    else:
        with pytest.raises(web.HTTPForbidden):
            await control_from_here_only(request, handler)
    page = make_mocked_request("GET", "/softphone", transport=_Transport(peer, own))
    assert (await control_from_here_only(page, handler)).status == 200
