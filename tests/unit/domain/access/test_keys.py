"""What a key looks like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.access.callers import NameRefused, Scope, ScopeRefused
from sidecar.domain.access.keys import RANDOM_BYTES, is_misspelt, key_of, new_key
from tests.facts import NOON

READ = (Scope.CONFERENCES_READ,)


@given(st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES), st.integers(4, 51), st.sampled_from("0123456789abcdef"))
def test_one_wrong_sign_is_noticed(random: bytes, place: int, sign: str) -> None:
    key = key_of(random)
    assert (len(key), is_misspelt(key)) == (52, False)
    other = key[:place] + sign + key[place + 1 :]
    assert is_misspelt(other) == (other != key)


@pytest.mark.parametrize("secret", ["", "sck_", "sck_of_the_tests", "sck_" + "0" * 40, "skp_" + "0" * 48])
def test_what_has_no_checksum_is_looked_up(secret: str) -> None:
    assert not is_misspelt(secret)


def test_a_key_that_could_do_nothing_is_refused() -> None:
    made = new_key("key_1", " crm ", "sck_abcdef", scopes=READ, tenant="acme", now=NOON)
    assert (made.name, made.ending, made.scopes, made.tenant) == ("crm", "cdef", frozenset(READ), "acme")
    with pytest.raises(ScopeRefused) as nothing:
        new_key("key_1", "crm", "sck_x", scopes=(), tenant="", now=NOON)
    with pytest.raises(ScopeRefused) as over:
        new_key("key_1", "crm", "sck_x", scopes=READ, tenant="", now=NOON, expires_at=NOON - timedelta(days=1))
    assert (nothing.value.code, over.value.code) == ("scopes_missing", "expires_invalid")
    with pytest.raises(NameRefused):
        new_key("key_1", " ", "sck_x", scopes=READ, tenant="", now=NOON)
