"""What searches read: the words of each line, folded (``domain.folding``), beside the line itself.

PostgreSQL keeps them as a tsvector with an index. SQLite keeps them as text; the migration puts an FTS5 table over it,
which triggers of its own keep the same (https://www.sqlite.org/fts5.html#external_content_tables). Neither database
takes text apart by its own rules: what both index are the words that are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Dialect, ForeignKey, Index, Integer, Table, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeEngine

from sidecar.adapters.sql.tables import PlainText, UtcDateTime, conferences, metadata, utterances

# PostgreSQL knows no places behind this one.
_LAST_PLACE = 16_383

# The table that SQLite searches. Only the migration and ``query`` know it.
FTS_TABLE = "utterance_words_fts"


class IndexedWords(TypeDecorator[Sequence[str]]):
    """Folded words in order: separated by blanks on SQLite, a tsvector with their places on PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name != "postgresql":
            return " ".join(value)
        # Words are letters and digits only, so nothing in them has to be quoted.
        return " ".join(f"'{word}':{min(place, _LAST_PLACE)}" for place, word in enumerate(value, 1))


# The newest line has the highest n: the order of results. It belongs to this table alone and survives a VACUUM.
utterance_words = Table(
    "utterance_words",
    metadata,
    Column("n", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("utterance_id", PlainText, ForeignKey(utterances.c.id), nullable=False, unique=True),
    Column("conference_id", PlainText, ForeignKey(conferences.c.id), nullable=False, index=True),
    Column("participant_id", PlainText, nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("spoken_at", UtcDateTime, nullable=False),
    Column("coaching", Boolean, nullable=False),
    Column("words", IndexedWords, nullable=False),
)
Index("ix_utterance_words_words", utterance_words.c.words, postgresql_using="gin").ddl_if(dialect="postgresql")
