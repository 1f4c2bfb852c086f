"""Every route has a rule, and every rule a route."""

from __future__ import annotations

from aiohttp import web

from sidecar.domain.access.callers import PANEL_SCOPES
from sidecar.server.auth.rules import RULES, Of, Way, rule_of
from sidecar.server.routes import add_routes


def routes() -> set[str]:
    """Method and pattern of every route of the service, the pages of a demo included."""
    app = web.Application()
    add_routes(app, styleguide=True)
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            found.add(f"{route.method} {route.resource.canonical}")
    return found


def test_a_route_without_a_rule_fails_here_and_is_refused_by_the_door() -> None:
    assert routes() - set(RULES) == set()
    assert rule_of("GET", "/v1/nobody/has/thought/of") is None


def test_a_rule_without_a_route_is_a_mistake() -> None:
    assert set(RULES) - routes() == set()


def test_head_goes_by_the_rule_of_get() -> None:
    assert rule_of("HEAD", "/v1/conferences") == RULES["GET /v1/conferences"]


def test_whatever_is_about_one_conference_says_so() -> None:
    for route, rule in RULES.items():
        about_one = route.partition(" ")[2].startswith(("/v1/conferences/{id}", "/conferences/{id}", "/agent/{id}"))
        assert (rule.of is not Of.NOTHING) == about_one, route


def test_a_panel_opens_only_what_its_scopes_allow() -> None:
    for route, rule in RULES.items():
        if rule.panel:
            assert not isinstance(rule.need, Way), route
            assert rule.need in PANEL_SCOPES, route
