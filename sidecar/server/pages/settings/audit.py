"""``/settings/audit``: who did what, and who read which transcript, the newest first. Nothing here can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from sidecar.domain.audit import AuditEntry, Details
from sidecar.server.api.audit_log import AuditPlace
from sidecar.server.api.paging import cursor, place_after
from sidecar.server.app_keys import AUDIT
from sidecar.server.auth.caller import CALLER
from sidecar.server.pages.settings.frame import respond_settings

PATH = "/settings/audit"
ENTRIES_SHOWN = 50
# By what somebody came in, in words.
_BY = {"session": "", "key": "key", "panel": "panel", "cli": "command"}
# What happened, in words; what is not here is shown as it is called in the API.
_DONE = {
    "alert.acknowledged": "acknowledged an alert",
    "alert_rule.changed": "changed an alert rule",
    "alert_rule.created": "made an alert rule",
    "alert_rule.deleted": "deleted an alert rule",
    "assistant.changed": "changed how the assistant behaves",
    "assistant.dismissed": "dismissed the assistant",
    "assistant.invited": "invited the assistant",
    "assistant.prompted": "gave the assistant a prompt",
    "assistant.stopped": "stopped the assistant's words",
    "assistant.told_to_say": "had the assistant say something",
    "conference.deleted": "deleted a call",
    "conference.forked": "had a call transcribed",
    "key.created": "made a key",
    "key.revoked": "revoked a key",
    "link.made": "made a login link",
    "note.added": "added a note",
    "panel_token.made": "handed out a panel",
    "participant.called": "called somebody in",
    "participant.corrected": "corrected who somebody is",
    "redaction.changed": "changed redaction or retention",
    "session.ended": "ended a session",
    "session.opened": "signed in",
    "transcript.paused": "paused transcription",
    "transcript.read": "read a transcript",
    "transcript.resumed": "resumed transcription",
    "transcripts.searched": "searched transcripts",
    "user.added": "added a user",
    "user.password_changed": "changed a password",
    "user.password_cleared": "cleared a password",
    "user.removed": "removed a user",
    "user.role_changed": "changed a user's role",
    "utterance.redacted": "redacted an utterance",
    "webhook_delivery.resent": "resent a delivery",
    "webhook_endpoint.changed": "changed a webhook endpoint",
    "webhook_endpoint.created": "added a webhook endpoint",
    "webhook_endpoint.failed_resent": "resent failed deliveries",
    "webhook_endpoint.old_secret_expired": "expired an old webhook secret",
    "webhook_endpoint.range_resent": "resent events of a call",
    "webhook_endpoint.removed": "removed a webhook endpoint",
    "webhook_endpoint.secret_rotated": "rotated a webhook secret",
    "webhook_endpoint.tested": "sent a test event",
}
# Where something can be looked at, by the beginning of its id. What is gone says so there.
_PLACES = {"cnf_": "/conferences/", "whe_": "/settings/webhooks/", "rul_": "/settings/alerts/"}


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    """One thing about the target: how it was ("" where nothing was) and how it is ("" where nothing is)."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ShownEntry:
    """A row. ``by``: how somebody came in, "" for by a session; ``href``: where to see the target, or ""."""

    at: datetime
    who: str
    by: str
    did: str
    action: str
    target: str
    href: str
    changes: Sequence[ShownChange]
    address: str


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """All that ``settings/audit.html`` may use. ``older``, ``newest``: addresses of other pages, or ""."""

    entries: Sequence[ShownEntry]
    older: str
    newest: str


async def show(request: web.Request) -> web.Response:
    """``GET``: a page of it. ``after``: the cursor of the page before, as in ``GET /v1/audit``."""
    after = place_after(request, AuditPlace)
    found = await request.app[AUDIT].entries(
        request[CALLER].tenant, before=after.id if after is not None else None, limit=ENTRIES_SHOWN + 1
    )
    shown = found[:ENTRIES_SHOWN]
    older = urlencode({"after": cursor(AuditPlace(shown[-1].id))}) if len(found) > len(shown) else ""
    page = AuditPage(
        entries=[shown_entry(entry) for entry in shown],
        older=f"{PATH}?{older}" if older else "",
        newest=PATH if after is not None else "",
    )
    return respond_settings(request, "settings/audit.html", page)


def shown_entry(entry: AuditEntry) -> ShownEntry:
    """In words."""
    place = next((place for kind, place in _PLACES.items() if entry.target.startswith(kind)), "")
    return ShownEntry(
        at=entry.at,
        who=entry.actor_name or entry.actor,
        by=_BY[entry.by],
        did=_DONE.get(entry.action, entry.action),
        action=entry.action,
        target=entry.target,
        href=f"{place}{entry.target}" if place else "",
        changes=_changes(entry.before or {}, entry.after or {}),
        address=entry.address,
    )


def _changes(before: Details, after: Details) -> list[ShownChange]:
    """What is not as it was, in the order in which it was told."""
    return [
        ShownChange(name=name.replace("_", " "), before=_words(before.get(name)), after=_words(after.get(name)))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _words(value: str | int | bool | None) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "" if value is None else str(value)
