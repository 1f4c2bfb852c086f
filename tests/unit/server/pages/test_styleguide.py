"""GET /styleguide: there when it is asked for, and only then."""

from __future__ import annotations

import re

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.domain.alerts.rules import Severity
from sidecar.server.pages import add_pages
from tests.unit.server.pages.conftest import Pages


async def test_the_style_guide_is_not_there_by_itself(pages: Pages) -> None:
    assert (await pages.client.get("/styleguide")).status == 404


async def test_the_style_guide_shows_speakers_a_gap_and_the_states_of_a_call() -> None:
    app = web.Application()
    add_pages(app, styleguide=True)
    async with TestClient(TestServer(app)) as client:
        html = await (await client.get("/styleguide")).text()
    roles = re.findall(r'<li class="row utterance" id="u-utt_\d" data-role="(\w+)"', html)
    assert set(roles) == {"agent", "customer", "assistant", "supervisor"}
    assert '<li class="row gap"' in html
    for state in ("Live", "Waiting", "Ended"):
        assert f'<span data-slot="words">{state}</span>' in html
    assert '<span class="chip"><span class="visually-hidden">[</span>card number<' in html
    assert set(re.findall(r'class="alert-line" href="#main" data-severity="(\w+)"', html)) == set(Severity)
    for words in ("Enabled", "Paused", "Disabled", "200 taken", "503 refused", "Acknowledged by Ana"):
        assert words in html
