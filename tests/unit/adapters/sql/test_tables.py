"""Column types that make both databases behave alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import dialect

from sidecar.adapters.sql.tables import PlainText, UtcDateTime

SQLITE = dialect()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_ordinary_text_is_kept(text: str) -> None:
    assert PlainText().process_bind_param(text, SQLITE) == text


@given(st.text() | st.text("a\0\ud800\udfff"))
def test_any_text_becomes_one_that_every_database_takes(text: str) -> None:
    taken = PlainText().process_bind_param(text, SQLITE)
    assert taken is not None
    assert "\0" not in taken
    assert taken.encode().decode() == taken


@given(microseconds=st.integers(0, 4 * 10**15), minutes=st.integers(-14 * 60, 14 * 60))
def test_a_moment_comes_back_in_utc_whatever_zone_it_was_written_in(microseconds: int, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    moment = datetime(1990, 1, 2, tzinfo=zone) + timedelta(microseconds=microseconds)
    bound = UtcDateTime().process_bind_param(moment, SQLITE)
    assert bound is not None
    # SQLite forgets the zone.
    for stored in (bound, bound.replace(tzinfo=None)):
        read = UtcDateTime().process_result_value(stored, SQLITE)
        assert read == moment
        assert read is not None
        assert read.tzinfo is UTC


def test_nothing_stays_nothing() -> None:
    assert PlainText().process_bind_param(None, SQLITE) is None
    assert UtcDateTime().process_bind_param(None, SQLITE) is None
    assert UtcDateTime().process_result_value(None, SQLITE) is None
