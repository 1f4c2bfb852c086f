"""Regular expressions that are searched for in linear time: no pattern can make an utterance slow.

All ways through a pattern are followed at the same time, so a character costs at most as much as the pattern has
steps, whatever stands in it (https://swtch.com/~rsc/regexp/regexp1.html). What was found out about a set of ways is
remembered, so that an ordinary text costs a look-up per character.
"""

from __future__ import annotations

from sidecar.domain.errors import SidecarError
from sidecar.domain.patterns.phrases import Span
from sidecar.domain.patterns.syntax import Check, Done, Fork, Look, Program, Take, in_word, parse_pattern

# Steps of a program, its repeats written out.
PATTERN_STEPS_MOST = 500
# Of a longer text only the beginning is searched: an utterance is cut after 18 s of speech, some 400 characters.
TEXT_MAX_CHARS = 2_000
# Sets of ways that a pattern remembers. Full: it forgets all and begins anew, which costs time and nothing else.
MEMORY_MOST = 2_000

# What stands before a character: nothing, one that belongs to no word, one that does.
_NOTHING, _OTHER, _WORD = 0, 1, 2

_State = frozenset[int]
_BEGIN: _State = frozenset((0,))


class PatternTooCostly(SidecarError):
    """The work that was allowed for an utterance is used up."""

    code = "pattern_too_costly"


class Work:
    """What may be done for one utterance, in steps of programs, over all patterns that look at it."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises PatternTooCostly when there is none left."""
        self.left -= steps
        if self.left < 0:
            raise PatternTooCostly("The patterns need more work than one utterance may cost.")


class SearchPattern:
    """A pattern, ready to be searched for. Finds the leftmost match, and of those the longest."""

    def __init__(self, pattern: str) -> None:
        """Raises PatternRefused."""
        self._program: Program = parse_pattern(pattern, steps_most=PATTERN_STEPS_MOST)
        # By the ways that are open, what stands before a character, and the character ("" at the end): the ways that
        # are open behind it, or None for a match that is complete before it.
        self._memory: dict[tuple[_State, int, str], _State | None] = {}

    def search(self, text: str, work: Work) -> Span | None:
        """Where the pattern is in the text. Raises PatternTooCostly."""
        text = text[:TEXT_MAX_CHARS]
        return self._locate(text, work) if self._is_in(text, work) else None

    def _is_in(self, text: str, work: Work) -> bool:
        work.spend(len(text) // 8)
        state, before, memory = _BEGIN, _NOTHING, self._memory
        for char in (*text, ""):
            key = (state, before, char)
            following = memory[key] if key in memory else self._remember(key, work)
            if following is None:
                return True
            state, before = following, _kind(char)
        return False

    def _remember(self, key: tuple[_State, int, str], work: Work) -> _State | None:
        state, before, char = key
        reached = self._reach(list(state), set(), (before, char), work)
        following: _State | None = None
        if not any(isinstance(self._program[step], Done) for step in reached):
            work.spend(len(reached))
            # A match may begin behind this character, too.
            following = frozenset({step + 1 for step in reached if self._takes(step, char)} | _BEGIN)
        if len(self._memory) >= MEMORY_MOST:
            self._memory.clear()
        self._memory[key] = following
        return following

    def _reach(self, begin: list[int], seen: set[int], here: tuple[int, str], work: Work) -> list[int]:
        """The steps that take a character or end a match, in reach of these without taking any; each once."""
        reached: list[int] = []
        while begin:
            at = begin.pop()
            if at in seen:
                continue
            seen.add(at)
            match self._program[at]:
                case Fork(ways=ways):
                    begin.extend(ways)
                case Check(look=look):
                    if _holds(look, *here):
                        begin.append(at + 1)
                case Take() | Done():
                    reached.append(at)
        work.spend(len(seen))
        return reached

    def _takes(self, step: int, char: str) -> bool:
        found = self._program[step]
        return isinstance(found, Take) and found.chars.has(char)

    def _locate(self, text: str, work: Work) -> Span | None:
        """Every way remembers where it began; of two at the same step the one that began earlier goes on."""
        ways: dict[int, int] = {}
        best: Span | None = None
        for at in range(len(text) + 1):
            if best is None:
                ways.setdefault(0, at)
            here = _kind(text[at - 1]) if at else _NOTHING, text[at : at + 1]
            seen, takes = set[int](), dict[int, int]()
            for step, began in sorted(ways.items(), key=lambda way: way[1]):
                if best is not None and began > best.start:
                    break
                for reached in self._reach([step], seen, here, work):
                    if not isinstance(self._program[reached], Done):
                        takes[reached] = began
                    elif best is None or began <= best.start:
                        best = Span(began, at)
            if at == len(text) or (best is not None and not takes):
                break
            work.spend(len(takes))
            ways = {}
            for step, began in takes.items():
                if self._takes(step, text[at]):
                    ways[step + 1] = min(began, ways.get(step + 1, began))
        return best


def _kind(char: str) -> int:
    return _WORD if in_word(char) else _OTHER


def _holds(look: Look, before: int, char: str) -> bool:
    match look:
        case Look.START:
            return before == _NOTHING
        case Look.END:
            return char == ""
        case Look.EDGE | Look.NO_EDGE:
            edge = (before == _WORD) is not (_kind(char) == _WORD)
            return edge is (look is Look.EDGE)
