"""What the API and the page of the settings do with alert rules; the desk and the audit log are told of it."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.alerts.rules import AlertRule, RuleDraft, RuleRefused, checked
from sidecar.domain.audit import Details
from sidecar.domain.errors import NotFound
from sidecar.server.app_keys import ALERT_DESK, ALERTS, CLOCK
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused

# What "lately" means for how often a rule has fired.
LATELY = timedelta(hours=24)


def accepted(draft: RuleDraft) -> RuleDraft:
    """The draft, tidied. Raises RequestRefused, which says what is wrong with it."""
    try:
        return checked(draft)
    except RuleRefused as error:
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error.message) from error


def new_rule(request: web.Request, draft: RuleDraft) -> AlertRule:
    """A rule of the caller's tenant that is not stored yet."""
    clock = request.app[CLOCK]
    now = clock.now()
    return AlertRule.of(
        draft, rule_id=clock.new_id("rul"), tenant=request[CALLER].tenant, created_at=now, updated_at=now
    )


async def rule_of(request: web.Request, rule_id: str | None = None) -> AlertRule:
    """The rule of the address, or of that id, if it is one of the caller's tenant. Raises NotFound."""
    wanted = request.match_info["rule"] if rule_id is None else rule_id
    found = await request.app[ALERTS].rule(request[CALLER].tenant, wanted)
    if found is None:
        raise NotFound(f"There is no alert rule {wanted[:64]}.", next_step="List them: GET /v1/alert_rules.")
    return found


async def make_rule(request: web.Request, draft: RuleDraft) -> AlertRule:
    """Keep a new rule. Raises RequestRefused (alert_rules_full)."""
    rule = new_rule(request, draft)
    try:
        await request.app[ALERTS].add_rule(rule)
    except RuleRefused as error:
        raise RequestRefused(HTTPStatus.CONFLICT, error.code, error.message, next_step=error.next_step) from error
    request.app[ALERT_DESK].rules_changed()
    await audit(request, "alert_rule.created", rule.id, after=_details(rule))
    return rule


async def replace_rule(request: web.Request, rule: AlertRule, draft: RuleDraft) -> AlertRule:
    """The rule as it is to be from now on. Raises RequestRefused, NotFound."""
    changed = AlertRule.of(
        accepted(draft),
        rule_id=rule.id,
        tenant=rule.tenant,
        created_at=rule.created_at,
        updated_at=request.app[CLOCK].now(),
    )
    try:
        await request.app[ALERTS].change_rule(changed)
    except RuleRefused as error:
        raise RequestRefused(HTTPStatus.CONFLICT, error.code, error.message, next_step=error.next_step) from error
    request.app[ALERT_DESK].rules_changed()
    await audit(request, "alert_rule.changed", rule.id, before=_details(rule), after=_details(changed))
    return changed


async def remove_rule(request: web.Request, rule: AlertRule) -> None:
    """It is gone. Raises NotFound."""
    await request.app[ALERTS].remove_rule(rule.tenant, rule.id)
    request.app[ALERT_DESK].rules_changed()
    await audit(request, "alert_rule.deleted", rule.id, before=_details(rule))


def _details(rule: AlertRule) -> Details:
    return {"name": rule.name, "kind": rule.kind, "severity": rule.severity, "enabled": rule.enabled}
