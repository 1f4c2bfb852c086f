"""Takes words that were redacted by hand out of everything that is stored; runs in the event's transaction.

The log stays whole: no event goes, and its number, id, type and time stay. Only the words in it are replaced. Webhooks
are sent from these rows, so nothing else holds the words.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.adapters.sql.rows import event_of
from sidecar.adapters.sql.search.index import index_lines
from sidecar.adapters.sql.tables import conferences, events, utterances
from sidecar.adapters.sql.webhooks.tables import webhook_attempts, webhook_delivery_events
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.assistant.events import AssistantTurn
from sidecar.domain.errors import NotFound
from sidecar.domain.event_data import EventData
from sidecar.domain.events import Event, UtteranceFinal
from sidecar.domain.redaction.by_hand import UtteranceChanged, forgotten
from sidecar.domain.redaction.events import UtteranceRedacted

# Those that may say the words of a line.
_TELLERS = (UtteranceFinal.type, UtteranceRedacted.type, AssistantTurn.type, AlertRaised.type)


async def forget_words(connection: AsyncConnection, event: Event, redacted: UtteranceRedacted) -> None:
    """``event`` is stored. Raises NotFound, UtteranceChanged; then nothing of the transaction happened."""
    this = (utterances.c.id == redacted.id) & (utterances.c.conference_id == event.conference)
    revision = await connection.scalar(select(utterances.c.revision).where(this))
    if revision is None:
        raise NotFound(f"Conference {event.conference} has no utterance {redacted.id[:64]}.")
    if revision != redacted.revision - 1:
        raise UtteranceChanged(f"Utterance {redacted.id} was redacted meanwhile.", next_step="Read it again.")
    await connection.execute(update(utterances).where(this).values(text=redacted.text, revision=redacted.revision))
    # The manifest that was told no longer fits; whoever redacts tells the next one, or else the next process does.
    this_one = update(conferences).where(conferences.c.id == event.conference)
    await connection.execute(this_one.values(completed_at=None))

    earlier = (
        select(events, conferences.c.tenant)
        .join(conferences)
        .where(events.c.conference_id == event.conference, events.c.seq < event.seq, events.c.type.in_(_TELLERS))
    )
    changed: list[int] = []
    for row in (await connection.execute(earlier)).all():
        told = event_of(row)
        data = _without_words(told.data, redacted)
        if data is None:
            continue
        changed.append(told.seq or 0)
        place = (events.c.conference_id == told.conference) & (events.c.seq == told.seq)
        await connection.execute(update(events).where(place).values(data=msgspec.json.encode(data).decode()))
        await index_lines(connection, [msgspec.structs.replace(told, data=data)])
    # A receiver may have answered with what it was sent.
    carried = (webhook_delivery_events.c.conference_id == event.conference) & webhook_delivery_events.c.seq.in_(changed)
    sent = select(webhook_delivery_events.c.delivery_id).where(carried)
    answered = update(webhook_attempts).where(webhook_attempts.c.delivery_id.in_(sent))
    await connection.execute(answered.values(response=""))


def _without_words(data: EventData, redacted: UtteranceRedacted) -> EventData | None:
    """What an earlier event may still say; None: it says nothing of that line."""
    match data:
        case UtteranceFinal(id=redacted.id):
            return forgotten(data, redacted.text)
        case UtteranceRedacted(id=redacted.id):
            return msgspec.structs.replace(data, text=redacted.text)
        case AssistantTurn(utterance=redacted.id):
            return msgspec.structs.replace(data, text=redacted.text, heard=redacted.text)
        case AlertRaised(utterance=redacted.id) if data.quote:
            start = redacted.text.find(data.quote)
            if start < 0:
                return msgspec.structs.replace(data, quote="", quote_start=None, quote_end=None)
            return msgspec.structs.replace(data, quote_start=start, quote_end=start + len(data.quote))
        case _:
            return None
