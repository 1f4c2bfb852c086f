"""The sum of many checks."""

from __future__ import annotations

import pytest

from sidecar.domain.checkup import Check, Result, exit_code, worst


@pytest.mark.parametrize(
    ("results", "sum_", "code"),
    [
        ([], Result.OK, 0),
        ([Result.OK, Result.SKIPPED], Result.OK, 0),
        ([Result.OK, Result.WARN, Result.SKIPPED], Result.WARN, 1),
        ([Result.WARN, Result.FAIL, Result.OK], Result.FAIL, 2),
    ],
)
def test_the_worst_counts(results: list[Result], sum_: Result, code: int) -> None:
    checks = [Check(group="g", name="n", result=result, detail="") for result in results]
    assert worst(checks) == sum_
    assert exit_code(checks) == code
