"""Who may have which of the assistant's tools used. Pure; the model's wish alone counts for nothing here.

A model does what it reads, and on a call everybody can say something for it to read. So whether a tool is used is
decided by facts that nobody else on the call can talk away: who asked for this turn, what that one said in his own
words, and how often a tool was used already.
"""

from __future__ import annotations

import re

import msgspec

from sidecar.domain.assistant.floor_orders import Why
from sidecar.domain.assistant.phrases import words_of
from sidecar.domain.assistant.tools import LeaveCall, Notify, Search, ToolRefused, ToolWish, read_wish
from sidecar.domain.conference.values import Role

# A turn in which the model asks for more than this goes in circles.
CALLS_PER_TURN = 4
SEARCHES_PER_CALL = 200
NOTICES_PER_CALL = 5


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Whose turn it is, from the floor's ``Answer``. ``role``: None for somebody at panel or API, who has signed in.

    ``words``: what that one said or wrote to ask for it, and nothing else of the call.
    """

    why: Why
    role: Role | None
    words: str


# What somebody says who wants these; the model may not want them for him. "When does the bus leave?" is no such wish.
_WANTS_IT_TO_LEAVE = re.compile(
    r"(?:^(?:\w+ ){0,2}|\b(?:please|now|can|could|may|should|you to|time to|and|then) )"
    r"(?P<leave>leave|hang up|drop off|go away|log off|sign off|go now)\b"
    r"|\b(?P<bye>goodbye|good bye|bye|dismissed|you (?:can|may) go|thats all|that is all|(?:no longer|dont) need you)\b"
)
_WANTS_A_SUPERVISOR = re.compile(
    r"\b(?P<call>get|call|notify|alert|tell|inform|ask|bring|fetch|page|need|want|involve|message|ping) (?:\w+ ){0,4}"
    r"(?:supervisors?|managers?|team ?leads?|boss|help)\b"
    r"|\b(?P<escalate>escalate)\b"
)
_NOT = re.compile(r"\b(?:dont|do not|never|not|no need to) (?:\w+ ){0,2}$")


class ToolPolicy:
    """Of one assistant on one call: it counts. Told when a turn begins, asked for each call of a tool."""

    def __init__(self) -> None:
        self._asker: Asker | None = None
        self._in_turn = 0
        self._notified_in_turn = False
        self._searches = 0
        self._notices = 0

    def begin_turn(self, asker: Asker) -> None:
        """A turn begins."""
        self._asker = asker
        self._in_turn = 0
        self._notified_in_turn = False

    def judge(self, name: str, arguments: str) -> ToolWish:
        """The wish, if it may be done. Raises ToolRefused. ``arguments``: as the model wrote them."""
        self._in_turn += 1
        if self._in_turn > CALLS_PER_TURN:
            raise _limit_reached(f"{CALLS_PER_TURN} calls of tools in one turn")
        wish = read_wish(name, arguments)
        asker = self._asker
        if asker is None:
            raise ToolRefused("Nobody has asked for anything.", next_step="Go on without it.")
        if isinstance(wish, Search):
            return self._search(wish)
        if asker.why is Why.ALWAYS:
            raise _not_asked_for(name)
        if asker.role not in (None, Role.AGENT, Role.SUPERVISOR):
            raise ToolRefused(
                f"Whoever asked this may not have {name} used.",
                code="tool_asker_may_not",
                next_step="Go on without it. The agent may ask for it.",
            )
        wanted = _WANTS_IT_TO_LEAVE if isinstance(wish, LeaveCall) else _WANTS_A_SUPERVISOR
        if not _asks_for(wanted, asker.words):
            raise _not_asked_for(name)
        return self._notify(wish) if isinstance(wish, Notify) else wish

    def _search(self, wish: Search) -> Search:
        if self._searches >= SEARCHES_PER_CALL:
            raise _limit_reached(f"{SEARCHES_PER_CALL} searches on one call")
        self._searches += 1
        return wish

    def _notify(self, wish: Notify) -> Notify:
        if self._notified_in_turn or self._notices >= NOTICES_PER_CALL:
            raise _limit_reached(f"one notice in a turn and {NOTICES_PER_CALL} on one call")
        self._notified_in_turn = True
        self._notices += 1
        return wish


def _asks_for(wanted: re.Pattern[str], words: str) -> bool:
    bare = " ".join(words_of(words))
    return any(not _NOT.search(bare[: found.start(str(found.lastgroup))]) for found in wanted.finditer(bare))


def _limit_reached(limit: str) -> ToolRefused:
    return ToolRefused(
        f"The limit is reached: {limit}.", code="tool_limit_reached", next_step="Answer with what you know."
    )


def _not_asked_for(name: str) -> ToolRefused:
    return ToolRefused(
        f"In this turn nobody asked for {name}.", next_step="Go on without it, and answer what was asked."
    )
