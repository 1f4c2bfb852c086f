"""``/settings/redaction``: what is hidden of what is said, for how long calls are kept, and a box to try it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from sidecar.domain.keeping import RETENTION_DAYS_MOST, Keeping
from sidecar.domain.redaction.own_patterns import PATTERNS_MOST, OwnPattern
from sidecar.domain.redaction.rules import LABELS, Kind, Policy
from sidecar.server.acts import redaction as acts
from sidecar.server.acts.redaction import TRIAL_MAX_CHARS
from sidecar.server.forms import Form, form_of, go_on
from sidecar.server.pages.settings.frame import respond_settings
from sidecar.server.problems import RequestRefused

PATH = "/settings/redaction"
DAYS_DIGITS_MOST = 9
# What each switch means to whoever sets it.
MEANINGS: dict[Kind, str] = {
    Kind.CARD: "payment cards, and the code on their back",
    Kind.SSN: "numbers like a US social security number",
    Kind.EMAIL: "email addresses",
    Kind.PHONE: "telephone numbers",
}


class NotUnderstood(ValueError):
    """A field of the form cannot be read; the message says which, and what to do."""


@dataclass(frozen=True, kw_only=True)
class RedactionPage:
    """All that ``settings/redaction.html`` may use. ``trial``: a text to try it on; ``tried``: what is left of it."""

    switches: Sequence[tuple[Kind, str, str]]
    chosen: frozenset[str]
    region: str
    patterns: str
    retention_days: str
    patterns_most: int = PATTERNS_MOST
    days_most: int = RETENTION_DAYS_MOST
    trial_most: int = TRIAL_MAX_CHARS
    trial: str = ""
    tried: str | None = None
    found: str = ""
    said: str = ""
    error: str = ""


async def show(request: web.Request) -> web.Response:
    """``GET``: as it holds now."""
    keeping = acts.holding(request)
    policy = keeping.policy
    page = RedactionPage(
        switches=_switches(),
        chosen=policy.kinds,
        region=policy.region,
        patterns="\n".join(f"{own.label} = {own.pattern}" for own in policy.patterns),
        retention_days=str(keeping.retention_days),
        said="Saved. It holds for what is said from now on." if "saved" in request.query else "",
    )
    return _respond(request, page)


async def change(request: web.Request) -> web.Response:
    """``POST``: saved, or with the button beside the text tried on that and not saved."""
    form = await form_of(request)
    trial = form.get("trial", "")[:TRIAL_MAX_CHARS]
    try:
        keeping = _keeping(form)
        rules = acts.accepted(request, keeping)
    except NotUnderstood as error:
        return _respond(request, _again(form, error=str(error)), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except RequestRefused as error:
        return _respond(request, _again(form, error=error.message), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if form.get("do") == "try":
        left, found = acts.tried(rules, trial)
        return _respond(request, _again(form, tried=left, found=", ".join(found) or "nothing"))
    await acts.decide(request, keeping)
    return go_on(f"{PATH}?saved=1")


def _keeping(form: Form) -> Keeping:
    """What the form says. Raises NotUnderstood."""
    region, days = form.get("region", "").strip().upper(), form.get("retention_days", "").strip()
    if not days.isascii() or not days.isdigit() or len(days) > DAYS_DIGITS_MOST:
        raise NotUnderstood(acts.DAYS_WRONG)
    lines = [line for line in form.get("patterns", "").splitlines() if line.strip()]
    patterns = []
    for number, line in enumerate(lines, start=1):
        label, equals, pattern = line.partition("=")
        if not equals or not label.strip() or not pattern.strip():
            raise NotUnderstood(
                rf"Line {number} of your patterns is no “name = pattern”, such as order number = SO-\d+."
            )
        patterns.append(OwnPattern(label.strip(), pattern.strip()))
    kinds = frozenset(Kind(kind) for kind in form.all("kind") if kind in MEANINGS)
    return Keeping(policy=Policy(kinds=kinds, region=region, patterns=tuple(patterns)), retention_days=int(days))


def _again(form: Form, *, tried: str | None = None, found: str = "", error: str = "") -> RedactionPage:
    return RedactionPage(
        switches=_switches(),
        chosen=frozenset(form.all("kind")),
        region=form.get("region", ""),
        patterns=form.get("patterns", ""),
        retention_days=form.get("retention_days", ""),
        trial=form.get("trial", "")[:TRIAL_MAX_CHARS],
        tried=tried,
        found=found,
        error=error,
    )


def _switches() -> Sequence[tuple[Kind, str, str]]:
    return [(kind, meaning, f"[{LABELS[kind]}]") for kind, meaning in MEANINGS.items()]


def _respond(request: web.Request, page: RedactionPage, *, status: int = HTTPStatus.OK) -> web.Response:
    response = respond_settings(request, "settings/redaction.html", page, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
