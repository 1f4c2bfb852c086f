"""What a password has to be like."""

from __future__ import annotations

import pytest

from sidecar.domain.access.passwords import PasswordRefused, checked_password, normal


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_too_short"),
        ("elf letters", "password_too_short"),
        ("x" * 257, "password_too_long"),
        ("ANA MARIA RUIZ", "password_is_name"),
    ],
)
def test_length_counts_and_it_is_not_the_name(password: str, code: str) -> None:
    with pytest.raises(PasswordRefused) as refused:
        checked_password(password, name="Ana Maria Ruiz")
    assert refused.value.code == code
    assert password not in str(refused.value) or not password


def test_the_same_letters_are_the_same_whichever_keyboard_wrote_them() -> None:
    composed, decomposed = "caf\u00e9 au lait, s'il", "cafe\u0301 au lait, s'il"
    assert checked_password(composed, name="Ana") == checked_password(decomposed, name="Ana") == normal(decomposed)
