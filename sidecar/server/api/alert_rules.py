"""``/v1/alert_rules``: what to be alerted of. A tenant has none until somebody makes one, or takes a template."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from sidecar.domain.access.callers import Scope
from sidecar.domain.alerts.rules import TEMPLATES, AlertRule, Condition, Only, RuleDraft, Severity
from sidecar.ports.alerts import Fired
from sidecar.server.acts import alerts as alert_acts
from sidecar.server.api.bodies import body_of, json_response
from sidecar.server.api.idempotency import once
from sidecar.server.api.paging import limit_of, page, place_after
from sidecar.server.app_keys import ALERT_DESK, ALERTS, CLOCK
from sidecar.server.auth.caller import CALLER, visible_conference
from sidecar.server.problems import RequestRefused

_NEVER = Fired(0, 0)


class RuleChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be otherwise. Left out: as it was."""

    name: str | UnsetType = UNSET
    when: Condition | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    cooldown_s: int | UnsetType = UNSET
    only: Only | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """A rule that may not exist yet (``rule``) or one that does (``rule_id``), and a conference to try it on."""

    conference: str
    rule: RuleDraft | None = None
    rule_id: str | None = None


class _Place(msgspec.Struct, frozen=True):
    created_at: datetime
    id: str


async def list_rules(request: web.Request) -> web.Response:
    """``GET /v1/alert_rules``: the oldest first, in pages."""
    tenant, limit, after = request[CALLER].tenant, limit_of(request), place_after(request, _Place)
    rules = [
        rule
        for rule in await request.app[ALERTS].rules(tenant)
        if after is None or (rule.created_at, rule.id) > (after.created_at, after.id)
    ]
    fired = await request.app[ALERTS].fired(tenant, since=request.app[CLOCK].now() - alert_acts.LATELY)
    shown_rules, more = rules[:limit], len(rules) > limit
    place = _Place(shown_rules[-1].created_at, shown_rules[-1].id) if more else None
    return page(request, [shown(rule, fired.get(rule.id, _NEVER)) for rule in shown_rules], next_place=place)


async def add_rule(request: web.Request) -> web.Response:
    """``POST /v1/alert_rules``: 201 with the rule, which holds from now on."""
    draft = alert_acts.accepted(await body_of(request, RuleDraft))

    async def act() -> web.Response:
        rule = await alert_acts.make_rule(request, draft)
        place = {hdrs.LOCATION: f"/v1/alert_rules/{rule.id}"}
        return json_response(shown(rule), HTTPStatus.CREATED, headers=place)

    return await once(request, act)


async def get_rule(request: web.Request) -> web.Response:
    """``GET /v1/alert_rules/{rule}``."""
    rule = await alert_acts.rule_of(request)
    fired = await request.app[ALERTS].fired(rule.tenant, since=request.app[CLOCK].now() - alert_acts.LATELY)
    return json_response(shown(rule, fired.get(rule.id, _NEVER)))


async def change_rule(request: web.Request) -> web.Response:
    """``PATCH /v1/alert_rules/{rule}``: it looks at what happens from now on."""
    change, rule = await body_of(request, RuleChange), await alert_acts.rule_of(request)
    wanted = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    return json_response(
        shown(await alert_acts.replace_rule(request, rule, msgspec.structs.replace(rule.draft, **wanted)))
    )


async def delete_rule(request: web.Request) -> web.Response:
    """``DELETE /v1/alert_rules/{rule}``: 204. Its alerts stay."""
    await alert_acts.remove_rule(request, await alert_acts.rule_of(request))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def list_templates(_request: web.Request) -> web.Response:
    """``GET /v1/alert_rules/templates``: rules to begin with. Post ``rule`` of one, as it is or changed."""
    return json_response({"data": TEMPLATES})


async def test_rule(request: web.Request) -> web.Response:
    """``POST /v1/alert_rules/test``: what a rule would have raised in a conference. Nothing is stored or told."""
    trial = await body_of(request, Trial)
    if (trial.rule is None) == (trial.rule_id is None):
        raise RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "body_invalid", "One of rule and rule_id is needed, and not both."
        )
    if not request[CALLER].may(Scope.TRANSCRIPTS_READ):
        raise RequestRefused(
            HTTPStatus.FORBIDDEN, "scope_missing", f"A trial quotes a transcript, so it needs {Scope.TRANSCRIPTS_READ}."
        )
    if trial.rule is not None:
        rule = alert_acts.new_rule(request, alert_acts.accepted(trial.rule))
    else:
        rule = await alert_acts.rule_of(request, trial.rule_id or "")
    conference = await visible_conference(request, trial.conference)
    found = await request.app[ALERT_DESK].try_rule(rule, conference)
    told = [msgspec.to_builtins(one.raised("")) for one in found]
    return json_response(
        {
            "conference": conference.id,
            "data": [{name: value for name, value in one.items() if name not in ("alert", "rule")} for one in told],
        }
    )


def shown(rule: AlertRule, fired: Fired = _NEVER) -> dict[str, Any]:
    """As the API shows it. ``lately``: what it raised in the last 24 hours, and how much of it is acknowledged."""
    body: dict[str, Any] = {"id": rule.id} | msgspec.to_builtins(rule.draft)
    return body | {"created_at": rule.created_at, "updated_at": rule.updated_at, "lately": fired}
