"""What an administrator has set up: webhooks with a past, rules for alerts."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sidecar.domain.alerts.rules import TEMPLATES
from tests.browser.call import ServiceProcess

ENDPOINTS, RULES = "/v1/webhook_endpoints", "/v1/alert_rules"


@dataclass
class Settings:
    """Addresses of pages: of an endpoint that fails, of one of its deliveries, of a rule."""

    endpoint: str
    delivery: str
    rule: str


def set_up(service: ServiceProcess) -> Settings:
    """Endpoints in every state, deliveries with every end, the rules of the templates."""
    crm = _endpoint(service, "crm", "CRM of the north", "conference.ended", "transcript.completed", "assistant.*")
    busy = _endpoint(service, "busy", "Quality desk", "*")
    gone = _endpoint(service, "gone", "", "conference.ended")
    private = _endpoint(service, "private", "Data warehouse", "transcript.completed")
    for endpoint, type_ in (
        (crm, "transcript.completed"), (crm, "assistant.joined"), (gone, "conference.ended"),
        (private, "transcript.completed"), (busy, "conference.started"), (busy, "alert.raised"),
    ):  # fmt: skip
        _tested(service, endpoint, type_)
    service.post(f"{ENDPOINTS}/{private}/pause", {})
    elsewhere = {"rooms": ["support-*"]}  # the calls of the tests ring by themselves
    rules = [
        service.post(RULES, rule | {"only": rule["only"] | elsewhere})["id"]
        for rule in (msgspec.to_builtins(template.rule) for template in TEMPLATES)
    ]
    delivery = service.get(f"{ENDPOINTS}/{busy}/deliveries")["data"][0]["id"]
    place = f"/settings/webhooks/{busy}"
    return Settings(endpoint=place, delivery=f"{place}/deliveries/{delivery}", rule=f"/settings/alerts/{rules[0]}")


def _endpoint(service: ServiceProcess, name: str, description: str, *types: str) -> str:
    wish = {"url": f"https://{name}.example.com/hooks", "description": description, "types": types}
    made: str = service.post(ENDPOINTS, wish)["id"]
    return made


def _tested(service: ServiceProcess, endpoint: str, type_: str) -> None:
    """Returns when it was tried."""
    place = f"{ENDPOINTS}/{endpoint}"
    service.post(f"{place}/test", {"type": type_})
    service.waits_until(f"{place}/deliveries?limit=1", lambda page: page["data"][0]["last_attempt"] is not None)
