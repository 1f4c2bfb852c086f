"""Where coverage is taken. On Python 3.11 it makes every instruction slower, libraries too: tests take twice as long.

So it is left out of tests that show again, from further away, what a traced test has shown: real browsers, whole calls,
the same contract on a second database. It is also left out of the processes that these start.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import coverage
import pytest

# By this variable coverage.py tells a new process that it is to be measured, too.
TRACED = "COVERAGE_PROCESS_CONFIG"
UNTRACED_ROOMS = {"browser", "e2e", "wheel"}


def is_traced(item: pytest.Item) -> bool:
    """Unless its room, its database or a mark says otherwise."""
    if mark := item.get_closest_marker("traced"):
        return mark.args != (False,)
    return UNTRACED_ROOMS.isdisjoint(item.path.parts) and "postgresql" not in item.name


@contextlib.contextmanager
def no_coverage() -> Iterator[None]:
    """In this process and in those that are started meanwhile."""
    measuring = coverage.Coverage.current()
    if measuring is None:
        yield
        return
    for_children = os.environ.pop(TRACED, None)  # noqa: TID251
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()
        if for_children is not None:
            os.environ[TRACED] = for_children  # noqa: TID251
