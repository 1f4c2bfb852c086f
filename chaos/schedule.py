"""What happens to a call, and when: all of it follows from a seed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

# Nothing happens before everybody has been heard for a moment.
CALM_S = 3.0


class Blow(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: a name of ``chaos.blows``. ``who``: the participant, counted from 0. ``seconds``: how long it lasts."""

    at_s: float
    kind: str
    who: int = 0
    seconds: float = 0.0


class Plan(msgspec.Struct, frozen=True):
    """One call: so many people talk all the time, for so long. ``jitter_ms``: of the recogniser's times."""

    suite: str
    seed: int
    participants: int
    seconds: float
    jitter_ms: int
    blows: tuple[Blow, ...]


def drops(seed: int, *, participants: int = 24, seconds: float = 100.0, jitter_ms: int = 150) -> Plan:
    """Each participant's recogniser connection is lost again and again, in the middle of words and between them."""
    random = Random(seed)
    blows: list[Blow] = []
    for who in range(participants):
        at_s = CALM_S + random.uniform(0, 6)
        while at_s < seconds - 3:
            kind = random.choices(["drop", "close_1011", "silent"], weights=[60, 38, 2])[0]
            blows.append(Blow(at_s=round(at_s, 2), kind=kind, who=who))
            # One that says nothing more is noticed after 8 s, and only then can it be lost again.
            at_s += random.uniform(4, 10) + (12 if kind == "silent" else 0)
    return Plan("drops", seed, participants, seconds, jitter_ms, tuple(sorted(blows, key=lambda blow: blow.at_s)))


def kills(seed: int, *, participants: int = 20, deaths: int = 14, seconds: float = 110.0, jitter_ms: int = 150) -> Plan:
    """The service dies without a word, at any moment, also while it is still coming back.

    One death waits until the one before it is over and the new process has lived for ``seconds``; there are none when
    nobody speaks any more.
    """
    random = Random(seed)
    blows: list[Blow] = []
    for n in range(deaths):
        lived_s = random.choices([random.uniform(5, 9), random.uniform(0, 3)], weights=[4, 1])[0]
        blows.append(Blow(at_s=CALM_S + n * 0.01, kind="kill", seconds=round(lived_s, 2)))
    return Plan("kills", seed, participants, seconds, jitter_ms, tuple(blows))


# How often each kind comes among all others, and how long it lasts.
MIXED: dict[str, tuple[int, tuple[float, float]]] = {
    "drop": (6, (0, 0)),
    "close_1011": (4, (0, 0)),
    "silent": (1, (0, 0)),
    "refuse_429": (2, (0, 0)),
    "refuse_401": (1, (0, 0)),
    "slow_handshake": (1, (0, 0)),
    "cut": (5, (0, 3)),
    "stall": (3, (0.5, 5)),
    "half_open": (2, (1, 4)),
    "lost_frames": (2, (0.1, 2)),
    "doubled_frames": (2, (0, 0)),
    "second_socket": (1, (1, 3)),
    "rest_503": (2, (0, 0)),
    "rest_429": (1, (0, 0)),
    "rest_hangs": (1, (1, 4)),
    "callbacks_twice": (2, (0, 0)),
    "callbacks_late": (2, (0.5, 3)),
    "callbacks_turned": (2, (0, 0)),
    "forged_requests": (1, (0, 0)),
    "forged_sockets": (1, (0, 0)),
    "mute_storm": (2, (0, 0)),
    "kill": (2, (0, 0)),
    "freeze": (2, (5, 5)),
    "lock": (2, (5, 5)),
}


def mixed(seed: int, *, participants: int = 8, seconds: float = 60.0, jitter_ms: int = 150) -> Plan:
    """Everything, in any order and at the same time."""
    random = Random(seed)
    kinds, weights = list(MIXED), [weight for weight, _ in MIXED.values()]
    blows: list[Blow] = []
    at_s = CALM_S
    while at_s < seconds - 3:
        kind = random.choices(kinds, weights=weights)[0]
        lasts = round(random.uniform(*MIXED[kind][1]), 1)
        blows.append(Blow(at_s=round(at_s, 2), kind=kind, who=random.randrange(participants), seconds=lasts))
        at_s += random.uniform(0.3, 4)
    return Plan("mixed", seed, participants, seconds, jitter_ms, tuple(blows))


SUITES: dict[str, Callable[..., Plan]] = {"drops": drops, "kills": kills, "mixed": mixed}
