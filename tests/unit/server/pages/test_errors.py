"""Errors of pages are pages; those of the API and of Twilio's routes are others' business."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.assets import assets_root
from sidecar.domain.errors import NotFound, SidecarError, StoreUnavailable
from sidecar.server.app_keys import PANEL_ORIGINS
from sidecar.server.pages.errors import page_errors
from sidecar.server.pages.rendering import RENDERER, Renderer
from sidecar.server.pages.static_files import StaticFiles
from sidecar.server.problems import RequestRefused

ERRORS = {
    "missing": NotFound("There is no rule <b>.", next_step="List them: GET /v1/alert_rules."),
    "store": StoreUnavailable("The disk is away.", next_step="Look at the disk."),
    "refused": RequestRefused(409, "rules_full", "There are 100 rules.", next_step="Delete one."),
    "often": RequestRefused(429, "rate_limited", "More than 9 requests within a minute.", retry_after_s=7),
    "odd": SidecarError("Something that nobody expected here.", code="odd_thing"),
}


async def fail(request: web.Request) -> web.Response:
    raise ERRORS[request.match_info["id"]]


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[page_errors])
    web_root = assets_root() / "web"
    app[RENDERER] = Renderer(web_root / "templates", StaticFiles.load(web_root / "static"))
    app[PANEL_ORIGINS] = ["https://crm.example.com"]
    for path in ("/settings/{id}", "/agent/{id}", "/v1/{id}", "/twilio/{id}"):
        app.router.add_get(path, fail)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("error", "status", "retry_after", "said"),
    [
        ("missing", 404, None, "There is no rule &lt;b&gt;."),
        ("missing", 404, None, "Check the link"),
        ("store", 503, "2", "Look at the disk."),
        ("refused", 409, None, "Delete one."),
        ("often", 429, "7", "Too many requests"),
        ("odd", 500, None, "odd_thing"),
    ],
)
async def test_an_error_is_a_page_that_says_what_to_do_and_when(
    client: TestClient[web.Request, web.Application], error: str, status: int, retry_after: str | None, said: str
) -> None:
    answer = await client.get(f"/settings/{error}")
    text = await answer.text()
    assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)
    assert said in text
    assert ERRORS[error].code in text


async def test_the_panel_s_error_shows_in_the_frame_around_it(
    client: TestClient[web.Request, web.Application],
) -> None:
    answer = await client.get("/agent/store")
    assert "frame-ancestors 'self' https://crm.example.com" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/v1/store", "/twilio/store"])
async def test_other_routes_answer_errors_in_their_own_way(
    client: TestClient[web.Request, web.Application], path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (500, "text/plain")  # aiohttp's: nobody here took it
