"""Alert rules as values: what to look for, in which calls, how loudly to say so. Nobody has any to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from sidecar.domain.conference.values import Role
from sidecar.domain.errors import SidecarError
from sidecar.domain.patterns.matching import SearchPattern, Work
from sidecar.domain.patterns.phrases import PhraseRefused, parse_phrase
from sidecar.domain.patterns.syntax import PatternRefused

NAME_MAX_CHARS = 80
NOTE_MAX_CHARS = 500
PHRASES_MOST = 200
FILTERS_MOST = 50
FILTER_MAX_CHARS = 128
# Rules of one tenant; patterns are looked for one by one, so there are fewer of them.
RULES_MOST = 1_000
PATTERNS_MOST = 100
# To look at an empty text takes no more steps than any pattern has.
EMPTY_STEPS = 10_000
COOLDOWN_MOST_S = 24 * 3600
SILENCE_S = (5, 3600)
OVERTALK_S = (1, 300)
WINDOW_S = (5, 600)
FAILURE_S = (3, 600)


class AlertKind(StrEnum):
    """What a rule looks at."""

    PHRASE = "phrase"
    PATTERN = "pattern"
    SILENCE = "silence"
    OVERTALK = "overtalk"
    RECOGNISER = "recogniser"
    ASSISTANT = "assistant"


class Severity(StrEnum):
    """How loudly an alert is told. A screen reader is interrupted by critical ones only."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


