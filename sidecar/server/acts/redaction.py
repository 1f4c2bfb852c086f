"""What people and programs decide about redaction and retention: the same for the API and its page, audited."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web

from sidecar.domain.audit import Details
from sidecar.domain.dial_out import known_country
from sidecar.domain.keeping import RETENTION_DAYS_MOST, Keeping
from sidecar.domain.patterns.syntax import PatternRefused
from sidecar.domain.redaction.rules import Rules
from sidecar.server.app_keys import KEEPING
from sidecar.server.audit import audit
from sidecar.server.auth.caller import CALLER
from sidecar.server.problems import RequestRefused

log = structlog.get_logger()

# Text to try rules on.
TRIAL_MAX_CHARS = 1_000
DAYS_WRONG = f"Days are a number up to {RETENTION_DAYS_MOST}; 0 keeps calls for ever."


def holding(request: web.Request) -> Keeping:
    """What holds for the caller's tenant now."""
    return request.app[KEEPING].of(request[CALLER].tenant)


def accepted(request: web.Request, keeping: Keeping) -> Rules:
    """The rules that it makes. Raises RequestRefused (redaction_invalid, pattern_invalid), which says what is wrong."""
    if not known_country(keeping.policy.region):
        raise _refused("redaction_invalid", "The country is two letters, such as US or DE.", "#/region")
    if not 0 <= keeping.retention_days <= RETENTION_DAYS_MOST:
        raise _refused("redaction_invalid", DAYS_WRONG, "#/retention_days")
    try:
        return request.app[KEEPING].rules_for(keeping.policy)
    except PatternRefused as error:
        raise _refused(error.code, error.message, "#/patterns") from error


def tried(rules: Rules, text: str) -> tuple[str, list[str]]:
    """What is left of a text, and the labels of what was found in it."""
    findings = rules.findings(text)
    return rules.masked(text, findings), list(dict.fromkeys(finding.label for finding in findings))


async def decide(request: web.Request, keeping: Keeping) -> None:
    """From now on. Raises RequestRefused, StoreUnavailable; then it is as it was."""
    accepted(request, keeping)
    before = holding(request)
    await request.app[KEEPING].decide(request[CALLER].tenant, keeping)
    log.info("redaction_changed", kinds=len(keeping.policy.kinds), patterns=len(keeping.policy.patterns))
    await audit(request, "redaction.changed", "redaction", before=_details(before), after=_details(keeping))


def _details(keeping: Keeping) -> Details:
    return {
        "kinds": ",".join(sorted(keeping.policy.kinds)),
        "region": keeping.policy.region,
        "patterns": len(keeping.policy.patterns),
        "retention_days": keeping.retention_days,
    }


def _refused(code: str, message: str, pointer: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.UNPROCESSABLE_ENTITY, code, message, pointer=pointer)
