"""Conferences, participants, forks, utterances and their events; the epoch of this database's life."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    meta = op.create_table(
        "meta", sa.Column("epoch", sa.Text, nullable=False), sa.PrimaryKeyConstraint("epoch", name="pk_meta")
    )
    op.bulk_insert(meta, [{"epoch": secrets.token_hex(4)}])
    _conferences()
    _participants()
    _forks()
    _utterances()
    _events()


def _conferences() -> None:
    op.create_table(
        "conferences",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("room", sa.Text, nullable=False),
        sa.Column("sid", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("clock_zero", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("completed_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_conferences"),
    )
    op.create_index("ix_conferences_sid", "conferences", ["sid"])
    op.create_index("ix_conferences_clock_zero", "conferences", ["clock_zero"])
    still_open = sa.text("state <> 'ended'")
    op.create_index(
        "uq_conferences_open_room",
        "conferences",
        ["room"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def _participants() -> None:
    op.create_table(
        "participants",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("call_sid", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_participants"),
        sa.ForeignKeyConstraint(
            ["conference_id"], ["conferences.id"], name="fk_participants_conference_id_conferences"
        ),
        sa.UniqueConstraint("conference_id", "call_sid", name="uq_participants_conference_id_call_sid"),
    )
    op.create_index("ix_participants_call_sid", "participants", ["call_sid"])


def _forks() -> None:
    op.create_table(
        "forks",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("participant_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("call_sid", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("stream_sid", sa.Text),
        sa.Column("covered_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("token_hash", sa.Text),
        sa.Column("token_expires_at", _MOMENT),
        sa.Column("token_used_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_forks"),
        sa.ForeignKeyConstraint(["conference_id"], ["conferences.id"], name="fk_forks_conference_id_conferences"),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name="fk_forks_participant_id_participants"),
        sa.UniqueConstraint("participant_id", name="uq_forks_participant_id"),
        sa.UniqueConstraint("token_hash", name="uq_forks_token_hash"),
    )
    op.create_index("ix_forks_conference_id", "forks", ["conference_id"])


def _utterances() -> None:
    op.create_table(
        "utterances",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("participant_id", sa.Text, nullable=False),
        sa.Column("fork_id", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("result_index", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("lag_ms", sa.BigInteger, nullable=False),
        sa.Column("confidence", sa.Float),
        sa.PrimaryKeyConstraint("id", name="pk_utterances"),
        sa.ForeignKeyConstraint(["conference_id"], ["conferences.id"], name="fk_utterances_conference_id_conferences"),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.id"], name="fk_utterances_participant_id_participants"
        ),
        sa.ForeignKeyConstraint(["fork_id"], ["forks.id"], name="fk_utterances_fork_id_forks"),
        sa.UniqueConstraint("fork_id", "session", "result_index", name="uq_utterances_fork_id_session_result_index"),
    )
    op.create_index("ix_utterances_conference_id_start_ms", "utterances", ["conference_id", "start_ms"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("conference_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("timestamp", _MOMENT, nullable=False),
        sa.Column("conference_sid", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("conference_id", "seq", name="pk_events"),
        sa.ForeignKeyConstraint(["conference_id"], ["conferences.id"], name="fk_events_conference_id_conferences"),
        sa.UniqueConstraint("id", name="uq_events_id"),
    )
