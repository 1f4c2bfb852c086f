"""What a password has to be like. https://pages.nist.gov/800-63-4/sp800-63b.html, section 3.1.1: length counts, rules
about signs do not."""

from __future__ import annotations

import unicodedata

from sidecar.domain.errors import SidecarError

LENGTH_LEAST = 12
# Hashing reads all of it, for everybody who asks.
LENGTH_MOST = 256


class PasswordRefused(SidecarError):
    """A password that nobody may have: password_too_short, password_too_long, password_is_name."""

    code = "password_too_short"


class SignInRefused(SidecarError):
    """Name and password do not belong together. It is not said which of them is wrong."""

    code = "sign_in_refused"


def normal(password: str) -> str:
    """As it is hashed: the same letters are the same, whichever keyboard wrote them."""
    return unicodedata.normalize("NFKC", password)


def checked_password(password: str, *, name: str) -> str:
    """A new one in its normal form. ``name``: of whose it is. Raises PasswordRefused."""
    chosen = normal(password)
    if len(chosen) < LENGTH_LEAST:
        raise PasswordRefused(
            f"A password has at least {LENGTH_LEAST} characters.", next_step="Three or four words will do."
        )
    if len(chosen) > LENGTH_MOST:
        raise PasswordRefused(f"A password has at most {LENGTH_MOST} characters.", code="password_too_long")
    if chosen.casefold() == name.casefold():
        raise PasswordRefused("A password is not one's name.", next_step="Choose another.", code="password_is_name")
    return chosen
