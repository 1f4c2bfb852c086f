"""What is sealed is opened by its secret at its place, and by nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.sql.sealed import NotOpened, seal, unseal

SECRET, PLACE = "sck_of_somebody", "answer key_1 k1"


@given(st.binary(), st.text(), st.text())
def test_who_has_the_secret_reads_at_its_place_what_was_sealed(text: bytes, secret: str, place: str) -> None:
    assert unseal(seal(text, secret, place=place), secret, place=place) == text


def test_the_same_text_never_looks_the_same_twice_nor_like_itself() -> None:
    one, other = (seal(b"whsec_very_secret", SECRET, place=PLACE) for _ in range(2))
    assert one != other
    assert b"very_secret" not in base64.b64decode(one)


@pytest.mark.parametrize(("secret", "place"), [("sck_of_another", PLACE), (SECRET, "answer key_1 k2")])
def test_another_secret_and_another_place_open_nothing(secret: str, place: str) -> None:
    with pytest.raises(NotOpened):
        unseal(seal(b"text", SECRET, place=PLACE), secret, place=place)


@given(st.text(max_size=60))
def test_what_was_never_sealed_is_not_opened(text: str) -> None:
    with pytest.raises(NotOpened):
        unseal(text, SECRET, place=PLACE)


@given(st.integers(0, 255 - 1), st.data())
def test_what_was_changed_is_not_opened(change: int, data: st.DataObject) -> None:
    sealed = bytearray(base64.b64decode(seal(b"text", SECRET, place=PLACE)))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= change + 1
    with pytest.raises(NotOpened):
        unseal(base64.b64encode(sealed).decode(), SECRET, place=PLACE)
