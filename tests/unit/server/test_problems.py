"""Errors under /v1 are RFC 9457 problems, whoever raised them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sidecar.domain.errors import NotFound, SidecarError, StoreUnavailable, TelephonyFailed
from sidecar.server.problems import RequestRefused, problem, problems, request_id

Client = TestClient[web.Request, web.Application]

ERRORS: dict[str, Exception] = {
    "missing": NotFound("There is no conference cnf_1.", next_step="List them."),
    "store": StoreUnavailable("The database does not answer."),
    "vendor": TelephonyFailed("Twilio refused.", provider_code=31941, retry_after_s=2.5),
    "odd": SidecarError("Something we did not expect.", code="odd_thing"),
    "refused": RequestRefused(422, "bad_label", "The label is too long.", pointer="#/label"),
    "defect": ZeroDivisionError("secret"),
    "teapot": web.HTTPForbidden(text="Only from this machine.\n"),
    "moved": web.HTTPSeeOther("/elsewhere"),
}


async def fail(request: web.Request) -> web.Response:
    raise ERRORS[request.match_info["error"]]


async def fine(request: web.Request) -> web.Response:
    return web.json_response({"request_id": request_id(request)})


async def wrong_fields(request: web.Request) -> web.Response:
    return problem(request, 422, "invalid", "Two fields.", errors=[{"pointer": "#/name", "detail": "too long"}])


async def upload(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application(middlewares=[problems], client_max_size=100)
    app.router.add_get("/v1/fine", fine)
    app.router.add_get("/v1/fields", wrong_fields)
    app.router.add_post("/v1/upload", upload)
    app.router.add_get("/v1/fail/{error}", fail)
    app.router.add_get("/pages/{error}", fail)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "code", "detail"),
    [
        ("/v1/fail/missing", 404, "not_found", "There is no conference cnf_1. List them."),
        ("/v1/fail/store", 503, "store_unavailable", "The database does not answer."),
        ("/v1/fail/vendor", 502, "telephony_failed", "Twilio refused."),
        ("/v1/fail/odd", 500, "odd_thing", "Something we did not expect."),
        ("/v1/fail/refused", 422, "bad_label", "The label is too long."),
        ("/v1/fail/teapot", 403, "forbidden", "Only from this machine."),
        ("/v1/nowhere", 404, "not_found", "Nothing matches the given URI."),
    ],
)
async def test_errors_are_problems(client: Client, path: str, status: int, code: str, detail: str) -> None:
    response = await client.get(path)
    body = await response.json(content_type="application/problem+json")
    assert response.status == body["status"] == status
    assert (body["code"], body["detail"], body["instance"]) == (code, detail, path)
    assert body["type"] == f"/docs#problem-{code}"
    assert body["title"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert response.headers.get("Retry-After") == {503: "2", 502: "3"}.get(status)
    assert body.get("twilio_code") == (31941 if status == 502 else None)
    assert body.get("errors", []) == ([{"pointer": "#/label", "detail": detail}] if status == 422 else [])


async def test_a_defect_is_a_problem_too_and_says_nothing_of_itself(client: Client) -> None:
    response = await client.get("/v1/fail/defect")
    body = await response.json(content_type="application/problem+json")
    assert (response.status, body["code"]) == (500, "internal_error")
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert "secret" not in str(body)


async def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    response = await client.put("/v1/fine")
    assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
    assert (await response.json(content_type=None))["code"] == "method_not_allowed"


async def test_a_body_that_is_too_large_is_a_problem(client: Client) -> None:
    response = await client.post("/v1/upload", data=b"x" * 1000)
    assert response.status == 413
    assert (await response.json(content_type=None))["code"] == "payload_too_large"


async def test_wrong_fields_are_listed(client: Client) -> None:
    body = await (await client.get("/v1/fields")).json(content_type=None)
    assert body["errors"] == [{"pointer": "#/name", "detail": "too long"}]


async def test_good_answers_and_redirects_pass(client: Client) -> None:
    response = await client.get("/v1/fine")
    assert (await response.json())["request_id"] == response.headers["X-Request-Id"]
    assert (await client.get("/v1/fail/moved", allow_redirects=False)).status == 303


async def test_pages_have_errors_of_their_own(client: Client) -> None:
    response = await client.get("/pages/teapot")
    assert (response.status, response.content_type) == (403, "text/plain")
