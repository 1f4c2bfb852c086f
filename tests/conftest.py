"""House rules for every test: a clean environment, no task left behind, and in CI no silent skip."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import AsyncIterator, Callable, Generator
from typing import TypeVar

import hypothesis
import pytest

from tests.tracing import is_traced, no_coverage
from tests.virtual_time import VirtualTimeLoop

# How long an example takes says something of the machine, not of the code. In CI the examples are the same each time.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
hypothesis.settings.load_profile("house")

pytest_plugins = ["tests.stores"]

OWN_VARIABLES = ("SIDECAR_", "TWILIO_", "DEEPGRAM_", "OPENAI_")
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
OPTIONAL = "optional:"  # how the reason of a skip begins that may stand in CI too


def pytest_configure() -> None:
    """What the developer has set for a running service must not decide how a test ends; SIDECAR_TEST_* is for us."""
    for name in list(os.environ):
        if name.startswith(OWN_VARIABLES) and not name.startswith("SIDECAR_TEST_"):
            del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures included."""
    if is_traced(item):
        return (yield)
    with no_coverage():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every coroutine test ends with a look at the tasks that are still there. What lasts longest comes first."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "no_task_left_behind")
    items.sort(key=_how_late)  # behind the shuffling, which stays within each part


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Every process imports everything; that one of them does is enough to know what imports run through."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return (yield)
    with no_coverage():
        return (yield)


def pytest_collection_finish() -> None:
    """What was loaded for the tests lives as long as they do: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def _how_late(item: pytest.Item) -> int:
    rooms = item.path.parts
    return 0 if "e2e" in rooms or "browser" in rooms else 1 if "integration" in rooms else 2


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Time is real unless the test is marked."""
    virtual = item.get_closest_marker("virtual_time") is not None
    return {"loop": VirtualTimeLoop if virtual else asyncio.new_event_loop}


@pytest.fixture
async def no_task_left_behind() -> AsyncIterator[None]:
    """Fails a test, fixtures included, that ends while a task it started goes on."""
    before = asyncio.all_tasks()
    yield
    left = [task.get_name() for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, f"tasks left behind: {left}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test fails, unless its reason begins with "optional:"."""
    report = yield
    return refuse_skip(report, item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that skips itself as a whole."""
    report = yield
    return refuse_skip(report, collector.nodeid)


def refuse_skip(report: Report, node: str) -> Report:
    """Turn a skip into a failure where it may not be."""
    if report.skipped and isinstance(report.longrepr, tuple) and os.environ.get("CI") == "true":
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(OPTIONAL):
            report.outcome = "failed"
            report.longrepr = f"{node} may not be skipped in CI: {reason}"
    return report
