"""A real Chromium against the real pages, event stream and store. No test waits for the network to be idle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright
from playwright.sync_api import expect as expectation

from sidecar.cli.children import free_ports
from tests.browser.call import Call, ServiceProcess
from tests.browser.service import SESSION

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
NewPage = Callable[..., Page]

expectation.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium per file. Not per run: the driver's event loop must be gone before a test with its own loop."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"THE PAGES ARE NOT TESTED: none of {', '.join(BROWSERS)} is on PATH. Install chromium.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Makes pages in contexts of their own; fails the test when one of them logs an error that was not expected.

    ``width``, ``height`` and whatever a Playwright context takes; ``may_fail``: requests may be refused here;
    ``signed_in``: at every service of this run, as a supervisor unless ``session`` is another.
    """
    with _pages(browser) as make:
        yield make


@pytest.fixture(scope="module")
def lasting_page(browser: Browser) -> Iterator[NewPage]:
    """The same for pages that all tests of a file share."""
    with _pages(browser) as make:
        yield make


@contextmanager
def _pages(browser: Browser) -> Iterator[NewPage]:
    contexts: list[BrowserContext] = []
    wrongs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        wrongs.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def make(
        *,
        width: int = 1280,
        height: int = 720,
        may_fail: bool = False,
        signed_in: bool = True,
        session: str = SESSION,
        **options: object,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            timezone_id="Europe/Berlin",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        if signed_in:
            context.add_cookies([{"name": one.cookie, "value": session, "url": one.url} for one in ServiceProcess.all])
        page = context.new_page()
        page.on("pageerror", lambda error: wrongs.append(f"uncaught: {error}"))
        page.on("console", lambda m: wrongs.append(m.text) if m.type == "error" and not may_fail else None)
        page.on("dialog", dismiss)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrongs


@pytest.fixture
def page(new_page: NewPage, shared_service: ServiceProcess) -> Page:
    """A page of 1280 x 720, signed in at the shared service."""
    return new_page()


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One service for all tests that leave it alive."""
    with _service(tmp_path_factory.mktemp("store")) as service:
        yield service


@pytest.fixture(scope="module")
def lasting_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that only the tests of one file know."""
    with _service(tmp_path_factory.mktemp("store")) as service:
        yield service


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that the test may kill."""
    with _service(tmp_path) as service:
        yield service


@contextmanager
def _service(folder: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess(free_ports(1), f"sqlite:///{folder}/sidecar.db")
    service.start()
    yield service
    service.kill()


@pytest.fixture
def call(shared_service: ServiceProcess) -> Call:
    """A fresh call."""
    return Call(shared_service)
