"""Names, hashes and links: what may be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.access.callers import (
    NAME_LENGTH_MOST,
    LinkRefused,
    LoginLink,
    NameRefused,
    User,
    UserRole,
    check_link,
    checked_name,
    token_hash,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = User(id="usr_1", name="Ana", role=UserRole.SUPERVISOR, created_at=NOON)


def link(*, reusable: bool) -> LoginLink:
    return LoginLink(user=ANA, reusable=reusable, expires_at=NOON + timedelta(minutes=15))


@given(st.text())
def test_any_text_is_a_name_that_can_be_printed_or_refused(text: str) -> None:
    stripped = text.strip()
    if stripped.isprintable() and 1 <= len(stripped) <= NAME_LENGTH_MOST:
        assert checked_name(text) == stripped
    else:
        with pytest.raises(NameRefused, match="printable"):
            checked_name(text)


@given(st.text() | st.text("a\0\ud800"), st.text())
def test_any_text_has_a_hash_and_only_equal_ones_share_it(one: str, other: str) -> None:
    assert (token_hash(one) == token_hash(other)) is (one == other)
    assert len(token_hash(one)) == 64


@pytest.mark.parametrize(
    ("reusable", "used", "late", "code"),
    [
        (False, False, False, None),
        (False, True, False, "login_link_used"),
        (True, True, False, None),
        (False, False, True, "login_link_expired"),
        (True, True, True, "login_link_expired"),
    ],
)
def test_a_link_opens_once_or_until_it_expires(reusable: bool, used: bool, late: bool, code: str | None) -> None:
    now = NOON + timedelta(minutes=15 if late else 14)
    if code is None:
        assert check_link(link(reusable=reusable), used=used, now=now).user == ANA
        return
    with pytest.raises(LinkRefused) as refused:
        check_link(link(reusable=reusable), used=used, now=now)
    assert refused.value.code == code


def test_no_link_opens_nothing() -> None:
    with pytest.raises(LinkRefused) as refused:
        check_link(None, used=False, now=NOON)
    assert refused.value.code == "login_link_unknown"
