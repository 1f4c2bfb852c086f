"""What a vendor's refusal means, and that nothing which it wrote for people gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.vendor_problems import Problem, Vendor, refused

VENDOR = Vendor("Acme", key="ACME_KEY", address="ACME_URL", model="ACME_MODEL")
CODES = {
    "unauthorized", "out_of_credit", "unknown_model", "too_many_requests", "too_long", "bad_request", "vendor_failed",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "vendor_code", "code", "next_step"),
    [
        (401, "", "unauthorized", "ACME_KEY"),
        (403, "insufficient_quota", "out_of_credit", "ACME_KEY"),
        (404, "", "unknown_model", "ACME_MODEL and ACME_URL"),
        (429, "insufficient_quota", "out_of_credit", "credit"),
        (429, "", "too_many_requests", "less often"),
        (0, "rate_limit_exceeded", "too_many_requests", "less often"),
        (400, "context_length_exceeded", "too_long", "less"),
        (422, "", "bad_request", "ACME_MODEL"),
        (0, "", "vendor_failed", "next turn"),
    ],
)
def test_a_refusal_has_a_stable_code_and_says_what_to_do(
    status: int, vendor_code: str, code: str, next_step: str
) -> None:
    problem = refused(VENDOR, status, vendor_code=vendor_code)
    assert problem.code == code
    assert next_step in problem.next_step


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-1", None), ("inf", None), ("Wed, 21 Oct", None), (None, None)]
)
def test_how_long_to_wait_is_a_number_of_seconds_or_unknown(header: str | None, seconds: float | None) -> None:
    assert refused(VENDOR, 429, retry_after=header).retry_after_s == seconds


@given(st.integers(0, 999), st.none() | st.integers() | st.text(), st.none() | st.text(), st.none() | st.text())
def test_only_codes_and_ids_get_through(status: int, vendor_code: object, request_id: object, wait: object) -> None:
    problem = refused(VENDOR, status, vendor_code=vendor_code, request_id=request_id, retry_after=wait)
    assert isinstance(problem, Problem)
    assert problem.code in CODES
    assert problem.message.isascii()
    assert len(problem.message) < 180
    assert "\n" not in problem.message


def test_a_sentence_in_the_place_of_a_code_is_left_out() -> None:
    problem = refused(VENDOR, 401, vendor_code="Incorrect API key provided: sk-secret", request_id="req 1")
    assert problem.message == "Acme refused: HTTP 401."
