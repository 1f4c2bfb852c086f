"""TwiML applications: https://www.twilio.com/docs/usage/api/applications."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.clock import utc_now
from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import BAD_PARAMETER, RestError, account_of, answer, exchange_of, not_found
from sidecar.emulator.rest.forms import form_of
from sidecar.emulator.rest.paging import paged
from sidecar.emulator.sids import new_sid
from sidecar.emulator.state import Application, VoiceHook

MAX_APPLICATIONS = 1_000


async def list_applications(request: web.Request) -> web.Response:
    """Oldest first; filter FriendlyName."""
    name = request.query.get("FriendlyName")
    found = [
        resources.application(account_of(request), application)
        for application in exchange_of(request).state.applications.values()
        if name in {None, application.friendly_name}
    ]
    return answer(paged(request, "applications", found))


async def create_application(request: web.Request) -> web.Response:
    """A new one, named and pointed as the form says."""
    known, form, now = exchange_of(request).state.applications, await form_of(request), utc_now()
    if len(known) >= MAX_APPLICATIONS:
        raise RestError(400, BAD_PARAMETER, f"An account has at most {MAX_APPLICATIONS} applications.")
    application = Application(
        sid=new_sid("AP"),
        friendly_name=form.text("FriendlyName"),
        hook=form.hook(VoiceHook()),
        created_at=now,
        updated_at=now,
    )
    known[application.sid] = application
    return answer(resources.application(account_of(request), application), 201)


async def fetch_application(request: web.Request) -> web.Response:
    """One application."""
    return answer(resources.application(account_of(request), _application(request)))


async def update_application(request: web.Request) -> web.Response:
    """Another name, another voice URL."""
    application, form = _application(request), await form_of(request)
    application.hook = form.hook(application.hook)
    application.friendly_name = form.text("FriendlyName", application.friendly_name)
    application.updated_at = utc_now()
    return answer(resources.application(account_of(request), application))


def _application(request: web.Request) -> Application:
    application = exchange_of(request).state.applications.get(request.match_info["application"])
    if application is None:
        raise not_found(request)
    return application


ROUTES = {
    ("GET", "/Applications.json"): list_applications,
    ("POST", "/Applications.json"): create_application,
    ("GET", "/Applications/{application}.json"): fetch_application,
    ("POST", "/Applications/{application}.json"): update_application,
}
