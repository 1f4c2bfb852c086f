"""``/settings/webhooks``: endpoints, their secrets, what they were told, and telling it again; plain forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web

from sidecar.domain.webhooks.endpoints import (
    SECRET_OVERLAP,
    DeliveryState,
    EndpointRefused,
    EndpointState,
)
from sidecar.domain.webhooks.sample_events import UnknownEventType
from sidecar.ports.webhooks import DeliveryFilter, Tally
from sidecar.server.acts import webhooks as webhook_acts
from sidecar.server.app_keys import CLOCK, WEBHOOK_DELIVERIES
from sidecar.server.auth.caller import CALLER
from sidecar.server.forms import form_of, go_on
from sidecar.server.pages.settings import webhooks_view as view
from sidecar.server.pages.settings.frame import respond_settings

PATH = "/settings/webhooks"
DELIVERIES_SHOWN = 50
_TYPE_FIELD = "type:"
# Buttons that put an endpoint into a state.
_STATES = {"pause": EndpointState.PAUSED, "resume": EndpointState.ENABLED, "disable": EndpointState.DISABLED}


def add_webhook_settings(app: web.Application) -> None:
    """Register the pages and what their forms do."""
    one = f"{PATH}/{{endpoint}}"
    app.router.add_get(PATH, show_endpoints)
    app.router.add_post(PATH, create_endpoint)
    app.router.add_get(one, show_endpoint)
    app.router.add_post(one, change_endpoint)
    app.router.add_post(f"{one}/state", set_state)
    app.router.add_post(f"{one}/rotate_secret", rotate_secret)
    app.router.add_post(f"{one}/expire_old_secret", expire_old_secret)
    app.router.add_post(f"{one}/remove", remove_endpoint)
    app.router.add_post(f"{one}/test", send_test)
    app.router.add_post(f"{one}/resend", resend)
    app.router.add_get(f"{one}/deliveries/{{delivery}}", show_delivery)


async def show_endpoints(request: web.Request) -> web.Response:
    """All of them, and the form for another."""
    return await _endpoints(request, view.endpoint_form())


async def create_endpoint(request: web.Request) -> web.Response:
    """The new endpoint's secret, which is shown this once; or the form again with what was wrong."""
    form = await form_of(request)
    url, description, types = _text(form, "url"), _text(form, "description"), _types(form)
    try:
        endpoint, secret = await webhook_acts.create(request, url=url, description=description, types=types)
    except EndpointRefused as error:
        return await _endpoints(
            request, _refused(error, url, description, types), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    page = view.SecretPage(endpoint=view.shown_endpoint(endpoint, Tally()), secret=secret, rotated=False)
    return respond_settings(request, "settings/webhook_secret.html", page)


async def show_endpoint(request: web.Request) -> web.Response:
    """One endpoint with its log, filtered as the address says."""
    return await _endpoint(request)


async def change_endpoint(request: web.Request) -> web.Response:
    """Address, description and types, as the form has them."""
    form = await form_of(request)
    url, description, types = _text(form, "url"), _text(form, "description"), _types(form)
    try:
        await webhook_acts.change(request, url=url, description=description, types=types)
    except EndpointRefused as error:
        return await _endpoint(
            request, _refused(error, url, description, types), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    return _back(request, "changed")


async def set_state(request: web.Request) -> web.Response:
    """Pause, resume, disable: the button that was pressed."""
    state = _STATES.get(_text(await form_of(request), "to"))
    if state is None:
        return _back(request)
    await webhook_acts.change(request, state=state)
    return _back(request, "changed")


async def rotate_secret(request: web.Request) -> web.Response:
    """The new secret, shown this once; the old one signs too for a day."""
    endpoint, secret = await webhook_acts.rotate(request, overlap=SECRET_OVERLAP)
    page = view.SecretPage(endpoint=view.shown_endpoint(endpoint, Tally()), secret=secret, rotated=True)
    return respond_settings(request, "settings/webhook_secret.html", page)


async def expire_old_secret(request: web.Request) -> web.Response:
    """Only the newest secret signs."""
    await webhook_acts.expire_old_secret(request)
    return _back(request, "expired")


async def remove_endpoint(request: web.Request) -> web.Response:
    """Gone, with its log."""
    await webhook_acts.remove(request)
    return go_on(f"{PATH}?done=removed")


async def send_test(request: web.Request) -> web.Response:
    """A sample event to this endpoint."""
    try:
        await webhook_acts.send_sample(request, _text(await form_of(request), "type"))
    except (EndpointRefused, UnknownEventType) as error:
        return await _endpoint(request, trouble=str(error), status=HTTPStatus.CONFLICT)
    return _back(request, "tested")


async def resend(request: web.Request) -> web.Response:
    """One delivery, or all that failed in the time that the form says."""
    form = await form_of(request)
    try:
        if delivery := _text(form, "delivery"):
            await webhook_acts.resend(request, delivery)
            count = 1
        else:
            span = view.SINCE.get(_text(form, "since"), timedelta(hours=24))
            count = await webhook_acts.resend_failed(request, since=request.app[CLOCK].now() - span)
    except EndpointRefused as error:
        return await _endpoint(request, trouble=str(error), status=HTTPStatus.CONFLICT)
    return _back(request, "resent" if count else "nothing", n=count)


async def show_delivery(request: web.Request) -> web.Response:
    """The request, and what came of each attempt."""
    endpoint, tally = await webhook_acts.one_endpoint(request)
    page = view.delivery_page(endpoint, tally, await webhook_acts.one_delivery(request))
    return respond_settings(request, "settings/webhook_delivery.html", page)


async def _endpoints(request: web.Request, form: view.EndpointForm, *, status: int = HTTPStatus.OK) -> web.Response:
    shown = [view.shown_endpoint(endpoint, tally) for endpoint, tally in await webhook_acts.all_endpoints(request)]
    page = view.EndpointsPage(endpoints=shown, form=form, done=_done(request))
    return respond_settings(request, "settings/webhooks.html", page, status=status)


async def _endpoint(
    request: web.Request, form: view.EndpointForm | None = None, *, trouble: str = "", status: int = HTTPStatus.OK
) -> web.Response:
    endpoint, tally = await webhook_acts.one_endpoint(request)
    asked = request.query
    state, since, type_ = asked.get("state", ""), asked.get("since", "30d"), asked.get("type", "")
    span = view.SINCE.get(since, view.SINCE["30d"])
    wanted = DeliveryFilter(
        states=[one for one in DeliveryState if one == state],
        type=type_,
        since=request.app[CLOCK].now() - span,
        before=asked.get("after", ""),
    )
    found = await request.app[WEBHOOK_DELIVERIES].deliveries(
        endpoint.id, tenant=request[CALLER].tenant, wanted=wanted, limit=DELIVERIES_SHOWN + 1
    )
    shown = [view.shown_delivery(one) for one in found[:DELIVERIES_SHOWN]]
    older = {"state": state, "since": since, "type": type_, "after": shown[-1].id} if len(found) > len(shown) else {}
    page = view.EndpointPage(
        endpoint=view.shown_endpoint(endpoint, tally),
        form=form or view.endpoint_form(endpoint.types, url=endpoint.url, description=endpoint.description),
        deliveries=shown,
        type_options=view.type_options(endpoint),
        sample_types=view.sample_types(),
        state=state,
        type=type_,
        since=since,
        older=f"{PATH}/{endpoint.id}?{urlencode(older)}" if older else "",
        done=_done(request),
        trouble=trouble,
    )
    return respond_settings(request, "settings/webhook.html", page, status=status)


def _refused(error: EndpointRefused, url: str, description: str, types: list[str]) -> view.EndpointForm:
    where = {"event_type_unknown": "types", "description_invalid": "description"}.get(error.code, "url")
    return view.endpoint_form(types, url=url, description=description, error=str(error), error_in=where)


def _back(request: web.Request, done: str = "", *, n: int = 0) -> web.Response:
    said = urlencode({"done": done} | ({"n": n} if n else {})) if done else ""
    return go_on(f"{PATH}/{request.match_info['endpoint']}?{said}")


def _done(request: web.Request) -> str:
    """A sentence of ours; of the address only a known word and a number get into it."""
    count = request.query.get("n", "")
    words = view.DONE.get(request.query.get("done", ""), "")
    return words.replace("{n}", count if count.isdecimal() and len(count) <= len("10000") else "Some")


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _types(form: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(_TYPE_FIELD) for name in form if name.startswith(_TYPE_FIELD)]
