"""What ``sidecar doctor`` finds: one thing looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Result(StrEnum):
    """skipped: not looked at; the detail says why."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """``group`` and ``name``: what was looked at. ``detail``: what was seen.

    ``cure``: what to do about it, in one line; "" when all is well.
    """

    group: str
    name: str
    result: Result
    detail: str
    cure: str = ""


def worst(checks: Iterable[Check]) -> Result:
    """fail before warn before ok; what was skipped changes nothing."""
    results = {check.result for check in checks}
    return next((result for result in (Result.FAIL, Result.WARN) if result in results), Result.OK)


def exit_code(checks: Iterable[Check]) -> int:
    """0: nothing stands in the way; 1: it works, but look at the warnings; 2: something does not work."""
    return {Result.OK: 0, Result.WARN: 1, Result.FAIL: 2}[worst(checks)]
