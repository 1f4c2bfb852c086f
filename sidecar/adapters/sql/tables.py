"""The tables, the same on SQLite and PostgreSQL. A change here needs a migration; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

from sidecar.adapters.sql.search.folded import FoldedText, called_words, label_words, room_words


class PlainText(TypeDecorator[str]):
    """Text that every database takes: PostgreSQL refuses NUL, and no driver encodes half a surrogate pair.

    Names come from telephone networks and must not make a call fail, so such characters are dropped.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC to the microsecond. SQLite keeps no time zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row: the random word of this database's life.
meta = Table("meta", metadata, Column("epoch", PlainText, primary_key=True))

conferences = Table(
    "conferences",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    Column("room", PlainText, nullable=False),
    Column("sid", PlainText, index=True),
    Column("state", PlainText, nullable=False),
    Column("clock_zero", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    # The seq of its newest event: the only source of seq numbers, raised in the transaction that stores the events.
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("completed_at", UtcDateTime),
    # Since when it is being deleted: nobody finds it any more.
    Column("erasing_at", UtcDateTime),
    # The newest pause of transcription, on the conference's clock; one that lasts has no end.
    Column("paused_ms", BigInteger),
    Column("resumed_ms", BigInteger),
    Column("room_words", FoldedText, nullable=False, default=room_words, server_default=""),
    # The provider has one conference per room name at a time, and so have we.
    Index(
        "uq_conferences_open_room",
        "room",
        unique=True,
        sqlite_where=text("state <> 'ended'"),
        postgresql_where=text("state <> 'ended'"),
    ),
)

participants = Table(
    "participants",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("call_sid", PlainText, nullable=False, index=True),
    Column("label", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("role", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("muted", Boolean, nullable=False, server_default=false()),
    Column("hold", Boolean, nullable=False, server_default=false()),
    Column("coaching", Boolean, nullable=False, server_default=false()),
    # The number of the callback that told all this: an older one that comes late changes nothing.
    Column("provider_seq", BigInteger, nullable=False, server_default="0"),
    # For searches: the label, and what people call it.
    Column("label_words", FoldedText, nullable=False, default=label_words, server_default=""),
    Column("called_words", FoldedText, nullable=False, default=called_words, server_default=""),
    UniqueConstraint("conference_id", "call_sid"),
)

forks = Table(
    "forks",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False, index=True),
    Column("participant_id", PlainText, ForeignKey(participants.c.id), nullable=False, unique=True),
    Column("position", Integer, nullable=False),
    Column("call_sid", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("stream_sid", PlainText),
    Column("covered_ms", BigInteger, nullable=False, server_default="0"),
    Column("token_hash", PlainText, unique=True),
    Column("token_expires_at", UtcDateTime),
    Column("token_used_at", UtcDateTime),
)

utterances = Table(
    "utterances",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("participant_id", PlainText, ForeignKey(participants.c.id), nullable=False),
    # None: the assistant said it, so nobody had to hear it.
    Column("fork_id", PlainText, ForeignKey(forks.c.id)),
    Column("session", PlainText, nullable=False),
    Column("result_index", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("engine", PlainText, nullable=False),
    Column("lag_ms", BigInteger, nullable=False),
    Column("confidence", Float),
    # A recogniser's result is one utterance, however often it is handed in.
    UniqueConstraint("fork_id", "session", "result_index"),
    Index("ix_utterances_conference_id_start_ms", "conference_id", "start_ms"),
)

events = Table(
    "events",
    metadata,
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", PlainText, nullable=False, unique=True),
    Column("type", PlainText, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    # As it was when the event was told: a replay gives the same envelope, not a better informed one.
    Column("conference_sid", PlainText),
    Column("data", PlainText, nullable=False),
)

# What was answered to requests with an Idempotency-Key. Without a status: the first of them is still at work.
answers = Table(
    "answers",
    metadata,
    Column("caller", PlainText, primary_key=True),
    Column("key", PlainText, primary_key=True),
    Column("fingerprint", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("status", Integer),
    Column("content_type", PlainText),
    Column("body", PlainText),
    Column("location", PlainText),
)

# Calls that we placed: what the caps count. Whom they reached is not kept.
dial_outs = Table(
    "dial_outs",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("tenant", PlainText, nullable=False),
    # None: the conference was deleted, and the call still counts.
    Column("conference_id", PlainText, ForeignKey(conferences.c.id)),
    Column("caller", PlainText, nullable=False),
    Column("country", PlainText, nullable=False),
    Column("label", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# Stays of the assistant, with the single-use token of its newest line. What it says while a process dies is found
# here by the next one (``speaking``, JSON).
assistants = Table(
    "assistants",
    metadata,
    Column("id", PlainText, primary_key=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False),
    Column("participant_id", PlainText, nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("by", PlainText, nullable=False),
    Column("prompt", PlainText, nullable=False),
    Column("speaks", PlainText, nullable=False),
    Column("announce", PlainText, nullable=False),
    Column("audience", PlainText, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False, index=True),
    Column("stage", PlainText, nullable=False),
    Column("muted", Boolean, nullable=False),
    Column("call_sid", PlainText),
    Column("joined_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("renderings", Integer, nullable=False),
    Column("dismissed", Boolean, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("detail", PlainText, nullable=False),
    Column("speaking", PlainText),
    Column("token_hash", PlainText, unique=True),
    Column("token_expires_at", UtcDateTime),
    Column("token_used_at", UtcDateTime),
    # One at a time in a conference.
    Index(
        "uq_assistants_live",
        "conference_id",
        unique=True,
        sqlite_where=text("stage IN ('requested', 'joined')"),
        postgresql_where=text("stage IN ('requested', 'joined')"),
    ),
)
