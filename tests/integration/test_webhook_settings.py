"""``/settings/webhooks`` by plain forms, as a browser without scripts sends them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from sidecar.domain.access.callers import UserRole
from sidecar.server.app_keys import ACCOUNTS
from tests.callers import add_session, add_user
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

PATH = "/settings/webhooks"
# Where nobody listens, so that nothing leaves this machine.
URL = "https://127.0.0.1:20000/hooks"


class Person:
    """Somebody with a browser without scripts."""

    def __init__(self, service: Service, http: aiohttp.ClientSession) -> None:
        self._service, self._http = service, http
        self.path = ""

    async def get(self, path: str) -> str:
        """The page, as text."""
        async with self._http.get(self._service.base + path) as answer:
            assert answer.status == 200, await answer.text()
            return await self._read(answer)

    async def send(self, path: str, form: Mapping[str, str], status: int = 200) -> str:
        """The page to which a form leads."""
        origin = {"Origin": self._service.base}
        async with self._http.post(self._service.base + path, data=form, headers=origin) as answer:
            assert answer.status == status, await answer.text()
            return await self._read(answer)

    async def _read(self, answer: aiohttp.ClientResponse) -> str:
        self.path = answer.url.raw_path_qs
        assert answer.headers["Cache-Control"] == "no-store"
        return html.unescape(await answer.text())


@pytest.fixture
async def ana(tmp_path: Path) -> AsyncIterator[Person]:
    """An administrator, at a service of her own."""
    async with running_service(tmp_path, ScriptedRecogniser(), webhook_allow_nets="127.0.0.0/8") as service:
        accounts = service.app[ACCOUNTS]
        await add_session(accounts, await add_user(accounts, role=UserRole.ADMIN), "ana")
        port = service.base.rpartition(":")[2]
        async with aiohttp.ClientSession(headers={"Cookie": f"sidecar-{port}=ana"}) as http:
            yield Person(service, http)


async def test_an_endpoint_is_added_and_its_secret_stands_on_one_page_only(ana: Person) -> None:
    empty = await ana.get(PATH)
    assert "Nobody is told yet" in empty
    assert "sidecar webhooks listen --forward-to" in empty
    page = await ana.send(PATH, {"url": URL, "description": "the CRM", "type:conference.ended": "on"})
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{44}", page)
    assert secret
    listed = await ana.get(PATH)
    assert secret[0] not in listed
    for expected in (URL, "the CRM", "Events: conference.ended", "Enabled", "nothing finished in 24 h"):
        assert expected in listed
    one = re.search(rf"{PATH}/whe_\w+", listed)
    assert one
    page = await ana.get(one[0])
    assert secret[0] not in page
    assert f"whsec_…{secret[0][-4:]}" in page


async def test_what_cannot_be_an_endpoint_stays_in_the_form_with_the_reason(ana: Person) -> None:
    wish = {"url": "https://10.0.0.8/hooks", "description": "within", "type:assistant.*": "on"}
    page = await ana.send(PATH, wish, status=422)
    assert "10.0.0.8 is not a public address" in page
    assert "SIDECAR_WEBHOOK_ALLOW_NETS" in page
    assert 'value="https://10.0.0.8/hooks"' in page
    assert 'value="within"' in page
    assert re.search(r'name="type:assistant\.\*" checked', page)
    assert not re.search(r'name="type:conference\.ended" checked', page)


async def test_every_button_of_an_endpoint_does_what_it_says_and_says_so(ana: Person) -> None:
    await ana.send(PATH, {"url": URL, "type:*": "on"})
    one = re.search(rf"{PATH}/whe_\w+", await ana.get(PATH))
    assert one
    place = one[0]
    page = await ana.send(place, {"url": f"{URL}/2", "description": "", "type:conference.ended": "on"})
    assert "Saved." in page
    assert f"{URL}/2" in page
    assert "Paused" in await ana.send(f"{place}/state", {"to": "pause"})

    page = await ana.send(f"{place}/test", {"type": "assistant.left"})
    assert "A test event is on its way" in page
    assert "not tried yet" in page
    delivery = re.search(rf"{place}/deliveries/dlv_\w+", page)
    assert delivery
    shown = await ana.get(delivery[0])
    for expected in ("webhook-id: evt_", '"type":"assistant.left"', "openssl dgst", "standardwebhooks", "timingSafe"):
        assert expected in shown
    page = await ana.send(f"{place}/resend", {"delivery": delivery[0].rpartition("/")[2]})
    assert "1 on their way again." in page
    assert "Nothing has failed in that time." in await ana.send(f"{place}/resend", {"since": "24h"})
    assert "Enabled" in await ana.send(f"{place}/state", {"to": "resume"})
    assert "assistant.left" not in (await ana.get(f"{place}?state=failed")).split("</form>", 4)[-1].split("<details")[0]

    page = await ana.send(f"{place}/rotate_secret", {})
    assert "new secret" in page.replace("<strong>", "")
    page = await ana.get(place)
    assert "the old one signs too until" in page
    page = await ana.send(f"{place}/expire_old_secret", {})
    assert "Only the new secret signs" in page
    assert "the old one signs too" not in page

    page = await ana.send(f"{place}/state", {"to": "disable"})
    assert "Somebody switched it off" in page
    page = await ana.send(f"{place}/test", {"type": "assistant.left"}, status=409)
    assert "disabled" in page
    page = await ana.send(f"{place}/remove", {})
    assert ana.path == f"{PATH}?done=removed"
    assert "Nobody is told yet" in page


async def test_what_an_address_says_is_done_is_said_in_words_of_ours_only(ana: Person) -> None:
    page = await ana.get(f"{PATH}?done=resent&n=<b>9</b>")
    assert "Some on their way again." in page
    assert "<b>9</b>" not in page
    assert "pwned" not in await ana.get(f"{PATH}?done=pwned")


async def test_what_is_not_there_is_a_page_that_says_so(ana: Person) -> None:
    for path in (f"{PATH}/whe_none", f"{PATH}/whe_none/deliveries/dlv_none"):
        async with ana._http.get(ana._service.base + path) as answer:
            assert answer.status == 404
            assert "not_found" in await answer.text()


async def test_a_form_of_another_site_does_nothing(ana: Person) -> None:
    headers = {"Origin": "https://evil.example.com"}
    async with ana._http.post(ana._service.base + PATH, data={"url": URL}, headers=headers) as answer:
        assert answer.status == 403
    assert "Nobody is told yet" in await ana.get(PATH)