# The higher, the louder.
LOUDNESS = {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class _Condition(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """Base of what a rule looks for."""


class Phrases(_Condition, frozen=True, kw_only=True, tag="phrase"):
    """Somebody says one of these; ``domain.patterns.phrases`` has what a phrase may be."""

    phrases: list[str]


class PatternOf(_Condition, frozen=True, kw_only=True, tag="pattern"):
    """What somebody says has a match of this regular expression, as ``domain.patterns.syntax`` reads it."""

    pattern: str


class Silence(_Condition, frozen=True, kw_only=True, tag="silence"):
    """Nobody has spoken for so long, while the call goes on, is neither on hold nor paused, and everybody is heard."""

    seconds: int = 30


class Overtalk(_Condition, frozen=True, kw_only=True, tag="overtalk"):
    """Within ``window_s`` people spoke at the same time for so long. The assistant does not count."""

    seconds: int = 5
    window_s: int = 30


class RecogniserFailure(_Condition, frozen=True, kw_only=True, tag="recogniser"):
    """Nobody has transcribed a participant for so long, or some of their speech is lost."""

    seconds: int = 10


class AssistantFailure(_Condition, frozen=True, kw_only=True, tag="assistant"):
    """The assistant did not come, or could not stay."""


Condition = Phrases | PatternOf | Silence | Overtalk | RecogniserFailure | AssistantFailure


class Only(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a rule holds; an empty list sets no bounds. Labels and rooms may end in ``*``: all that begin so."""

    roles: list[Role] = msgspec.field(default_factory=list)
    labels: list[str] = msgspec.field(default_factory=list)
    rooms: list[str] = msgspec.field(default_factory=list)

    def room(self, name: str) -> bool:
        """Whether conferences in that room are meant."""
        return not self.rooms or any(_like(name, wanted) for wanted in self.rooms)

    def participant(self, role: Role, label: str) -> bool:
        """Whether a participant of that role and label is meant."""
        if self.roles and role not in self.roles:
            return False
        return not self.labels or any(_like(label, wanted) for wanted in self.labels)


class RuleDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as somebody writes it down. ``when``: what it looks for. ``cooldown_s``: after an alert it keeps still for
    so long in that call."""

    name: str
    when: Condition
    severity: Severity = Severity.WARNING
    cooldown_s: int = 60
    only: Only = Only()
    enabled: bool = True


class AlertRule(RuleDraft, frozen=True, kw_only=True):
    """One rule. ``updated_at``: it looks at what happens from then on."""

    id: str
    tenant: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(
        cls, draft: RuleDraft, *, rule_id: str, tenant: str, created_at: datetime, updated_at: datetime
    ) -> AlertRule:
        """What was written down, as a rule."""
        return cls(
            **{name: getattr(draft, name) for name in RuleDraft.__struct_fields__},
            id=rule_id,
            tenant=tenant,
            created_at=created_at,
            updated_at=updated_at,
        )

    @property
    def draft(self) -> RuleDraft:
        """As it was written down."""
        return RuleDraft(**{name: getattr(self, name) for name in RuleDraft.__struct_fields__})

    @property
    def kind(self) -> AlertKind:
        """What it looks at."""
        return AlertKind(str(self.when.__struct_config__.tag))


class RuleRefused(SidecarError):
    """A rule that cannot be, or one too many. ``code``: alert_rule_invalid, phrase_invalid, pattern_invalid,
    alert_rules_full."""

    code = "alert_rule_invalid"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A rule to begin with, and what it is for."""

    name: str
    use: str
    rule: RuleDraft


TEMPLATES: tuple[Template, ...] = (
    Template(
        name="cancel_or_complaint",
        use="The customer wants to leave, complains, or asks for somebody in charge.",
        rule=RuleDraft(
            name="Cancel or complaint",
            when=Phrases(
                phrases=[
                    "cancel", "cancellation", "close ... account", "complain", "complaint", "refund", "money back",
                    "speak to ... manager", "speak to ... supervisor", "not acceptable", "unacceptable", "lawyer",
                ]
            ),
            only=Only(roles=[Role.CUSTOMER]),
        ),
    ),
    Template(
        name="long_silence",
        use="Nobody says anything for half a minute, and nobody is on hold.",
        rule=RuleDraft(name="Long silence", when=Silence(seconds=30), severity=Severity.NOTICE, cooldown_s=120),
    ),
    Template(
        name="both_talk_at_once",
        use="People talk over each other for six of thirty seconds.",
        rule=RuleDraft(name="Both talk at once", when=Overtalk(seconds=6, window_s=30), cooldown_s=120),
    ),
)  # fmt: skip


def checked(draft: RuleDraft) -> RuleDraft:
    """The same, tidied. Raises RuleRefused, which says what is wrong with it."""
    name = draft.name.strip()
    if not 0 < len(name) <= NAME_MAX_CHARS or not name.isprintable():
        raise RuleRefused(f"name has 1 to {NAME_MAX_CHARS} printable characters.")
    _check_range("cooldown_s", draft.cooldown_s, (0, COOLDOWN_MOST_S))
    only = Only(
        roles=list(dict.fromkeys(draft.only.roles)),
        labels=_filters("only.labels", draft.only.labels),
        rooms=_filters("only.rooms", draft.only.rooms),
    )
    if (only.roles or only.labels) and not isinstance(draft.when, Phrases | PatternOf | RecogniserFailure):
        raise RuleRefused("only.roles and only.labels go with what one participant says, or with their recogniser.")
    when = _checked_condition(draft.when)
    return msgspec.structs.replace(draft, name=name, only=only, when=when)


def check_room(others: Sequence[AlertRule], new: RuleDraft) -> None:
    """Raises RuleRefused (alert_rules_full) when a tenant that has the others may not have this one, too."""
    if len(others) >= RULES_MOST:
        raise RuleRefused(f"There are {RULES_MOST} alert rules, and that is the limit.", code="alert_rules_full")
    if isinstance(new.when, PatternOf) and sum(isinstance(one.when, PatternOf) for one in others) >= PATTERNS_MOST:
        raise RuleRefused(
            f"There are {PATTERNS_MOST} rules with a pattern, and that is the limit.",
            next_step="Phrases have no such limit.",
            code="alert_rules_full",
        )


def _checked_condition(when: Condition) -> Condition:
    match when:
        case Phrases(phrases=phrases):
            kept = list(dict.fromkeys(" ".join(phrase.split()) for phrase in phrases if phrase.strip()))
            if not 0 < len(kept) <= PHRASES_MOST:
                raise RuleRefused(f"when.phrases has 1 to {PHRASES_MOST} phrases.")
            _check_phrases(kept)
            return Phrases(phrases=kept)
        case PatternOf(pattern=pattern):
            _check_pattern(pattern)
        case Silence(seconds=seconds):
            _check_range("when.seconds", seconds, SILENCE_S)
        case RecogniserFailure(seconds=seconds):
            _check_range("when.seconds", seconds, FAILURE_S)
        case Overtalk(seconds=seconds, window_s=window_s):
            _check_range("when.seconds", seconds, OVERTALK_S)
            _check_range("when.window_s", window_s, WINDOW_S)
            if seconds > window_s:
                raise RuleRefused("when.seconds is at most when.window_s.")
        case AssistantFailure():
            pass
    return when


def _check_phrases(phrases: Sequence[str]) -> None:
    try:
        for phrase in phrases:
            parse_phrase(phrase)
    except PhraseRefused as error:
        raise RuleRefused(error.message, code=error.code) from error


def _check_pattern(pattern: str) -> None:
    try:
        matches_nothing = SearchPattern(pattern).search("", Work(EMPTY_STEPS)) is not None
    except PatternRefused as error:
        raise RuleRefused(error.message, code=error.code) from error
    if matches_nothing:
        raise RuleRefused("The pattern matches the empty text, so it would match everything.", code="pattern_invalid")


def _check_range(name: str, value: int, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= value <= most:
        raise RuleRefused(f"{name} is {least} to {most}.")


def _filters(name: str, wanted: Sequence[str]) -> list[str]:
    kept = list(dict.fromkeys(one.strip() for one in wanted if one.strip()))
    if len(kept) > FILTERS_MOST or any(len(one) > FILTER_MAX_CHARS or not one.isprintable() for one in kept):
        raise RuleRefused(f"{name} has at most {FILTERS_MOST} names of at most {FILTER_MAX_CHARS} characters.")
    return kept


def _like(name: str, wanted: str) -> bool:
    name, wanted = name.casefold(), wanted.casefold()
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
