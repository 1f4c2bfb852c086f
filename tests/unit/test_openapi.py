"""``docs/openapi.yaml`` describes the service that there is, and nothing else."""

from __future__ import annotations

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from sidecar.server.routes import add_routes
from tests.openapi import METHODS, document


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    """Method and pattern of every route under ``/v1``."""
    app = web.Application()
    add_routes(app)
    found = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    return {(method, path) for method, path in found if path.startswith("/v1/") and method != "HEAD"}


def test_the_document_is_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_every_route_is_described_and_nothing_else(routes: set[tuple[str, str]]) -> None:
    described = {
        (method.upper(), path) for path, item in document()["paths"].items() for method in METHODS if method in item
    }
    assert described == routes
