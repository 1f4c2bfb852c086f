"""What every route needs of whoever asks. One table: a route without a row is refused, and fails a test.

The door (``middleware``) goes by it. A row says which scope is needed, and whether ``{id}`` in the pattern is a
conference. Then the door has looked it up before the handler runs (``request[CONFERENCE]``), and one of another tenant,
or one that is not the agent's own, is not found.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sidecar.domain.access.callers import Scope


class Way(Enum):
    """Ways in that are no scope."""

    OPEN = "open"  # anybody: there is nothing to see, or it is about getting in
    TWILIO = "twilio"  # the handler checks Twilio's signature before anything else
    SCRAPER = "scraper"  # figures: a token of their own, or this machine
    CALLER = "caller"  # whoever got in, by whatever
    SESSION = "session"  # somebody who is signed in, for their own things


class Of(Enum):
    """What ``{id}`` is."""

    NOTHING = "nothing"  # no conference
    CONFERENCE = "conference"  # a conference that the caller may see
    ANY_CONFERENCE = "any conference"  # that, or one that nobody here has heard of yet


class Rule(NamedTuple):
    """``panel``: the token of a panel opens it too, for its conference. ``invites``: it has a stricter limit."""

    need: Scope | Way
    of: Of = Of.NOTHING
    panel: bool = False
    invites: bool = False


def _calls(need: Scope, *, panel: bool = False, invites: bool = False) -> Rule:
    return Rule(need, Of.CONFERENCE, panel, invites)


_OPEN, _TWILIO = Rule(Way.OPEN), Rule(Way.TWILIO)
_ONE = "/v1/conferences/{id}"
_ASSISTANT = f"{_ONE}/assistants/{{assistant}}"
_HOOKS = Rule(Scope.WEBHOOKS_MANAGE)
_ENDPOINT = "/v1/webhook_endpoints/{endpoint}"
_HOOK_SETTINGS = "/settings/webhooks"
_RULES_OF_ALERTS = Rule(Scope.ALERTS_MANAGE)
_COMMAND = _calls(Scope.ASSISTANTS_WRITE, panel=True)

# By method and pattern. HEAD goes by the row of GET.
RULES: dict[str, Rule] = {
    # Getting in, and what everybody's copy has
    "GET /healthz": _OPEN,
    "GET /readyz": _OPEN,
    "GET /metrics": Rule(Way.SCRAPER),
    "GET /static/{version}/{path}": _OPEN,
    "GET /login": _OPEN,
    "GET /docs": _OPEN,
    "GET /openapi.json": _OPEN,
    "GET /openapi.yaml": _OPEN,
    "POST /login": _OPEN,
    "POST /logout": Rule(Way.CALLER),
    # Twilio
    "POST /twilio/voice": _TWILIO,
    "POST /twilio/conference-events": _TWILIO,
    "POST /twilio/stream-events": _TWILIO,
    "POST /twilio/participant-events": _TWILIO,
    "POST /twilio/announcements/{kind}": _TWILIO,
    "GET /twilio/media": _TWILIO,
    "POST /twilio/assistant": _TWILIO,
    "GET /twilio/assistant-media": _TWILIO,
    # Pages
    "GET /": Rule(Scope.CONFERENCES_READ),
    "GET /history": Rule(Scope.TRANSCRIPTS_READ),
    "GET /conferences/{id}": _calls(Scope.TRANSCRIPTS_READ),
    "GET /agent/{id}": _calls(Scope.TRANSCRIPTS_READ, panel=True),
    "GET /styleguide": Rule(Way.CALLER),
    "GET /settings": Rule(Way.SESSION),
    "GET /settings/account": Rule(Way.SESSION),
    "POST /settings/account/password": Rule(Way.SESSION),
    "POST /settings/account/sessions/end_others": Rule(Way.SESSION),
    "POST /settings/account/sessions/{session}/end": Rule(Way.SESSION),
    "GET /settings/redaction": Rule(Scope.ADMIN),
    "POST /settings/redaction": Rule(Scope.ADMIN),
    "GET /settings/audit": Rule(Scope.ADMIN),
    "GET /settings/keys": Rule(Scope.ADMIN),
    "POST /settings/keys": Rule(Scope.ADMIN),
    "POST /settings/keys/{key}/revoke": Rule(Scope.ADMIN),
    "GET /settings/users": Rule(Scope.ADMIN),
    "POST /settings/users": Rule(Scope.ADMIN),
    "POST /settings/users/{user}/link": Rule(Scope.ADMIN),
    "POST /settings/users/{user}/role": Rule(Scope.ADMIN),
    "POST /settings/users/{user}/clear_password": Rule(Scope.ADMIN),
    "POST /settings/users/{user}/remove": Rule(Scope.ADMIN),
    # The API
    "GET /v1/conferences": Rule(Scope.CONFERENCES_READ),
    f"GET {_ONE}": _calls(Scope.CONFERENCES_READ),
    f"DELETE {_ONE}": _calls(Scope.ADMIN),
    f"POST {_ONE}/fork": Rule(Scope.CONFERENCES_WRITE, Of.ANY_CONFERENCE),
    f"GET {_ONE}/participants": _calls(Scope.CONFERENCES_READ),
    f"POST {_ONE}/participants": _calls(Scope.PARTICIPANTS_WRITE, invites=True),
    f"PATCH {_ONE}/participants/{{participant}}": _calls(Scope.PARTICIPANTS_WRITE),
    f"GET {_ONE}/utterances": _calls(Scope.TRANSCRIPTS_READ, panel=True),
    f"GET {_ONE}/events": _calls(Scope.TRANSCRIPTS_READ),
    f"POST {_ONE}/utterances/{{utterance}}/redact": _calls(Scope.TRANSCRIPTS_REDACT),
    f"GET {_ONE}/transcript.{{format}}": _calls(Scope.TRANSCRIPTS_READ),
    f"GET {_ONE}/notes": _calls(Scope.TRANSCRIPTS_READ, panel=True),
    f"POST {_ONE}/notes": _calls(Scope.NOTES_WRITE, panel=True),
    f"POST {_ONE}/pause": _calls(Scope.CONFERENCES_WRITE, panel=True),
    f"POST {_ONE}/resume": _calls(Scope.CONFERENCES_WRITE, panel=True),
    f"POST {_ONE}/panel_tokens": _calls(Scope.PANELS_CREATE),
    f"POST {_ONE}/assistants": _calls(Scope.ASSISTANTS_WRITE, panel=True, invites=True),
    f"GET {_ONE}/assistants": _calls(Scope.TRANSCRIPTS_READ, panel=True),
    f"GET {_ASSISTANT}": _calls(Scope.TRANSCRIPTS_READ, panel=True),
    f"PATCH {_ASSISTANT}": _COMMAND,
    f"DELETE {_ASSISTANT}": _COMMAND,
    f"POST {_ASSISTANT}/prompts": _COMMAND,
    f"POST {_ASSISTANT}/say": _COMMAND,
    f"POST {_ASSISTANT}/stop": _COMMAND,
    f"POST {_ASSISTANT}/mute": _COMMAND,
    f"POST {_ASSISTANT}/unmute": _COMMAND,
    # It finds only lines of calls that the caller may see.
    "GET /v1/search": Rule(Scope.TRANSCRIPTS_READ),
    # Webhooks
    "GET /v1/webhook_endpoints": _HOOKS,
    "POST /v1/webhook_endpoints": _HOOKS,
    f"GET {_ENDPOINT}": _HOOKS,
    f"PATCH {_ENDPOINT}": _HOOKS,
    f"DELETE {_ENDPOINT}": _HOOKS,
    f"POST {_ENDPOINT}/test": _HOOKS,
    f"POST {_ENDPOINT}/rotate_secret": _HOOKS,
    f"POST {_ENDPOINT}/pause": _HOOKS,
    f"POST {_ENDPOINT}/resume": _HOOKS,
    f"GET {_ENDPOINT}/deliveries": _HOOKS,
    f"GET {_ENDPOINT}/deliveries/{{delivery}}": _HOOKS,
    f"POST {_ENDPOINT}/resend": _HOOKS,
    f"GET {_HOOK_SETTINGS}": _HOOKS,
    f"POST {_HOOK_SETTINGS}": _HOOKS,
    f"GET {_HOOK_SETTINGS}/{{endpoint}}": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/state": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/rotate_secret": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/expire_old_secret": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/remove": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/test": _HOOKS,
    f"POST {_HOOK_SETTINGS}/{{endpoint}}/resend": _HOOKS,
    f"GET {_HOOK_SETTINGS}/{{endpoint}}/deliveries/{{delivery}}": _HOOKS,
    f"GET {_ONE}/alerts": _calls(Scope.TRANSCRIPTS_READ),
    f"POST {_ONE}/alerts/{{alert}}/acknowledge": _calls(Scope.ALERTS_ACKNOWLEDGE),
    "GET /v1/alert_rules": _RULES_OF_ALERTS,
    "POST /v1/alert_rules": _RULES_OF_ALERTS,
    "GET /v1/alert_rules/templates": _RULES_OF_ALERTS,
    "POST /v1/alert_rules/test": _RULES_OF_ALERTS,
    "GET /v1/alert_rules/{rule}": _RULES_OF_ALERTS,
    "PATCH /v1/alert_rules/{rule}": _RULES_OF_ALERTS,
    "DELETE /v1/alert_rules/{rule}": _RULES_OF_ALERTS,
    "GET /v1/api_keys": Rule(Scope.ADMIN),
    "POST /v1/api_keys": Rule(Scope.ADMIN),
    "DELETE /v1/api_keys/{key}": Rule(Scope.ADMIN),
    "GET /v1/audit": Rule(Scope.ADMIN),
    "GET /v1/redaction": Rule(Scope.ADMIN),
    "PATCH /v1/redaction": Rule(Scope.ADMIN),
    "POST /v1/redaction/test": Rule(Scope.ADMIN),
    "GET /settings/alerts": _RULES_OF_ALERTS,
    "POST /settings/alerts": _RULES_OF_ALERTS,
    "GET /settings/alerts/new": _RULES_OF_ALERTS,
    "GET /settings/alerts/{rule}": _RULES_OF_ALERTS,
    "POST /settings/alerts/{rule}": _RULES_OF_ALERTS,
    "POST /settings/alerts/{rule}/enabled": _RULES_OF_ALERTS,
    "POST /settings/alerts/{rule}/remove": _RULES_OF_ALERTS,
    # Their handlers ask for each topic's conference, whether the caller may see it.
    "GET /v1/stream": Rule(Scope.TRANSCRIPTS_READ, panel=True),
    "POST /v1/stream_tickets": Rule(Scope.TRANSCRIPTS_READ),
}


def rule_of(method: str, pattern: str) -> Rule | None:
    """The row of a route; None: it has none, and nobody may use it."""
    return RULES.get(f"{'GET' if method == 'HEAD' else method} {pattern}")
