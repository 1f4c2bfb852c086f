"""The words of lines, rooms and names, folded, for searches; those that are stored already are taken in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from sidecar.adapters.sql.search.folded import folded_column
from sidecar.adapters.sql.search.tables import IndexedWords
from sidecar.domain.blocks import display_name
from sidecar.domain.folding import folded

revision = "0010"
down_revision = "0009"

_PAGE_ROWS = 1_000

_MOMENT = sa.DateTime(timezone=True)
_conferences = sa.table(
    "conferences", *map(sa.column, ("id", "room", "room_words", "tenant")), sa.column("clock_zero", _MOMENT)
)
_participants = sa.table("participants", *map(sa.column, ("id", "label", "name", "label_words", "called_words")))
_utterances = sa.table(
    "utterances", *map(sa.column, ("id", "conference_id", "participant_id", "seq", "start_ms", "text"))
)
_events = sa.table("events", *map(sa.column, ("conference_id", "seq", "data")))
_utterance_words = sa.table(
    "utterance_words",
    *map(sa.column, ("utterance_id", "conference_id", "participant_id", "tenant", "coaching")),
    sa.column("spoken_at", _MOMENT),
    sa.column("words", IndexedWords),
)


def upgrade() -> None:
    _tables()
    if op.get_context().dialect.name == "sqlite":
        _full_text_table()
    else:
        # While the table is empty: over many rows it might take longer than a statement may.
        op.create_index("ix_utterance_words_words", "utterance_words", ["words"], postgresql_using="gin")
    _take_in_names()
    _take_in_lines()


def _tables() -> None:
    op.add_column("conferences", sa.Column("room_words", sa.Text, nullable=False, server_default=""))
    op.add_column("participants", sa.Column("label_words", sa.Text, nullable=False, server_default=""))
    op.add_column("participants", sa.Column("called_words", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "utterance_words",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("utterance_id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("participant_id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("spoken_at", _MOMENT, nullable=False),
        sa.Column("coaching", sa.Boolean, nullable=False),
        sa.Column("words", sa.Text().with_variant(TSVECTOR(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_utterance_words"),
        sa.ForeignKeyConstraint(["utterance_id"], ["utterances.id"], name="fk_utterance_words_utterance_id_utterances"),
        sa.ForeignKeyConstraint(
            ["conference_id"], ["conferences.id"], name="fk_utterance_words_conference_id_conferences"
        ),
        sa.UniqueConstraint("utterance_id", name="uq_utterance_words_utterance_id"),
    )
    op.create_index("ix_utterance_words_conference_id", "utterance_words", ["conference_id"])


def _full_text_table() -> None:
    """As https://www.sqlite.org/fts5.html#external_content_tables shows it. The tokenizer cuts at ASCII characters that
    are neither letters nor digits; folded words hold no such thing, so it cuts at our blanks only."""
    op.execute(
        "CREATE VIRTUAL TABLE utterance_words_fts USING fts5"
        "(words, content='utterance_words', content_rowid='n', tokenize='ascii')"
    )
    added = "INSERT INTO utterance_words_fts(rowid, words) VALUES (new.n, new.words);"
    gone = "INSERT INTO utterance_words_fts(utterance_words_fts, rowid, words) VALUES ('delete', old.n, old.words);"
    for name, when, what in (
        ("added", "INSERT", added),
        ("gone", "DELETE", gone),
        ("changed", "UPDATE OF words", gone + added),
    ):
        op.execute(f"CREATE TRIGGER utterance_words_{name} AFTER {when} ON utterance_words BEGIN {what} END")


def _take_in_names() -> None:
    connection = op.get_bind()
    for row in _pages(sa.select(_conferences), _conferences.c.id):
        words = {"room_words": folded_column(row.room)}
        connection.execute(sa.update(_conferences).where(_conferences.c.id == row.id).values(words))
    for row in _pages(sa.select(_participants), _participants.c.id):
        called = folded_column(display_name(row.name, row.label))
        words = {"label_words": folded_column(row.label), "called_words": called}
        connection.execute(sa.update(_participants).where(_participants.c.id == row.id).values(words))


def _take_in_lines() -> None:
    """In the order of their ids, which is that of speaking."""
    told = (_events.c.conference_id == _utterances.c.conference_id) & (_events.c.seq == _utterances.c.seq)
    lines = (
        sa.select(_utterances, _conferences.c.tenant, _conferences.c.clock_zero, _events.c.data)
        .join(_conferences, _conferences.c.id == _utterances.c.conference_id)
        .join(_events, told)
    )
    for row in _pages(lines, _utterances.c.id):
        op.get_bind().execute(
            sa.insert(_utterance_words).values(
                utterance_id=row.id,
                conference_id=row.conference_id,
                participant_id=row.participant_id,
                tenant=row.tenant,
                spoken_at=row.clock_zero + timedelta(milliseconds=row.start_ms),
                coaching=bool(msgspec.json.decode(row.data).get("coaching")),
                words=folded(row.text),
            )
        )


def _pages(statement: sa.Select[Any], key: sa.ColumnElement[str]) -> Iterator[Any]:
    """All rows in order of their ids, read some at a time: a statement has a time limit."""
    after = ""
    while rows := op.get_bind().execute(statement.where(key > after).order_by(key).limit(_PAGE_ROWS)).all():
        yield from rows
        after = rows[-1].id
