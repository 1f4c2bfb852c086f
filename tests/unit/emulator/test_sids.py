"""Twilio's ids."""

from __future__ import annotations

import pytest

from sidecar.emulator.sids import is_sid, new_sid


@pytest.mark.parametrize("prefix", ["AC", "CA", "CF", "MZ"])
def test_a_new_sid_has_twilios_shape(prefix: str) -> None:
    """Two letters and 32 hexadecimal digits, never the same twice."""
    one, other = new_sid(prefix), new_sid(prefix)
    assert is_sid(one, prefix)
    assert len(one) == 34
    assert one != other


@pytest.mark.parametrize("text", ["", "CA", "CA" + "0" * 31, "CA" + "0" * 33, "CA" + "G" * 32, "MZ" + "0" * 32])
def test_what_has_another_shape_is_no_sid(text: str) -> None:
    """Neither short nor long, nor of another kind, nor with other digits."""
    assert not is_sid(text, "CA")
