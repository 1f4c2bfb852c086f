"""``/settings/keys``: the keys of programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.access.callers import ApiKey, Scope
from sidecar.domain.errors import NotFound
from sidecar.server.acts import keys as acts
from sidecar.server.app_keys import ACCOUNTS, CLOCK
from sidecar.server.auth.caller import CALLER
from sidecar.server.forms import Form, form_of, go_on
from sidecar.server.pages.settings.frame import respond_settings
from sidecar.server.problems import RequestRefused

PATH = "/settings/keys"
# What each scope means to whoever ticks it.
MEANINGS: dict[Scope, str] = {
    Scope.CONFERENCES_READ: "see which calls there are, and who is in them",
    Scope.CONFERENCES_WRITE: "fork calls; pause and resume their transcription",
    Scope.PARTICIPANTS_WRITE: "correct who somebody is; call somebody in",
    Scope.TRANSCRIPTS_READ: "read and export what is said, live and later",
    Scope.TRANSCRIPTS_REDACT: "take words out of a transcript, and delete calls",
    Scope.NOTES_WRITE: "write notes",
    Scope.ASSISTANTS_WRITE: "invite the assistant, and tell it what to do",
    Scope.PANELS_CREATE: "hand out the agent's panel",
    Scope.ALERTS_ACKNOWLEDGE: "acknowledge alerts",
    Scope.ALERTS_MANAGE: "change the rules of alerts",
    Scope.WEBHOOKS_MANAGE: "manage webhooks and send again",
    Scope.ADMIN: "everything, users and keys included",
}
LASTS = (("", "Never"), ("30", "After 30 days"), ("90", "After 90 days"), ("365", "After a year"))


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """A line of the table. ``state``: of its pill; ``words``: in it."""

    key: ApiKey
    scopes: str
    state: str
    words: str
    valid: bool


@dataclass(frozen=True, kw_only=True)
class KeysPage:
    """All that ``settings/keys.html`` may use. ``secret``: of a key just made, shown this once."""

    keys: Sequence[KeyRow]
    scopes: Sequence[tuple[Scope, str]]
    lasts: Sequence[tuple[str, str]]
    chosen: frozenset[str]
    name: str = ""
    last: str = ""
    secret: str = ""
    said: str = ""
    error: str = ""


async def show(request: web.Request) -> web.Response:
    """``GET``: all keys, and a form for another."""
    return await _page(request, said="The key opens nothing any more." if "revoked" in request.query else "")


async def create(request: web.Request) -> web.Response:
    """``POST``: the page with the new key on it, for this once; with what is wrong in it when something is."""
    form = await form_of(request)
    scopes = [scope for scope in Scope if scope in form.all("scope")]
    try:
        key, secret = await acts.create_key(request, form.get("name", ""), scopes, _expiry(request, form))
    except RequestRefused as error:
        return await _page(request, form=form, error=str(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return await _page(request, secret=secret, said=f"{key.name} can get in with this key. It is shown only now.")


async def revoke(request: web.Request) -> web.Response:
    """``POST …/{key}/revoke``: one that is revoked already is no error."""
    try:
        await acts.revoke_key(request, request.match_info["key"])
    except NotFound:
        return await _page(request, error="There is no such valid key.", status=HTTPStatus.NOT_FOUND)
    return go_on(f"{PATH}?revoked=1")


def _expiry(request: web.Request, form: Form) -> datetime | None:
    days = form.get("last", "")
    known = {value for value, _ in LASTS if value}
    return request.app[CLOCK].now() + timedelta(days=int(days)) if days in known else None


async def _page(
    request: web.Request,
    *,
    form: Form | None = None,
    secret: str = "",
    said: str = "",
    error: str = "",
    status: int = HTTPStatus.OK,
) -> web.Response:
    keys = await request.app[ACCOUNTS].keys(tenant=request[CALLER].tenant)
    now = request.app[CLOCK].now()
    chosen = frozenset(form.all("scope")) if form is not None else {Scope.CONFERENCES_READ, Scope.TRANSCRIPTS_READ}
    page = KeysPage(
        keys=[_row(key, now) for key in reversed(keys)],
        scopes=tuple(MEANINGS.items()),
        lasts=LASTS,
        chosen=frozenset(chosen),
        name=form.get("name", "") if form is not None else "",
        last=form.get("last", "") if form is not None else "",
        secret=secret,
        said=said,
        error=error,
    )
    response = respond_settings(request, "settings/keys.html", page, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _row(key: ApiKey, now: datetime) -> KeyRow:
    expired = key.expires_at is not None and key.expires_at <= now
    valid = key.revoked_at is None and not expired
    state = "live" if valid else "quiet"
    words = "Valid" if valid else "Expired" if expired and key.revoked_at is None else "Revoked"
    scopes = "everything" if Scope.ADMIN in key.scopes else ", ".join(sorted(key.scopes))
    return KeyRow(key=key, scopes=scopes, state=state, words=words, valid=valid)
