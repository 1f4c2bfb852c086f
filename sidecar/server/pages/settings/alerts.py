"""``/settings/alerts``: what to be alerted of; plain forms, templates to begin with, and a trial on a call that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

import msgspec
from aiohttp import web

from sidecar.domain.access.callers import Scope
from sidecar.domain.alerts.rules import TEMPLATES, AlertKind, AlertRule, Condition, Only, RuleDraft, Severity
from sidecar.domain.conference.values import Conference
from sidecar.server.acts import alerts as alert_acts
from sidecar.server.app_keys import ALERT_DESK, ALERTS, CLOCK, DIRECTORY
from sidecar.server.auth.caller import CALLER, visible_conference
from sidecar.server.forms import form_of, go_on
from sidecar.server.pages.settings import alerts_view as view
from sidecar.server.pages.settings.frame import respond_settings
from sidecar.server.problems import RequestRefused

PATH = "/settings/alerts"
# Calls that a rule can be tried on.
CALLS_OFFERED = 30
_ROLE_FIELD = "role:"


def add_alert_settings(app: web.Application) -> None:
    """Register the pages and what their forms do."""
    one = f"{PATH}/{{rule:rul_[^/]+}}"
    app.router.add_get(PATH, show_rules)
    app.router.add_post(PATH, create_rule)
    app.router.add_get(f"{PATH}/new", show_new_rule)
    app.router.add_get(one, show_rule)
    app.router.add_post(one, change_rule)
    app.router.add_post(f"{one}/enabled", switch_rule)
    app.router.add_post(f"{one}/remove", remove_rule)


async def show_rules(request: web.Request) -> web.Response:
    """All of them, and ways to another."""
    tenant = request[CALLER].tenant
    rules = await request.app[ALERTS].rules(tenant)
    fired = await request.app[ALERTS].fired(tenant, since=request.app[CLOCK].now() - alert_acts.LATELY)
    page = view.rules_page(rules, fired, done=request.query.get("done", ""))
    return respond_settings(request, "settings/alerts.html", page)


async def show_new_rule(request: web.Request) -> web.Response:
    """The form of a rule of the kind, or with the template, that the address names."""
    template = next((one for one in TEMPLATES if one.name == request.query.get("template")), None)
    if template is not None:
        return await _rule_page(request, view.form_of_draft(template.rule))
    kind = _kind(request.query.get("kind", ""))
    return await _rule_page(request, view.form_of_draft(RuleDraft(name="", when=view.BLANK[kind])))


async def create_rule(request: web.Request) -> web.Response:
    """To the list with the new rule in it; or the form again with what was wrong."""
    form = await form_of(request)
    try:
        await alert_acts.make_rule(request, alert_acts.accepted(_draft(form, enabled=True)))
    except RequestRefused as error:
        return await _refused(request, form, error)
    return go_on(f"{PATH}?done=created")


async def show_rule(request: web.Request) -> web.Response:
    """One rule; with ``conference``, what it would have raised there."""
    rule = await alert_acts.rule_of(request)
    return await _rule_page(request, view.form_of_draft(rule), rule)


async def change_rule(request: web.Request) -> web.Response:
    """As the form has it; whether it is switched on stays."""
    rule, form = await alert_acts.rule_of(request), await form_of(request)
    try:
        await alert_acts.replace_rule(request, rule, _draft(form, enabled=rule.enabled))
    except RequestRefused as error:
        return await _refused(request, form, error, rule)
    return go_on(f"{PATH}/{rule.id}?done=changed")


async def switch_rule(request: web.Request) -> web.Response:
    """On or off: the button that was pressed."""
    rule, form = await alert_acts.rule_of(request), await form_of(request)
    await alert_acts.replace_rule(
        request, rule, msgspec.structs.replace(rule.draft, enabled=form.get("enabled") == "on")
    )
    return go_on(f"{PATH}?done=changed")


async def remove_rule(request: web.Request) -> web.Response:
    """Gone; its alerts stay."""
    await alert_acts.remove_rule(request, await alert_acts.rule_of(request))
    return go_on(f"{PATH}?done=removed")


async def _refused(
    request: web.Request, form: Mapping[str, str], error: RequestRefused, rule: AlertRule | None = None
) -> web.Response:
    """What somebody wrote stays, and the page says what is wrong with it."""
    kind = _kind(form.get("kind", ""))
    blank = view.form_of_draft(RuleDraft(name="", when=view.BLANK[kind]))
    wrong = replace(
        blank,
        name=form.get("name", ""),
        severity=form.get("severity", ""),
        cooldown_s=form.get("cooldown_s", ""),
        phrases=form.get("phrases", ""),
        pattern=form.get("pattern", ""),
        seconds=form.get("seconds", ""),
        window_s=form.get("window_s", ""),
        roles=view.role_choices(_roles(form)),
        labels=form.get("labels", ""),
        rooms=form.get("rooms", ""),
        error=error.message,
    )
    return await _rule_page(request, wrong, rule, status=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _rule_page(
    request: web.Request, form: view.RuleForm, rule: AlertRule | None = None, *, status: int = HTTPStatus.OK
) -> web.Response:
    caller, tried = request[CALLER], request.query.get("conference", "")
    calls: list[Conference] = []
    if rule is not None and caller.may(Scope.TRANSCRIPTS_READ):
        calls = await request.app[DIRECTORY].conferences(
            tenant=caller.tenant, agent=caller.only_own, limit=CALLS_OFFERED
        )
    found = None
    if rule is not None and tried and caller.may(Scope.TRANSCRIPTS_READ):
        conference = await visible_conference(request, tried)
        people = await request.app[DIRECTORY].participants(conference.id)
        occasions = await request.app[ALERT_DESK].try_rule(rule, conference)
        found = [view.finding(one, conference, people) for one in occasions]
    page = view.RulePage(
        id=rule.id if rule else "",
        form=form,
        enabled=rule.enabled if rule else True,
        severities=view.SEVERITIES,
        calls=[(one.id, view.call_words(one)) for one in calls],
        tried=tried,
        found=found,
        done=view.DONE.get(request.query.get("done", ""), ""),
    )
    return respond_settings(request, "settings/alert_rule.html", page, status=status)


def _draft(form: Mapping[str, str], *, enabled: bool) -> RuleDraft:
    """What the form says. Raises RequestRefused for a number that is none."""
    kind = _kind(form.get("kind", ""))
    when: dict[str, object] = {"kind": kind.value}
    if kind is AlertKind.PHRASE:
        when["phrases"] = form.get("phrases", "").splitlines()
    elif kind is AlertKind.PATTERN:
        when["pattern"] = form.get("pattern", "")
    elif kind is not AlertKind.ASSISTANT:
        when["seconds"] = _number(form, "seconds")
    if kind is AlertKind.OVERTALK:
        when["window_s"] = _number(form, "window_s")
    severity = form.get("severity", "")
    return RuleDraft(
        name=form.get("name", ""),
        when=msgspec.convert(when, Condition),
        severity=Severity(severity) if severity in set(Severity) else Severity.WARNING,
        cooldown_s=_number(form, "cooldown_s"),
        only=msgspec.convert(
            {"roles": _roles(form), "labels": _names(form, "labels"), "rooms": _names(form, "rooms")}, Only
        ),
        enabled=enabled,
    )


def _kind(word: str) -> AlertKind:
    return AlertKind(word) if word in set(AlertKind) else AlertKind.PHRASE


def _roles(form: Mapping[str, str]) -> list[str]:
    return [role for role, _ in view.role_choices(()) if _ROLE_FIELD + role in form]


def _names(form: Mapping[str, str], field: str) -> list[str]:
    return [name.strip() for name in form.get(field, "").split(",") if name.strip()]


def _number(form: Mapping[str, str], field: str) -> int:
    text = form.get(field, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, "alert_rule_invalid", f"{field} is not a number.")
    return int(text)
