"""Receivers of webhooks for tests of those who send: scripted, and with a memory of what came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from sidecar.domain.webhooks.endpoints import Outcome
from sidecar.ports.webhook_sender import Answer, Message

OK = Answer(outcome=Outcome.DELIVERED, status=200)
DOWN = Answer(outcome=Outcome.UNREACHABLE, error="no connection")

Receiver = Callable[[Message, datetime], Awaitable[Answer]]


class Received(msgspec.Struct, frozen=True):
    """A message as it came, and how it was answered."""

    message: Message
    at: datetime
    answer: Answer


class FakeWebhookSender:
    """Fulfils ports.webhook_sender.WebhookSender: receivers by URL; who is none of them says thank you."""

    def __init__(self, **receivers: Receiver) -> None:
        self.receivers = {url_of(name): receiver for name, receiver in receivers.items()}
        self.received: list[Received] = []

    async def send(self, message: Message, *, at: datetime) -> Answer:
        """As the receiver answers."""
        receiver = self.receivers.get(message.url)
        answer = OK if receiver is None else await receiver(message, at)
        self.received.append(Received(message, at, answer))
        return answer

    async def close(self) -> None:
        """Nothing is open."""

    def arrived_at(self, name: str) -> list[str]:
        """The webhook-ids that this receiver took, in order, each as often as it did."""
        return [
            each.message.id
            for each in self.received
            if each.message.url == url_of(name) and each.answer.outcome is Outcome.DELIVERED
        ]


def url_of(name: str) -> str:
    """Where the receiver of that name is."""
    return f"https://{name}.example.com/hooks"
