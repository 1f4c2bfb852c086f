"""Who hears whom, measured: each speaker is a tone of a frequency of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pytest

from sidecar.emulator.frames import FRAME_BYTES, SAMPLE_RATE_HZ
from sidecar.emulator.sound.mixer import LISTENER, mix
from sidecar.emulator.sound.track import SILENT_FRAME
from sidecar.emulator.state import Conference, ConferenceStatus, Participant
from sidecar.speech import g711

NOW = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
# Whole periods in 20 ms, so that each tone is one line of the spectrum.
TONES_HZ = {"ann": 400, "ben": 1000, "cleo": 1700, "coach": 2500}
TICKS = 5


def tone(hz: float, amplitude: float = 6000.0) -> bytes:
    """One tick of a tone; it begins and ends at zero, so that ticks join."""
    return g711.encode((amplitude * np.sin(2 * np.pi * hz * np.arange(FRAME_BYTES) / SAMPLE_RATE_HZ)).astype(np.int16))


def room(*people: Participant, status: ConferenceStatus = ConferenceStatus.IN_PROGRESS) -> Conference:
    return Conference(
        sid="CF1", room="r", status=status, callback=None, created_at=NOW, updated_at=NOW,
        participants={person.call_sid: person for person in people},
    )  # fmt: skip


def person(
    sid: str, *, muted: bool = False, hold: bool = False, coaching: bool = False, coaches: str | None = None
) -> Participant:
    return Participant(
        call_sid=sid, label=sid, muted=muted, hold=hold, coaching=coaching or coaches is not None,
        call_sid_to_coach=coaches, start_on_enter=True, end_on_exit=False, joined_at=NOW, updated_at=NOW,
    )  # fmt: skip


def voices_in(audio: bytes) -> set[str]:
    """Whose tones stand out of the spectrum: 60 dB below full scale and more is quantisation."""
    spectrum = np.abs(np.fft.rfft(g711.decode(audio))) / (len(audio) / 2)
    at = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE_HZ)
    return {name for name, hz in TONES_HZ.items() if spectrum[np.argmin(np.abs(at - hz))] > 600}


def heard(conference: Conference, hearers: Iterable[str], amplitude: float = 6000.0) -> dict[str, bytes]:
    """Everybody in the room speaks for some ticks; what each hearer gets, joined."""
    said = {sid: tone(TONES_HZ[sid], amplitude) for sid in conference.participants}
    ticks = [mix(conference, said, hearers, tick) for tick in range(TICKS)]
    return {hearer: b"".join(frames[hearer] for frames in ticks) for hearer in hearers}


def test_everybody_hears_all_others_and_not_themselves() -> None:
    """The mix minus one's own voice; who listens in hears all."""
    people = ["ann", "ben", "cleo"]
    audio = heard(room(*map(person, people)), [*people, LISTENER])
    assert {who: voices_in(sound) for who, sound in audio.items()} == {
        "ann": {"ben", "cleo"}, "ben": {"ann", "cleo"}, "cleo": {"ann", "ben"}, LISTENER: {"ann", "ben", "cleo"},
    }  # fmt: skip


def test_one_voice_passes_as_it_was_said() -> None:
    """Byte for byte: nothing is lost by decoding, summing and encoding."""
    said = {"ann": tone(400)}
    assert mix(room(person("ann"), person("ben")), said, ["ben", "ann"], 1) == {"ben": said["ann"], "ann": SILENT_FRAME}


def test_who_is_muted_hears_and_is_not_heard() -> None:
    audio = heard(room(person("ann", muted=True), person("ben"), person("cleo")), ["ann", "ben", LISTENER])
    assert {who: voices_in(sound) for who, sound in audio.items()} == {
        "ann": {"ben", "cleo"}, "ben": {"cleo"}, LISTENER: {"ben", "cleo"},
    }  # fmt: skip


def test_who_is_held_neither_hears_nor_is_heard_but_gets_music() -> None:
    audio = heard(room(person("ann", hold=True), person("ben"), person("cleo")), ["ann", "ben", LISTENER])
    assert {who: voices_in(sound) for who, sound in audio.items()} == {
        "ann": set(), "ben": {"cleo"}, LISTENER: {"ben", "cleo"},
    }  # fmt: skip
    music = g711.decode(audio["ann"]).astype(np.float64)
    assert np.sqrt(np.mean(music**2)) > 50


def test_a_coach_hears_all_and_is_heard_by_the_one_who_is_coached() -> None:
    conference = room(person("ann"), person("ben"), person("coach", coaches="ann"))
    audio = heard(conference, ["ann", "ben", "coach", LISTENER])
    assert {who: voices_in(sound) for who, sound in audio.items()} == {
        "ann": {"ben", "coach"}, "ben": {"ann"}, "coach": {"ann", "ben"}, LISTENER: {"ann", "ben"},
    }  # fmt: skip


@pytest.mark.parametrize("flag", ["muted", "hold"])
def test_a_coach_who_is_muted_or_held_is_heard_by_nobody(flag: str) -> None:
    coach = person("coach", coaches="ann", muted=flag == "muted", hold=flag == "hold")
    assert voices_in(heard(room(person("ann"), person("ben"), coach), ["ann"])["ann"]) == {"ben"}


def test_loud_voices_are_clipped_and_never_wrap_around() -> None:
    """Three at full scale: the sum stays at the limit, on the right side of zero."""
    said = dict.fromkeys(["ann", "ben", "cleo"], tone(400, amplitude=32000.0))
    mixed = g711.decode(mix(room(*map(person, said)), said, [LISTENER], 1)[LISTENER]).astype(np.int32)
    alone = g711.decode(said["ann"]).astype(np.int32)
    assert np.abs(mixed).max() >= 32000
    assert ((mixed >= 0) == (alone >= 0)).all()


def test_before_the_conference_starts_callers_hear_music_and_nobody_is_heard() -> None:
    audio = heard(room(person("ann"), person("ben"), status=ConferenceStatus.INIT), ["ann", LISTENER])
    assert (voices_in(audio["ann"]), audio[LISTENER]) == (set(), SILENT_FRAME * TICKS)
    assert audio["ann"] != SILENT_FRAME * TICKS


def test_silence_is_told_as_silence_and_costs_no_decoding() -> None:
    """The very object, so that nobody has to look at 160 bytes to see that they say nothing."""
    conference = room(person("ann"), person("ben"))
    heard_now = mix(conference, {"ann": SILENT_FRAME}, ["ann", "ben", "gone", LISTENER], 1)
    assert all(frame is SILENT_FRAME for frame in heard_now.values())
    assert set(heard_now) == {"ann", "ben", "gone", LISTENER}
