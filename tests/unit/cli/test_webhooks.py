"""What ``sidecar webhooks`` understands, and what it refuses before it asks anybody."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from sidecar.cli.webhooks.command import WebhooksFailed, moment
from sidecar.cli.webhooks.forward import secret_of
from tests.commands import run_here

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before"),
    [("90s", timedelta(seconds=90)), ("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("3d", timedelta(3))],
)
def test_a_span_is_counted_back_from_now(text: str, before: timedelta) -> None:
    assert moment(text, now=NOW) == NOW - before


def test_a_moment_may_be_given_with_its_zone() -> None:
    assert moment("2026-11-23T11:00:00+01:00", now=NOW) == NOW - timedelta(hours=2)


@pytest.mark.parametrize("text", ["", "h", "2", "-2h", "2w", "yesterday", "2026-11-23T11:00:00", "9999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WebhooksFailed) as refused:
        moment(text, now=NOW)
    assert refused.value.code == "time_invalid"


def test_the_secret_is_the_same_for_a_key_and_another_for_another() -> None:
    secret = secret_of("sck_one")
    assert secret == secret_of("sck_one") != secret_of("sck_two")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert "sck_one" not in secret


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trigger", "conference.ended"], "--to URL or --endpoint"),
        (
            ["trigger", "conference.ended", "--to", "http://127.0.0.1:9/", "--endpoint", "whe_1"],
            "--to URL or --endpoint",
        ),
        (["trigger", "conference.ended", "--to", "http://127.0.0.1:9/"], "SIDECAR_API_KEY"),
        (["trigger", "no.such", "--to", "http://127.0.0.1:9/", "--key", "sck_1"], "conference.started"),
        (["trigger", "conference.ended", "--to", "http://127.0.0.1:9/", "--secret", "whsec_1"], "24 to 64 bytes"),
        (["listen", "--forward-to", "http://127.0.0.1:9/"], "SIDECAR_API_KEY"),
        (["listen", "--forward-to", "http://127.0.0.1:9/", "--types", "no.such"], "docs/events.md"),
        (["resend", "whe_1", "--key", "sck_1"], "--failed-since or --conference"),
        (["resend", "whe_1", "--key", "sck_1", "--failed-since", "now"], "2h"),
    ],
)
def test_what_makes_no_sense_is_one_line_with_the_way_on(arguments: list[str], expected: str) -> None:
    status, out, err = run_here("webhooks", *arguments)
    assert (status, out) == (1, "")
    assert expected in err
    assert len(err.strip().splitlines()) == 1
