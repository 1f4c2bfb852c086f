"""A short round of ``python -m chaos.webhooks``: whoever sends is killed, and everything arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.webhooks import ENDPOINTS, run

pytestmark = pytest.mark.timeout(240)


async def test_whoever_sends_is_killed_and_every_event_arrives_with_the_id_that_it_had(tmp_path: Path) -> None:
    """Processes, sockets, and receivers that verify with the library of Standard Webhooks."""
    outcome = await run(tmp_path, kills=2, events=60, seed=7, lock_s=4.0, rate=60.0)
    assert outcome.deliveries >= ENDPOINTS * 36  # three of five events travel alone
    assert (outcome.undelivered, outcome.forged, outcome.changed, outcome.moved) == (0, 0, 0, 0)
