"""What the pages of the alert rules show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.domain.alerts.rules import (
    TEMPLATES,
    AlertKind,
    AlertRule,
    AssistantFailure,
    Condition,
    Only,
    Overtalk,
    PatternOf,
    Phrases,
    RecogniserFailure,
    RuleDraft,
    Severity,
    Silence,
)
from sidecar.domain.alerts.watch import Occasion
from sidecar.domain.blocks import display_name
from sidecar.domain.conference.values import Conference, Participant, Role
from sidecar.ports.alerts import Fired
from sidecar.server.pages.rendering import counted, offset, room_name, span

KINDS = {
    AlertKind.PHRASE: "Phrases",
    AlertKind.PATTERN: "A pattern",
    AlertKind.SILENCE: "Silence",
    AlertKind.OVERTALK: "Talking over each other",
    AlertKind.RECOGNISER: "The recogniser fails",
    AlertKind.ASSISTANT: "The assistant fails",
}
# Of a rule that is yet to be written.
BLANK: dict[AlertKind, Condition] = {
    AlertKind.PHRASE: Phrases(phrases=[]),
    AlertKind.PATTERN: PatternOf(pattern=""),
    AlertKind.SILENCE: Silence(),
    AlertKind.OVERTALK: Overtalk(),
    AlertKind.RECOGNISER: RecogniserFailure(),
    AlertKind.ASSISTANT: AssistantFailure(),
}
SEVERITIES = (("notice", "Notice"), ("warning", "Warning"), ("critical", "Critical, interrupts a screen reader"))
_SAYINGS_SHOWN = 4
DONE = {
    "created": "The rule is made. It looks at what happens from now on.",
    "changed": "The rule is changed. It looks at what happens from now on.",
    "removed": "The rule is deleted. Its alerts stay.",
}


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """A row of the list. ``looks_for``, ``where``, ``lately``: in words."""

    id: str
    name: str
    looks_for: str
    where: str
    severity: str
    lately: str
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class RulesPage:
    """``settings/alerts.html``. ``templates``: name, what it is called, what it is for."""

    rules: list[RuleLine]
    templates: list[tuple[str, str, str]]
    kinds: list[tuple[str, str]]
    done: str


@dataclass(frozen=True, kw_only=True)
class RuleForm:
    """What somebody wrote, right or wrong. ``phrases``: one a line. ``error``: what is wrong with it, or ""."""

    kind: AlertKind
    kind_words: str
    name: str = ""
    severity: str = Severity.WARNING
    cooldown_s: str = "60"
    phrases: str = ""
    pattern: str = ""
    seconds: str = ""
    window_s: str = ""
    roles: tuple[tuple[str, bool], ...] = ()
    labels: str = ""
    rooms: str = ""
    enabled: bool = True
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a trial found: when, and what. ``href``: where to see it."""

    at: str
    says: str
    href: str


@dataclass(frozen=True, kw_only=True)
class RulePage:
    """``settings/alert_rule.html``. ``id`` "": a rule that is not made yet. ``calls``: to try it on, id and words.

    ``found`` None: nothing was tried.
    """

    id: str
    form: RuleForm
    enabled: bool
    severities: tuple[tuple[str, str], ...]
    calls: list[tuple[str, str]]
    tried: str
    found: list[Finding] | None
    done: str


def rules_page(rules: Sequence[AlertRule], fired: Mapping[str, Fired], *, done: str) -> RulesPage:
    """The list."""
    return RulesPage(
        rules=[_line(rule, fired.get(rule.id, Fired(0, 0))) for rule in rules],
        templates=[(one.name, one.rule.name, one.use) for one in TEMPLATES],
        kinds=[(kind.value, words) for kind, words in KINDS.items()],
        done=DONE.get(done, ""),
    )


def form_of_draft(draft: RuleDraft | AlertRule) -> RuleForm:
    """The form with a rule in it."""
    when, kind = draft.when, AlertKind(str(draft.when.__struct_config__.tag))
    return RuleForm(
        kind=kind,
        kind_words=KINDS[kind],
        name=draft.name,
        severity=draft.severity,
        cooldown_s=str(draft.cooldown_s),
        phrases="\n".join(when.phrases) if isinstance(when, Phrases) else "",
        pattern=when.pattern if isinstance(when, PatternOf) else "",
        seconds=str(getattr(when, "seconds", "")),
        window_s=str(getattr(when, "window_s", "")),
        roles=role_choices(draft.only.roles),
        labels=", ".join(draft.only.labels),
        rooms=", ".join(draft.only.rooms),
        enabled=draft.enabled,
    )


def role_choices(ticked: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """All roles, and whether they are ticked."""
    return tuple((role.value, role.value in ticked) for role in Role)


def call_words(conference: Conference) -> str:
    """How a call is named in a list of calls."""
    return f"{room_name(conference.id, conference.room)}, {conference.clock_zero:%d %b %H:%M} UTC"


def finding(occasion: Occasion, conference: Conference, people: Sequence[Participant]) -> Finding:
    """What was found, in words."""
    names = {one.id: display_name(one.name, one.label) for one in people}
    href = f"/conferences/{conference.id}"
    return Finding(
        at=offset(occasion.at_ms),
        says=_says(occasion, names.get(occasion.participant or "", "")),
        href=f"{href}#u-{occasion.utterance}" if occasion.utterance else href,
    )


def _says(occasion: Occasion, name: str) -> str:
    measured = span(occasion.measured_ms or 0)
    match occasion.rule.kind:
        case AlertKind.PHRASE | AlertKind.PATTERN:
            return f"{name}: “{occasion.quote}”"
        case AlertKind.SILENCE:
            return f"Nobody spoke for {measured}"
        case AlertKind.OVERTALK:
            return f"{measured} of speaking over each other"
        case AlertKind.RECOGNISER:
            return f"{measured} of {name} is lost"
        case AlertKind.ASSISTANT:
            return occasion.detail


def _line(rule: AlertRule, fired: Fired) -> RuleLine:
    lately = (
        f"{counted(fired.raised, 'alert', 'alerts')}, {fired.acknowledged} acknowledged" if fired.raised else "none"
    )
    return RuleLine(
        id=rule.id,
        name=rule.name,
        looks_for=_looks_for(rule.when),
        where=_where(rule.only),
        severity=rule.severity,
        lately=lately,
        enabled=rule.enabled,
    )


def _looks_for(when: Condition) -> str:
    match when:
        case Phrases(phrases=phrases):
            more = len(phrases) - _SAYINGS_SHOWN
            return ", ".join(phrases[:_SAYINGS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        case PatternOf(pattern=pattern):
            return pattern
        case Silence(seconds=seconds):
            return f"nobody speaks for {span(seconds * 1000)}"
        case Overtalk(seconds=seconds, window_s=window_s):
            return f"{span(seconds * 1000)} of speaking over each other within {span(window_s * 1000)}"
        case RecogniserFailure(seconds=seconds):
            return f"somebody is not transcribed for {span(seconds * 1000)}, or speech is lost"
        case AssistantFailure():
            return "the assistant does not come, or cannot stay"


def _where(only: Only) -> str:
    return "; ".join(", ".join(names) for names in (only.roles, only.labels, only.rooms) if names) or "all calls"
