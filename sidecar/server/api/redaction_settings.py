"""``/v1/redaction``: what a tenant has hidden in its transcripts, and for how long it keeps calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from sidecar.domain.keeping import Keeping
from sidecar.domain.redaction.own_patterns import OwnPattern
from sidecar.domain.redaction.rules import Kind, Policy
from sidecar.server.acts import redaction as acts
from sidecar.server.api.bodies import body_of

# What can be switched; a tenant's own patterns are on by being there.
Switch = Literal["card", "ssn", "email", "phone"]


class PatternWish(msgspec.Struct, forbid_unknown_fields=True):
    """A regular expression, and what is shown in place of what it finds."""

    label: str
    pattern: str


class PolicyChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be otherwise. Left out: as it was."""

    kinds: list[Switch] | UnsetType = UNSET
    region: str | UnsetType = UNSET
    patterns: list[PatternWish] | UnsetType = UNSET


class Change(PolicyChange, forbid_unknown_fields=True):
    """The same with how many days after its end a conference is deleted; 0: never."""

    retention_days: int | UnsetType = UNSET


class Trial(PolicyChange, forbid_unknown_fields=True, kw_only=True):
    """A text, judged by what holds and what would be otherwise."""

    text: Annotated[str, msgspec.Meta(max_length=acts.TRIAL_MAX_CHARS)]


async def get_redaction(request: web.Request) -> web.Response:
    """``GET``: as it holds now; what the tenant has not decided is the installation's."""
    return _json(_shown(acts.holding(request)))


async def change_redaction(request: web.Request) -> web.Response:
    """``PATCH``: 200 with what holds from now on. 422 for what cannot be; then it is as it was."""
    change, holding = await body_of(request, Change), acts.holding(request)
    days = holding.retention_days if change.retention_days is UNSET else change.retention_days
    keeping = Keeping(policy=_changed(holding.policy, change), retention_days=days)
    await acts.decide(request, keeping)
    return _json(_shown(keeping))


async def try_redaction(request: web.Request) -> web.Response:
    """``POST …/test``: what would be left of a text. It is neither stored nor logged, and nothing changes."""
    trial, holding = await body_of(request, Trial), acts.holding(request)
    rules = acts.accepted(request, Keeping(policy=_changed(holding.policy, trial)))
    left, found = acts.tried(rules, trial.text)
    return _json({"text": left, "found": found})


def _changed(policy: Policy, change: PolicyChange) -> Policy:
    wanted: dict[str, Any] = {}
    if change.kinds is not UNSET:
        wanted["kinds"] = frozenset(Kind(kind) for kind in change.kinds)
    if change.region is not UNSET:
        wanted["region"] = change.region.upper()
    if change.patterns is not UNSET:
        wanted["patterns"] = tuple(OwnPattern(one.label, one.pattern) for one in change.patterns)
    return msgspec.structs.replace(policy, **wanted)


def _shown(keeping: Keeping) -> dict[str, Any]:
    policy = keeping.policy
    return {
        "kinds": sorted(policy.kinds),
        "region": policy.region,
        "patterns": policy.patterns,
        "retention_days": keeping.retention_days,
    }


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")
